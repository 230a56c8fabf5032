"""Every action, and every look at personal data, leaves an entry in the audit trail before the answer leaves."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import pytest
from httpx import AsyncClient

from api.access.auditing import LOOKS_MS
from api.people.sign_in_limits import FAILURES
from api.ports import ApiOptions, ApiParts, Journal
from devices.db.database import DatabaseUnavailable
from devices.people.audit import AuditEntry, AuditFilter
from devices.people.model import Role
from rules.alerts.actions import AlertAction, AlertDetail
from rules.alerts.journal import AlertJournal
from rules.cases.model import CaseKind, NewCase
from tests.api.access.test_roles import TABLE, path_of
from tests.api.conftest import client_of
from tests.api.fakes import NOW, T0, FakeDeadLetters, change
from tests.api.persons import PASSWORD, add_person, signed_in

ALERT: Final = f"/api/v1/alerts/{change().alert_id}"
TOKEN: Final = {"Authorization": "Bearer write-token-for-tests"}
NOT_PERSONAL: Final = {
    "GET /", "GET /docs", "GET /openapi.json", "GET /healthz", "GET /readyz", "GET /metrics", "GET /geo/sites.geojson",
    "GET /geo/corridors.geojson", "GET /api/v1/session", "GET /api/v1/city", "GET /api/v1/sites", "GET /api/v1/routes",
    "GET /api/v1/corridors", "GET /api/v1/rules", "GET /api/v1/rule-sets", "GET /api/v1/rule-sets/{version}",
    "GET /api/v1/rule-sets/{version}/differences",
    "GET /api/v1/ledger", "GET /api/v1/zones", "GET /geo/zones.geojson", "GET /api/v1/devices/{device_id}/emptyings",
    "GET /api/v1/bins", "GET /console/assets/{name}", "GET /api/v1/base-map", "GET /api/v1/base-map/archive",
    "GET /api/v1/base-map/tiles/{layer}/{z}/{x}/{y}", "GET /api/v1/sign-on",
    "GET /m/{code}", "GET /report", "GET /report/state", "GET /report/{site_id}", "GET /api/v1/report-codes/{site_id}",
    "GET /api/v1/indicators", "GET /api/v1/deposit-sums",
}  # fmt: skip
"""By hand: what shows no person, no vehicle and nothing that people did. All other reading leaves an entry."""


class Wall:
    """The wall clock of the API."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def desk(
    parts: ApiParts, journal: AlertJournal, dead_letters: FakeDeadLetters, wall: Wall
) -> AsyncIterator[AsyncClient]:
    for role in Role:
        add_person(parts, f"the-{role}", role)
    journal.record([change()], recorded_at=NOW)
    parts.cases.open_case(NewCase(kind=CaseKind.ALERT, title="Heap", alerts=(change().alert_id,)), "li", T0)
    dead_letters.add(b"{")
    options = ApiOptions(version="1", token="write-token-for-tests")
    async with client_of(replace(parts, now=wall), options) as client:
        yield client


def written(parts: ApiParts, **where: Any) -> list[AuditEntry]:
    """Oldest first, without signing in."""
    entries: Sequence[AuditEntry] = parts.people.audit.entries(AuditFilter(**where), limit=1_000)
    return [one for one in reversed(entries) if one.action != "POST /api/v1/session"]


async def test_every_reading_of_personal_data_leaves_an_entry_and_no_other(desk: AsyncClient, parts: ApiParts) -> None:
    headers = await signed_in(desk, "the-administrator")
    answered = set()
    for line in TABLE:
        if line.startswith("GET"):
            path = path_of(line)[1].replace("9f86d081884c7d65", change().alert_id).replace("/7", "/1")
            answer = await desk.head(path, headers=headers)
            if answer.status_code < 400:
                answered.add(line)
    assert {one.action for one in written(parts)} == answered - NOT_PERSONAL
    assert len(answered - NOT_PERSONAL) >= 19


