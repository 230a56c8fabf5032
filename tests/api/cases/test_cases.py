"""`/cases`: alerts are taken up, worked on and closed, over HTTP."""

from dataclasses import replace
from typing import Any

import pytest
from httpx import AsyncClient, Response

from api.ports import ApiOptions, ApiParts
from devices.people.audit import AuditFilter
from devices.people.model import Language, Person, Role
from rules.alerts.journal import AlertJournal
from tests.api.conftest import client_of
from tests.api.fakes import NOW, T0, change
from tests.api.persons import PASSWORD, signed_in

TOKEN = {"Authorization": "Bearer write-token-for-tests"}
ALERT, OTHER = change().alert_id, change(60, subject="bin-1").alert_id


@pytest.fixture(autouse=True)
def recorded(journal: AlertJournal) -> None:
    journal.record([change(), change(60, subject="bin-1")], NOW)


async def post(client: AsyncClient, path: str = "", **body: Any) -> Response:
    return await client.post(f"/api/v1/cases{path}", json={"actor": "li.wei", **body}, headers=TOKEN)


async def test_a_case_goes_from_alert_to_outcome(client: AsyncClient) -> None:
    made = await post(client, alerts=[ALERT], assignee="team-3")
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/cases/2026-000001")
    case = made.json()["case"]
    assert (case["title"], case["kind"], case["state"]) == ("illegal_dumping by truck-1", "alert", "open")
    assert [alert["alert_id"] for alert in made.json()["alerts"]] == [ALERT]
    assert made.json()["alerts"][0]["acknowledged_by"] == "li.wei"
    for path, body in (
        ("alerts", {"alerts": [OTHER], "reason": "same place"}),
        (f"alerts/{OTHER}/remove", {"reason": "another matter"}),
        ("assign", {"assignee": None}),
        ("begin", {}),
        ("change", {"address": "Mill road", "district": "zezhou", "reason": "seen"}),
        ("deadline", {"deadline": "2026-12-31T15:59:59Z", "reason": "laboratory"}),
    ):
        answer = await post(client, f"/2026-000001/{path}", version=case["version"], **body)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        case = answer.json()["case"]
    assert (case["version"], case["state"], case["assignee"], case["address"]) == (7, "in_progress", None, "Mill road")
    assert case["deadline"] == 1_798_732_799_000
    assert (await post(client, "/2026-000001/comment", reason="photographs")).json()["case"]["version"] == 7
    done = await post(client, "/2026-000001/close", version=7, outcome="confirmed_violation", reason="fined")
    assert done.json()["alerts"][0]["outcome"] == "confirmed_violation"
    again = await post(client, "/2026-000001/reopen", version=8, reason="appeal")
    assert again.json()["case"]["state"] == "open"
    shown = (await client.get("/api/v1/cases/2026-000001")).json()
    assert shown == again.json()
    assert [event["kind"] for event in shown["events"]] == [
        "opened", "alert_added", "alert_added", "alert_removed", "assigned", "begun", "changed", "deadline_set",
        "commented", "closed", "reopened",
    ]  # fmt: skip
    listed = (await client.get("/api/v1/cases", params={"alert": ALERT, "open": "true", "text": "mill"})).json()
    assert [one["number"] for one in listed["items"]] == ["2026-000001"]
    assert (await client.get("/api/v1/cases", params={"alert": OTHER})).json()["items"] == []


async def test_the_trail_names_the_case_that_was_opened(client: AsyncClient, parts: ApiParts) -> None:
    await post(client, alerts=[ALERT])
    [entry] = parts.people.audit.entries(AuditFilter(), limit=9)
    assert (entry.action, entry.target, entry.status) == ("POST /api/v1/cases", "2026-000001", 201)


async def test_a_case_without_alerts_says_what_it_is_about(client: AsyncClient) -> None:
    made = await post(client, title="砖厂后土堆", lat=35.46, lon=112.86, district="zezhou", reason="letter")
    assert (made.status_code, made.json()["case"]["kind"], made.json()["alerts"]) == (201, "manual", [])


