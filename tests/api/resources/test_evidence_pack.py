"""The evidence pack over HTTP: officers get a file, each time is an entry, and what cannot be made says why."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from threading import Event

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from devices.city.model import City
from devices.people.audit import AuditFilter
from devices.people.model import Role, Visibility
from rules.alerts.journal import AlertJournal
from tests.api.conftest import client_of
from tests.api.fakes import NOW, change
from tests.api.persons import add_person, signed_in
from tests.waiting import PATIENCE_S

ALERT = change()
PATH = f"/api/v1/alerts/{ALERT.alert_id}/evidence-pack"
OPTIONS = ApiOptions(version="1", token="write-token-for-tests")


def pack(alert_id: str, by: str, at: int, part: City | None) -> bytes:
    assert part is None
    return f"PK {alert_id} {by} {at}".encode()


@pytest.fixture
async def client(parts: ApiParts, journal: AlertJournal) -> AsyncIterator[AsyncClient]:
    journal.record([ALERT], NOW)
    add_person(parts, "officer", Role.OFFICER)
    async with client_of(replace(parts, evidence_pack=pack), OPTIONS) as client:
        yield client


async def test_an_officer_gets_a_file(client: AsyncClient) -> None:
    answer = await client.get(PATH, headers=await signed_in(client, "officer"))
    assert answer.content == f"PK {ALERT.alert_id} officer {NOW}".encode()
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == (f'attachment; filename="haulwatch-evidence-{ALERT.alert_id}.zip"')


async def test_each_export_is_an_entry_also_the_second_of_an_hour(client: AsyncClient, parts: ApiParts) -> None:
    headers = await signed_in(client, "officer")
    for _ in range(2):
        assert (await client.get(PATH, headers=headers)).status_code == 200
        assert (await client.get(PATH.removesuffix("/evidence-pack"), headers=headers)).status_code == 200
    entries = parts.people.audit.entries(AuditFilter(target=ALERT.alert_id), limit=10)
    assert sorted(one.action for one in entries) == [
        "GET /api/v1/alerts/{alert_id}",
        "GET /api/v1/alerts/{alert_id}/evidence-pack",
        "GET /api/v1/alerts/{alert_id}/evidence-pack",
    ]


async def test_nobody_without_a_name_gets_one(parts: ApiParts, journal: AlertJournal) -> None:
    """Also on this machine before the first account, where reading needs nothing."""
    journal.record([ALERT], NOW)
    async with client_of(replace(parts, evidence_pack=pack), OPTIONS) as client:
        assert (await client.get("/api/v1/alerts")).status_code == 200
        assert (await client.get(PATH)).status_code == 401


async def test_without_a_key_it_says_how_to_make_one(parts: ApiParts, journal: AlertJournal) -> None:
    journal.record([ALERT], NOW)
    async with client_of(parts, OPTIONS) as client:
        answer = await client.get(PATH, headers={"Authorization": "Bearer write-token-for-tests"})
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:haulwatch:problem:no-signing-key"
    assert "`haulwatch evidence key`" in answer.json()["detail"]


async def test_an_unknown_alert_is_not_found(client: AsyncClient) -> None:
    headers = await signed_in(client, "officer")
    assert (await client.get("/api/v1/alerts/ffffffffffffffff/evidence-pack", headers=headers)).status_code == 404


async def test_one_is_made_at_a_time_and_few_wait(parts: ApiParts, journal: AlertJournal) -> None:
    journal.record([ALERT], NOW)
    go, making, most = Event(), [0], [0]

    def slow(alert_id: str, by: str, at: int, part: City | None) -> bytes:
        making[0] += 1
        most[0] = max(most[0], making[0])
        assert go.wait(PATIENCE_S)
        making[0] -= 1
        return b"PK"

    async with client_of(replace(parts, evidence_pack=slow), OPTIONS) as client:
        headers = {"Authorization": "Bearer write-token-for-tests"}
        asked = [asyncio.create_task(client.get(PATH, headers=headers)) for _ in range(12)]
        refused, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result().status_code for task in refused} == {429}
        assert (await client.get("/api/v1/trucks", headers=headers)).status_code == 200  # others go on
        go.set()
        statuses = [(await task).status_code for task in asked]
    assert statuses.count(200) == 8
    assert statuses.count(429) == 4
    assert most == [1]


@pytest.mark.parametrize(("hauliers", "status"), [({"north"}, 200), ({"south"}, 404)])
async def test_a_pack_is_made_of_what_its_reader_may_see(
    parts: ApiParts, journal: AlertJournal, hauliers: set[str], status: int
) -> None:
    journal.record([ALERT], NOW)
    add_person(parts, "limited", Role.OFFICER, Visibility(hauliers=frozenset(hauliers)))
    asked: list[City | None] = []

    def narrowed(alert_id: str, by: str, at: int, part: City | None) -> bytes:
        asked.append(part)
        return b"PK"

    async with client_of(replace(parts, evidence_pack=narrowed), OPTIONS) as client:
        answer = await client.get(PATH, headers=await signed_in(client, "limited"))
    assert answer.status_code == status
    seen = [set(part.devices) for part in asked if part is not None]
    assert seen == ([{"truck-1", "truck-2", "truck-3"}] if status == 200 else [])