async def test_an_entry_says_who_did_what_to_what_from_where_and_how_it_ended(
    desk: AsyncClient, parts: ApiParts, wall: Wall
) -> None:
    officer = await signed_in(desk, "the-officer")
    wall.now += 5_000
    assert (await desk.post(f"{ALERT}/close", json={"outcome": "no_action"}, headers=officer)).status_code == 200
    [entry] = written(parts)
    assert entry.model_dump(exclude={"no"}) == {
        "at": NOW + 5_000,
        "actor": "the-officer",
        "kind": "person",
        "address": "127.0.0.1",
        "action": "POST /api/v1/alerts/{alert_id}/close",
        "target": change().alert_id,
        "status": 200,
    }


async def test_each_action_leaves_one_also_when_it_is_refused(desk: AsyncClient, parts: ApiParts) -> None:
    viewer, operator = await signed_in(desk, "the-viewer"), await signed_in(desk, "the-operator")
    for _ in range(2):
        await desk.post(f"{ALERT}/comment", json={"note": "x"}, headers=operator)
    await desk.post(f"{ALERT}/comment", json={}, headers=operator)
    await desk.post(f"{ALERT}/comment", json={"note": "x"}, headers=viewer)
    await desk.post(f"{ALERT}/comment", json={"note": "x"}, headers={"Cookie": operator["Cookie"]})
    await desk.post(f"{ALERT}/comment", json={"note": "x"})
    await desk.post(f"{ALERT}/comment", json={"note": "x", "actor": "zhao"}, headers=TOKEN)
    assert [(one.actor, one.kind, one.status) for one in written(parts)] == [
        ("the-operator", "person", 200),
        ("the-operator", "person", 200),
        ("the-operator", "person", 422),
        ("the-viewer", "person", 403),
        ("the-operator", "person", 403),
        ("api-token", "setting", 200),
    ]


async def test_equal_looks_of_an_hour_are_one_entry(desk: AsyncClient, parts: ApiParts, wall: Wall) -> None:
    viewer, officer = await signed_in(desk, "the-viewer"), await signed_in(desk, "the-officer")
    for _ in range(3):
        await desk.get("/api/v1/devices/truck-1/track?start=1772352000000", headers=viewer)
        wall.now += LOOKS_MS // 3 - 1
    await desk.get("/api/v1/devices/truck-2/track", headers=viewer)
    await desk.get("/api/v1/devices/truck-1/track", headers=officer)
    wall.now += 3
    await desk.get("/api/v1/devices/truck-1/track", headers=viewer)
    assert [(one.actor, one.target) for one in written(parts)] == [
        ("the-viewer", "truck-1"),
        ("the-viewer", "truck-2"),
        ("the-officer", "truck-1"),
        ("the-viewer", "truck-1"),
    ]


async def test_what_was_searched_for_stands_in_the_entry(desk: AsyncClient, parts: ApiParts) -> None:
    viewer = await signed_in(desk, "the-viewer")
    await desk.get("/api/v1/alerts?subject=truck-1&limit=7&start=1772352000000", headers=viewer)
    await desk.get("/api/v1/trucks?fleet=north&district=zezhou", headers=viewer)
    await desk.get("/api/v1/trucks?fleet=" + "n" * 60 + "%1b%0a", headers=viewer)
    assert [one.target for one in written(parts)] == [
        "subject=truck-1",
        "district=zezhou fleet=north",
        "fleet=" + "n" * 60 + "\ufffd\ufffd",
    ]


async def test_a_failure_bears_the_name_whose_lock_it_counts_for(desk: AsyncClient, parts: ApiParts) -> None:
    for name in ("The-Viewer ", " the-viewer", "the-viewer"):
        await desk.post("/api/v1/session", json={"name": name, "password": "wrong wrong wrong"})
    assert len(parts.people.audit.entries(AuditFilter(actor="the-viewer"), limit=9)) == 3


