"""The evidence pack over HTTP: officers get a file, each time is an entry, and what cannot be made says why."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from threading import Event
from typing import BinaryIO

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from devices.city.model import City
from devices.db.database import DatabaseUnavailable
from devices.people.audit import AuditFilter
from devices.people.model import Role, Visibility
from ingest.evidence.errors import NoSuchAlert, NotExported
from ingest.log.raw_log import RawLogError
from rules.alerts.journal import AlertJournal
from tests.api.conftest import client_of
from tests.api.fakes import NOW, change
from tests.api.persons import add_person, signed_in
from tests.waiting import PATIENCE_S, eventually

ALERT = change()
PATH = f"/api/v1/alerts/{ALERT.alert_id}/evidence-pack"
OPTIONS = ApiOptions(version="1", token="write-token-for-tests")


def pack(alert_id: str, by: str, at: int, part: City | None) -> BinaryIO:
    assert part is None
    return BytesIO(f"PK {alert_id} {by} {at}".encode())


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


async def test_two_are_made_at_a_time_one_of_a_person_and_few_wait(parts: ApiParts, journal: AlertJournal) -> None:
    journal.record([ALERT], NOW)
    go, making, most, made = Event(), [0], [0], list[str]()

    def slow(alert_id: str, by: str, at: int, part: City | None) -> BinaryIO:
        making[0] += 1
        most[0] = max(most[0], making[0])
        assert go.wait(PATIENCE_S)
        making[0] -= 1
        made.append(by)
        return BytesIO(b"PK")

    people = [f"officer-{number}" for number in range(12)]
    for name in people:
        add_person(parts, name, Role.OFFICER)
    async with client_of(replace(parts, evidence_pack=slow), OPTIONS) as client:
        headers = [await signed_in(client, name) for name in people]
        greedy = [asyncio.create_task(client.get(PATH, headers=headers[0])) for _ in range(5)]
        await eventually(lambda: sum(task.done() for task in greedy) == 4 and making == [1])
        refused = {task.result().json()["type"] for task in greedy if task.done()}
        assert refused == {"urn:haulwatch:problem:too-busy"}, "a person has one place, whatever he asks for"
        asked = [asyncio.create_task(client.get(PATH, headers=one)) for one in headers[1:]]
        await eventually(lambda: sum(task.done() for task in asked) == 4 and making == [2])
        assert {task.result().status_code for task in asked if task.done()} == {429}
        assert (await client.get("/api/v1/trucks", headers=headers[0])).status_code == 200  # others go on
        go.set()
        statuses = [(await task).status_code for task in (*greedy, *asked)]
        assert statuses.count(200) == 8
        assert most == [2]
        assert len(set(made)) == len(made) == 8
        assert (await client.get(PATH, headers=headers[0])).status_code == 200, "the place is free again"


@pytest.mark.parametrize(
    ("raised", "status", "kind"),
    [
        (NotExported("it took longer than 10 minutes"), 409, "not-made"),
        (NoSuchAlert("gone"), 404, "not-found"),
        (DatabaseUnavailable("away"), 503, "unavailable"),
        (RawLogError("away"), 503, "unavailable"),
    ],
)
async def test_what_cannot_be_made_has_an_answer_and_gives_the_place_back(
    parts: ApiParts, journal: AlertJournal, raised: Exception, status: int, kind: str
) -> None:
    journal.record([ALERT], NOW)

    def refused(alert_id: str, by: str, at: int, part: City | None) -> BinaryIO:
        raise raised

    async with client_of(replace(parts, evidence_pack=refused), OPTIONS) as client:
        for _ in range(2):
            answer = await client.get(PATH, headers={"Authorization": "Bearer write-token-for-tests"})
            assert (answer.status_code, answer.json()["type"]) == (status, f"urn:haulwatch:problem:{kind}")


@pytest.mark.parametrize(("hauliers", "status"), [({"north"}, 200), ({"south"}, 404)])
async def test_a_pack_is_made_of_what_its_reader_may_see(
    parts: ApiParts, journal: AlertJournal, hauliers: set[str], status: int
) -> None:
    journal.record([ALERT], NOW)
    add_person(parts, "limited", Role.OFFICER, Visibility(hauliers=frozenset(hauliers)))
    asked: list[City | None] = []

    def narrowed(alert_id: str, by: str, at: int, part: City | None) -> BinaryIO:
        asked.append(part)
        return BytesIO(b"PK")

    async with client_of(replace(parts, evidence_pack=narrowed), OPTIONS) as client:
        answer = await client.get(PATH, headers=await signed_in(client, "limited"))
    assert answer.status_code == status
    seen = [set(part.devices) for part in asked if part is not None]
    assert seen == ([{"truck-1", "truck-2", "truck-3"}] if status == 200 else [])