@pytest.mark.parametrize(
    ("path", "body", "status", "problem", "field"),
    [
        ("", {}, 422, "invalid", "body.title"),
        ("", {"title": "x", "lat": 35.0}, 422, "invalid", "body.lon"),
        ("", {"title": "x", "lat": 91, "lon": 0}, 422, "invalid", "body.lat"),
        ("", {"title": "x", "district": "nowhere"}, 422, "invalid", "body.district"),
        ("", {"title": "a\u200bb"}, 422, "invalid", "body.title"),
        ("", {"title": "x", "deadline": T0}, 422, "invalid", "body.deadline"),
        ("", {"alerts": ["0" * 16]}, 404, "not-found", None),
        ("", {"alerts": [ALERT]}, 409, "alert-taken", None),
        ("/2026-000001/begin", {"version": 2}, 409, "outdated", None),
        ("/2026-000001/begin", {}, 422, "invalid", "body.version"),
        ("/2026-000001/reopen", {"version": 1, "reason": "x"}, 409, "case-state", None),
        ("/2026-000001/close", {"version": 1, "outcome": "no_action"}, 422, "invalid", "body.reason"),
        ("/2026-000001/close", {"version": 1, "outcome": "duplicate", "reason": "x"}, 422, "invalid", "body.outcome"),
        ("/2026-000001/change", {"version": 1, "reason": "x"}, 422, "invalid", "body.change"),
        ("/2026-000001/change", {"version": 1, "reason": "x", "title": None}, 422, "invalid", "body.title"),
        (f"/2026-000001/alerts/{OTHER}/remove", {"version": 1, "reason": "x"}, 422, "invalid", "body.alert_id"),
        ("/2026-000009/begin", {"version": 1}, 404, "not-found", None),
        ("/26-9/begin", {"version": 1}, 422, "invalid", "path.case_number"),
    ],
)
async def test_what_cannot_be_done_is_a_problem_that_says_why(
    client: AsyncClient, path: str, body: dict[str, Any], status: int, problem: str, field: str | None
) -> None:
    await post(client, alerts=[ALERT])
    answer = await post(client, path, **body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:haulwatch:problem:{problem}"), answer.text
    assert [fault["field"] for fault in answer.json().get("errors", [])] == ([] if field is None else [field])


async def test_the_title_of_an_alert_is_in_the_language_of_the_person(parts: ApiParts) -> None:
    accounts: Any = parts.people.accounts
    accounts.add(Person("wang", "Wang", Role.OFFICER, language=Language.ZH), PASSWORD)
    async with client_of(parts, ApiOptions(version="1", token="write-token-for-tests")) as client:
        headers = await signed_in(client, "wang")
        made = await client.post("/api/v1/cases", json={"alerts": [ALERT]}, headers=headers)
    assert (made.json()["case"]["title"], made.json()["case"]["opened_by"]) == ("truck-1 告警", "wang")


async def test_lists_know_what_is_overdue(parts: ApiParts) -> None:
    options = ApiOptions(version="1", token="write-token-for-tests")
    async with client_of(parts, options) as client:
        await post(client, title="x", deadline=NOW + 1_000)
        await post(client, title="y", deadline=NOW + 9_000)
    async with client_of(replace(parts, now=lambda: NOW + 5_000), options) as client:
        listed = (await client.get("/api/v1/cases", params={"overdue": "true"})).json()["items"]
        assert [(one["title"], one["overdue"]) for one in listed] == [("x", True)]
        every = (await client.get("/api/v1/cases", params={"limit": 1})).json()
        more = (await client.get("/api/v1/cases", params={"limit": 1, "cursor": every["next_cursor"]})).json()
        assert [one["title"] for one in (*every["items"], *more["items"])] == ["y", "x"]
        wrong = await client.get("/api/v1/cases", params={"cursor": "x"})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "query.cursor")


async def test_the_closing_rate_is_that_of_the_span(client: AsyncClient) -> None:
    await post(client, title="x")
    await post(client, title="y")
    await post(client, "/2026-000001/close", version=1, outcome="unfounded", reason="x")
    found = (await client.get("/api/v1/cases/indicators")).json()
    assert (found["opened"], found["closed"], found["closing_rate_pct"], found["in_time_rate_pct"]) == (
        2,
        1,
        50.0,
        100.0,
    )
    assert found["by_kind"]["manual"]["opened"] == 2
    before = (await client.get("/api/v1/cases/indicators", params={"from": T0, "to": NOW})).json()
    assert (before["opened"], before["closing_rate_pct"]) == (0, None)
    wrong = await client.get("/api/v1/cases/indicators", params={"from": NOW, "to": NOW})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "query.from")


async def test_metrics_count_open_and_overdue_cases(parts: ApiParts) -> None:
    options = ApiOptions(version="1", token="write-token-for-tests")
    async with client_of(parts, options) as client:
        await post(client, title="x", deadline=NOW + 1_000)
        await post(client, alerts=[ALERT])
        await post(client, "/2026-000002/close", version=1, outcome="unfounded", reason="x")
    async with client_of(replace(parts, now=lambda: NOW + 5_000), options) as client:
        text = (await client.get("/metrics", headers=TOKEN)).text
    assert 'haulwatch_cases_open{kind="manual"} 1.0' in text
    assert 'haulwatch_cases_overdue{kind="manual"} 1.0' in text
    assert 'haulwatch_cases_open{kind="alert"} 0.0' in text
    assert "haulwatch_case_closing_rate_percent 50.0" in text