class ActsAndFails:
    """A journal that keeps an action and then fails."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def act(self, alert_id: str, action: AlertAction) -> AlertDetail:
        self._journal.act(alert_id, action)
        raise RuntimeError("after the action")


async def test_an_action_at_which_the_server_fails_leaves_an_entry(parts: ApiParts, journal: AlertJournal) -> None:
    journal.record([change()], recorded_at=NOW)
    add_person(parts, "li.wei", Role.OPERATOR)
    failing = replace(parts, journal=cast("Journal", ActsAndFails(journal)))
    async with client_of(failing, ApiOptions(version="1")) as client:
        headers = await signed_in(client, "li.wei")
        answer = await client.post(f"{ALERT}/comment", json={"note": "x"}, headers=headers)
    assert answer.status_code == 500
    assert [(one.actor, one.action, one.status) for one in written(parts)] == [
        ("li.wei", "POST /api/v1/alerts/{alert_id}/comment", 500)
    ]


async def test_signing_in_leaves_entries_of_failures_too_and_no_password(desk: AsyncClient, parts: ApiParts) -> None:
    await signed_in(desk, "the-viewer")
    await desk.post("/api/v1/session", json={"name": "The-Viewer", "password": "wrong wrong wrong"})
    await desk.post("/api/v1/session", json={"name": "nobody", "password": PASSWORD})
    entries = parts.people.audit.entries(AuditFilter(), limit=9)
    assert [(one.actor, one.status) for one in entries] == [("nobody", 401), ("the-viewer", 401), ("the-viewer", 200)]
    assert PASSWORD not in str(entries)


async def test_a_flood_of_failures_does_not_fill_the_trail(desk: AsyncClient, parts: ApiParts) -> None:
    for number in range(FAILURES + 10):
        await desk.post("/api/v1/session", json={"name": f"name-{number}", "password": PASSWORD})
    assert len(parts.people.audit.entries(AuditFilter(), limit=100)) == FAILURES


async def test_nobody_in_particular_leaves_no_entry(parts: ApiParts) -> None:
    async with client_of(parts, ApiOptions(version="1")) as client:
        assert (await client.get("/api/v1/devices")).status_code == 200
    assert written(parts) == []


class AuditAway:
    """A trail that cannot be written."""

    def add(self, entry: object) -> None:
        raise DatabaseUnavailable("postgresql://db.internal refused")

    def entries(self, where: object, *, limit: int, before: int | None = None) -> list[AuditEntry]:
        return []


async def test_without_a_trail_people_get_nothing_and_tokens_of_the_settings_go_on(
    parts: ApiParts, caplog: pytest.LogCaptureFixture
) -> None:
    add_person(parts, "li.wei", Role.VIEWER)
    options = ApiOptions(version="1", token="write-token-for-tests")
    async with client_of(parts, options) as client:
        headers = await signed_in(client, "li.wei")
    without = replace(parts, people=replace(parts.people, audit=AuditAway()))
    async with client_of(without, options) as client:
        for path in ("/api/v1/devices", "/api/v1/tracks", ALERT.rpartition("/")[0]):
            answer = await client.get(path, headers=headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["type"] == "urn:haulwatch:problem:unavailable"
            assert "truck" not in answer.text.replace("/api/v1/trucks", "")
            assert "db.internal" not in answer.text
        assert (await client.get("/api/v1/city", headers=headers)).status_code == 200
        assert (await client.get("/api/v1/devices", headers=TOKEN)).status_code == 200
    assert "api-token GET /api/v1/devices" in caplog.text


async def test_administrators_read_the_trail_page_by_page(desk: AsyncClient, parts: ApiParts) -> None:
    officer, administrator = await signed_in(desk, "the-officer"), await signed_in(desk, "the-administrator")
    for number in range(5):
        await desk.post(f"{ALERT}/comment", json={"note": f"{number}"}, headers=officer)
    found, cursor = [], ""
    while cursor is not None:
        path = "/api/v1/audit?actor=the-officer&limit=2" + (f"&cursor={cursor}" if cursor else "")
        page = (await desk.get(path, headers=administrator)).json()
        found += [one["action"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert found == ["POST /api/v1/alerts/{alert_id}/comment"] * 5 + ["POST /api/v1/session"]
    assert [one.action for one in written(parts, actor="the-administrator")] == ["GET /api/v1/audit"]
    faulty = await desk.get("/api/v1/audit?cursor=x", headers=administrator)
    assert faulty.json()["errors"][0]["field"] == "query.cursor"
