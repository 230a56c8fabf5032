"""What a person of one district or haulier learns of cases that concern others: not even their number."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from devices.people.model import Role
from rules.alerts.journal import AlertJournal
from rules.cases.actions import AddAlerts
from rules.cases.model import CaseKind, NewCase
from tests.api.access.divided import LIMITS, OTHER, OWN, alert_of, divided_city
from tests.api.conftest import client_of
from tests.api.fakes import NOW, change
from tests.api.persons import add_person, signed_in

SHARED = change(60, subject=OWN)


@pytest.fixture
async def client(parts: ApiParts, journal: AlertJournal) -> AsyncIterator[AsyncClient]:
    """Case 1 is one's own; 2 holds a truck of one's own and one of the others'; 3, 4 and 5 hold no alert."""
    city = divided_city()
    journal.record([alert_of(OWN), alert_of(OTHER), SHARED], NOW)

    def opened(kind: CaseKind, *alerts: str, district: str | None = None) -> None:
        parts.cases.open_case(NewCase(kind=kind, title="x", alerts=alerts, district=district), "li", NOW)

    opened(CaseKind.ALERT, alert_of(OWN).alert_id)
    opened(CaseKind.ALERT, SHARED.alert_id, alert_of(OTHER).alert_id)
    opened(CaseKind.REPORT, district="zezhou")
    opened(CaseKind.REPORT, district="d-OTHER")
    opened(CaseKind.MANUAL)
    for name, visibility in LIMITS.items():
        add_person(parts, name, Role.OFFICER, visibility)
    options = ApiOptions(version="1", token="write-token-for-tests")
    async with client_of(replace(parts, city=lambda: city), options) as client:
        yield client


SEEN = {"district": ["2026-000003", "2026-000001"], "haulier": ["2026-000001"], "both": ["2026-000001"]}


@pytest.mark.parametrize("name", LIMITS)
async def test_lists_and_figures_are_of_what_may_be_seen(client: AsyncClient, name: str) -> None:
    headers = await signed_in(client, name)
    listed = (await client.get("/api/v1/cases", headers=headers)).json()["items"]
    assert [one["number"] for one in listed] == SEEN[name]
    found = (await client.get("/api/v1/cases/indicators", headers=headers)).json()
    assert found["opened"] == len(SEEN[name])
    for number in range(1, 7):
        answer = await client.get(f"/api/v1/cases/2026-{number:06}", headers=headers)
        assert answer.status_code == (200 if f"2026-{number:06}" in SEEN[name] else 404)
    by_alert = await client.get(f"/api/v1/cases?alert={SHARED.alert_id}", headers=headers)
    assert by_alert.json()["items"] == []


@pytest.mark.parametrize("name", LIMITS)
async def test_who_holds_an_alert_is_not_told_if_it_may_not_be_seen(client: AsyncClient, name: str) -> None:
    headers = await signed_in(client, name)
    for path, body in (
        ("cases", {"alerts": [SHARED.alert_id]}),
        ("cases/2026-000001/alerts", {"alerts": [SHARED.alert_id], "version": 1}),
    ):
        answer = await client.post(f"/api/v1/{path}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:haulwatch:problem:alert-taken")
        assert "another open case" in answer.json()["detail"]
        assert "2026-000002" not in answer.text
    own = await client.post("/api/v1/cases", json={"alerts": [alert_of(OWN).alert_id]}, headers=headers)
    assert "case 2026-000001" in own.json()["detail"]


async def test_a_case_that_becomes_one_of_others_while_a_person_writes_is_gone(
    client: AsyncClient, parts: ApiParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = await signed_in(client, "district")
    act: Any = parts.cases.act
    free = change(120, subject=OTHER)
    parts.journal.record([free], NOW)  # type: ignore[attr-defined]

    def slow(number: str, action: Any) -> Any:
        act(number, AddAlerts(actor="li", at=NOW, version=1, alerts=(free.alert_id,)))
        return act(number, action)

    monkeypatch.setattr(parts.cases, "act", slow)
    answer = await client.post("/api/v1/cases/2026-000001/comment", json={"reason": "x"}, headers=headers)
    assert answer.status_code == 404
    assert free.alert_id not in answer.text


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("district", {"title": "x", "district": "zezhou"}, 201),
        ("district", {"title": "x"}, 422),
        ("both", {"title": "x", "district": "zezhou"}, 422),
        ("haulier", {"title": "x", "district": "zezhou"}, 422),
    ],
)
async def test_who_sees_a_part_opens_cases_that_he_sees(
    client: AsyncClient, name: str, body: dict[str, Any], status: int
) -> None:
    headers = await signed_in(client, name)
    answer = await client.post("/api/v1/cases", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 201:
        assert (await client.get(answer.headers["location"], headers=headers)).status_code == 200
        moved = {"version": 1, "district": None, "reason": "x"}
        answer = await client.post(f"{answer.headers['location']}/change", json=moved, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.district")


ACTIONS: Final[dict[str, dict[str, Any]]] = {
    "alerts": {"alerts": [alert_of(OWN).alert_id]},
    f"alerts/{SHARED.alert_id}/remove": {},
    "assign": {"assignee": "x"},
    "begin": {},
    "comment": {},
    "change": {"title": "x"},
    "deadline": {"deadline": NOW + 60_000},
    "close": {"outcome": "no_action"},
    "reopen": {},
}


@pytest.mark.parametrize("name", LIMITS)
async def test_what_is_of_others_too_can_be_changed_by_those_who_see_both(
    client: AsyncClient, parts: ApiParts, name: str
) -> None:
    headers, others = await signed_in(client, name), alert_of(OTHER).alert_id
    before = [parts.cases.case(f"2026-{number:06}", NOW) for number in range(1, 7)]
    for action, more in ACTIONS.items():
        body: dict[str, Any] = {"version": 1, "reason": "x"} | more
        if action == "comment":
            del body["version"]
        answer = await client.post(f"/api/v1/cases/2026-000002/{action}", json=body, headers=headers)
        assert answer.status_code == 404, f"{action}: {answer.text}"
    refused: list[tuple[str, dict[str, Any], int]] = [
        ("", {"alerts": [others]}, 404),
        ("", {"title": "x", "district": "d-OTHER"}, 422),
        ("/2026-000001/alerts", {"version": 1, "alerts": [others]}, 404),
        (f"/2026-000001/alerts/{others}/remove", {"version": 1, "reason": "x"}, 422),
        ("/2026-000001/change", {"version": 1, "district": "d-OTHER", "reason": "x"}, 422),
    ]
    for path, body, status in refused:
        answer = await client.post(f"/api/v1/cases{path}", json=body, headers=headers)
        assert answer.status_code == status, f"{path}: {answer.text}"
    assert [parts.cases.case(f"2026-{number:06}", NOW) for number in range(1, 7)] == before


@pytest.mark.parametrize("name", LIMITS)
async def test_what_is_ones_own_can_be_worked_on(client: AsyncClient, name: str) -> None:
    headers, own = await signed_in(client, name), alert_of(OWN).alert_id
    for path, body in (
        ("/2026-000001/begin", {"version": 1}),
        ("/2026-000001/close", {"version": 2, "outcome": "no_action", "reason": "x"}),
        ("", {"alerts": [own]}),
    ):
        answer = await client.post(f"/api/v1/cases{path}", json=body, headers=headers)
        assert answer.status_code < 300, f"{path}: {answer.text}"
