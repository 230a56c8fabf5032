"""Requests with large answers: a few work at once, more wait, and beyond the limit they are told to come again."""

import asyncio
from dataclasses import dataclass, field, replace

from fastapi import FastAPI, Response
from httpx import ASGITransport, AsyncClient

from api.http import problems
from api.http.large_answers import HELD, LARGE, WORKING, LargeAnswers, UntilTaken
from api.http.server import serve
from api.ports import ApiOptions, ApiParts
from ingest.store import Row
from tests.api.conftest import client_of
from tests.api.fakes import FakeHistory
from tests.servers import free_port
from tests.waiting import PATIENCE_S, eventually


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


def held(client: AsyncClient) -> int:
    """How many requests hold a place."""
    transport = client._transport
    assert isinstance(transport, ASGITransport)
    assert isinstance(transport.app, FastAPI)
    return int(transport.app.state.large_answers.held)


async def test_a_few_work_others_wait_and_beyond_the_limit_they_are_refused(parts: ApiParts) -> None:
    history = SlowHistory()
    async with (
        client_of(replace(parts, history=history), ApiOptions(version="1")) as client,
        asyncio.TaskGroup() as tasks,
    ):
        asking = [tasks.create_task(client.get("/api/v1/positions")) for _ in range(HELD)]
        # All of them, or the next request has a place too and waits for ever.
        await eventually(lambda: len(history.asked) == WORKING and held(client) == HELD)
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


class NoFeed:
    """In place of the live streams."""

    async def close(self) -> None: ...


async def test_a_place_is_held_until_the_client_has_taken_the_answer() -> None:
    app, stop, ready, port = FastAPI(), asyncio.Event(), asyncio.Event(), free_port()
    app.state.large_answers, app.state.feed = LargeAnswers(held=1), NoFeed()
    problems.install(app)
    app.add_middleware(UntilTaken)

    @app.get("/large", dependencies=LARGE)
    def large() -> Response:
        return Response(b"x" * 20_000_000)  # more than the kernel keeps for a client

    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stop, ready=ready))
    await asyncio.wait_for(ready.wait(), PATIENCE_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    assert b"content-length: 20000000" in head.lower()
    async with AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client:
        assert (await client.get("/large")).status_code == 429
        assert await asyncio.wait_for(reader.readexactly(20_000_000), PATIENCE_S) == b"x" * 20_000_000
        async with asyncio.timeout(PATIENCE_S):
            while (await client.get("/large")).status_code != 200:
                pass
    writer.close()
    stop.set()
    await asyncio.wait_for(serving, PATIENCE_S)
