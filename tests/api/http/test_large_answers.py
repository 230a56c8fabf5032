"""Requests with large answers: a few work at once, more wait, and beyond the limit they are told to come again."""

import asyncio
from dataclasses import dataclass, field, replace

from httpx import AsyncClient

from api.http.large_answers import HELD, WORKING
from api.ports import ApiOptions, ApiParts
from ingest.store import Row
from tests.api.conftest import client_of
from tests.api.fakes import FakeHistory
from tests.waiting import eventually


@dataclass
class SlowHistory(FakeHistory):
    """Answers no query before `open_` is set."""

    open_: asyncio.Event = field(default_factory=asyncio.Event)
    asked: set[object] = field(default_factory=set)
    """Tasks that wait here: one for each query."""

    async def latest_of(self, kind: str, device_ids: object) -> list[Row]:
        self.asked.add(asyncio.current_task())
        await self.open_.wait()
        return []

    async def latest_located(self, device_ids: object) -> list[Row]:
        return []


async def test_a_few_work_others_wait_and_beyond_the_limit_they_are_refused(parts: ApiParts) -> None:
    history = SlowHistory()
    async with (
        client_of(replace(parts, history=history), ApiOptions(version="1")) as client,
        asyncio.TaskGroup() as tasks,
    ):
        asking = [tasks.create_task(client.get("/api/v1/positions")) for _ in range(HELD)]
        await eventually(lambda: len(history.asked) == WORKING)
        refused = await client.get("/api/v1/trucks")
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:haulwatch:problem:too-busy")
        assert refused.headers["retry-after"] == "2"
        assert "Try again in 2 s" in refused.json()["detail"]
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/api/v1/city")).status_code == 200, "a small answer waits for none"
        assert len(history.asked) == WORKING
        history.open_.set()
        assert {(await one).status_code for one in asking} == {200}
        assert (await client.get("/api/v1/positions")).status_code == 200, "all places are free again"


async def test_a_request_without_a_token_takes_no_place(parts: ApiParts) -> None:
    history = SlowHistory()
    options = ApiOptions(version="1", read_token="the-read-token")
    async with client_of(replace(parts, history=history), options) as client, asyncio.TaskGroup() as tasks:
        reader = {"Authorization": "Bearer the-read-token"}
        asking = [tasks.create_task(client.get("/api/v1/positions", headers=reader)) for _ in range(HELD)]
        await eventually(lambda: len(history.asked) == WORKING)
        assert (await client.get("/api/v1/trucks")).status_code == 401
        history.open_.set()
        assert {(await one).status_code for one in asking} == {200}


async def test_a_refused_request_leaves_its_place(client: AsyncClient) -> None:
    for _ in range(HELD + 1):
        answer = await client.get("/api/v1/tracks", params={"start": 5, "end": 1})
        assert answer.status_code == 422
