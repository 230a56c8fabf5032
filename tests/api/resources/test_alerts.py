"""Alerts: found and acted on, with the real journal."""

from dataclasses import replace

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from ingest.alerts.rate import Call, alert_rate
from ingest.notices.summary import ChannelSummary
from rules.alerts.journal import AlertJournal
from rules.alerts.model import Amendment, Phase, Severity
from tests.api.conftest import client_of
from tests.api.fakes import NOW, T0, change

WRITE = {"Authorization": "Bearer write-token-for-tests"}


@pytest.fixture
def an_alert(journal: AlertJournal) -> str:
    first = change()
    journal.record([first], recorded_at=NOW)
    return first.alert_id


async def test_alerts_come_newest_first_in_pages_of_which_none_is_lost_or_repeated(
    client: AsyncClient, journal: AlertJournal
) -> None:
    # Several open in the same millisecond: the page boundary falls between them.
    journal.record([change(n // 4, subject=f"truck-{n}") for n in range(23)], recorded_at=NOW)
    seen, cursor = [], None
    while True:
        params = {"limit": 5} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/alerts", params=params)).json()
        seen += [(alert["opened_at"], alert["alert_id"]) for alert in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 23
    assert seen == sorted(seen, reverse=True)


async def test_every_filter_narrows(client: AsyncClient, journal: AlertJournal) -> None:
    journal.record(
        [
            change(0),
            change(60, rule="bin_overflow", subject="bin-1", severity=Severity.P2),
            change(120, subject="truck-2", phase=Phase.CLOSED, closed=300),
        ],
        recorded_at=NOW,
    )
    for params, expected in (
        ({"rule": "bin_overflow"}, ["bin-1"]),
        ({"severity": "P1"}, ["truck-2", "truck-1"]),
        ({"phase": "closed"}, ["truck-2"]),
        ({"subject": "truck-1"}, ["truck-1"]),
        ({"open": "true"}, ["bin-1", "truck-1"]),
        ({"open": "false"}, ["truck-2"]),
        ({"handled": "true"}, []),
        ({"start": T0 + 60_000, "end": T0 + 120_000}, ["bin-1"]),
        ({"start": "2026-03-01T08:02:00Z"}, ["truck-2"]),
    ):
        page = (await client.get("/api/v1/alerts", params=params)).json()
        assert [alert["subject"] for alert in page["items"]] == expected, params


async def test_an_alert_explains_itself(client: AsyncClient, journal: AlertJournal) -> None:
    journal.record([change(phase=Phase.PROVISIONAL), change(revision=2)], recorded_at=NOW)
    detail = (await client.get(f"/api/v1/alerts/{change().alert_id}")).json()
    assert detail["alert"]["phase"] == "confirmed"
    assert detail["alert"]["evidence"]["findings"] == [{"en": "Bed raised for 42 s", "zh": "举升 42 秒"}]
    assert [entry["change"]["phase"] for entry in detail["changes"]] == ["provisional", "confirmed"]


async def test_an_alert_is_acknowledged_assigned_commented_and_closed_once(client: AsyncClient, an_alert: str) -> None:
    base = f"/api/v1/alerts/{an_alert}"
    for verb, body in (
        ("acknowledge", {"actor": "li.wei"}),
        ("assign", {"actor": "li.wei", "assignee": "team-3"}),
        ("comment", {"actor": "team-3", "note": "在路上"}),
        ("close", {"actor": "team-3", "outcome": "confirmed_violation", "note": "12 t of spoil"}),
    ):
        answer = await client.post(f"{base}/{verb}", json=body, headers=WRITE)
        assert answer.status_code == 200, answer.text
    alert = answer.json()["alert"]
    assert (alert["acknowledged_by"], alert["assigned_to"], alert["outcome"]) == (
        "li.wei",
        "team-3",
        "confirmed_violation",
    )
    assert alert["handled_at"] == NOW
    assert [action["kind"] for action in answer.json()["actions"]] == ["acknowledge", "assign", "comment", "close"]

    again = await client.post(f"{base}/close", json={"actor": "x", "outcome": "false_alarm"}, headers=WRITE)
    assert (again.status_code, again.json()["type"]) == (409, "urn:haulwatch:problem:already-closed")
    assert (await client.get(base)).json()["alert"]["outcome"] == "confirmed_violation"


async def test_an_outcome_is_corrected_with_a_reason_and_the_closing_stays(client: AsyncClient, an_alert: str) -> None:
    base = f"/api/v1/alerts/{an_alert}"
    appeal = {"actor": "zhao", "outcome": "false_alarm", "note": "the site had a permit"}
    early = await client.post(f"{base}/correct", json=appeal, headers=WRITE)
    assert (early.status_code, early.json()["errors"][0]["field"]) == (422, "body.outcome")
    closing = {"actor": "team-3", "outcome": "confirmed_violation"}
    assert (await client.post(f"{base}/close", json=closing, headers=WRITE)).status_code == 200
    unexplained = await client.post(f"{base}/correct", json=appeal | {"note": ""}, headers=WRITE)
    assert unexplained.status_code == 422
    done = await client.post(f"{base}/correct", json=appeal, headers=WRITE)
    alert = done.json()["alert"]
    assert (alert["outcome"], alert["handled_by"]) == ("false_alarm", "team-3")
    assert [(one["kind"], one.get("outcome")) for one in done.json()["actions"]] == [
        ("close", "confirmed_violation"), ("correct", "false_alarm"),
    ]  # fmt: skip
    again = await client.post(f"{base}/correct", json=appeal, headers=WRITE)
    assert "has this outcome already" in again.json()["errors"][0]["hint"]


async def test_an_alert_that_goes_on_after_its_closing_is_listed_open_and_closed_again(
    client: AsyncClient, journal: AlertJournal, an_alert: str
) -> None:
    base, body = f"/api/v1/alerts/{an_alert}", {"actor": "li.wei", "outcome": "no_action"}
    assert (await client.post(f"{base}/close", json=body, headers=WRITE)).status_code == 200
    journal.record([change(revision=2)], recorded_at=NOW + 5)
    (listed,) = (await client.get("/api/v1/alerts", params={"open": "true"})).json()["items"]
    assert (listed["alert_id"], listed["outcome"], listed["reopened_at"]) == (an_alert, None, NOW + 5)
    again = await client.post(f"{base}/close", json=body, headers=WRITE)
    assert again.status_code == 200
    assert [action["kind"] for action in again.json()["actions"]] == ["close", "reopen", "close"]
    assert again.json()["actions"][1]["closed_by"] == "li.wei"


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("acknowledge", {}, "body.actor"),
        ("acknowledge", {"actor": "   "}, "body.actor"),
        ("acknowledge", {"actor": "a\nb"}, "body.actor"),
        ("acknowledge", {"actor": "a" * 65}, "body.actor"),
        ("acknowledge", {"actor": 7}, "body.actor"),
        ("acknowledge", {"actor": "li.wei", "acotr": "x"}, "body.acotr"),
        ("assign", {"actor": "li.wei"}, "body.assignee"),
        ("comment", {"actor": "li.wei", "note": "a\x00b"}, "body.note"),
        ("comment", {"actor": "li.wei", "note": "x" * 2_001}, "body.note"),
        ("close", {"actor": "li.wei", "outcome": "done"}, "body.outcome"),
    ],
)
async def test_a_faulty_body_names_its_field(
    client: AsyncClient, an_alert: str, verb: str, body: dict[str, object], field: str
) -> None:
    answer = await client.post(f"/api/v1/alerts/{an_alert}/{verb}", json=body, headers=WRITE)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert (await client.get(f"/api/v1/alerts/{an_alert}")).json()["actions"] == []


async def test_an_unknown_alert_is_not_found(client: AsyncClient) -> None:
    unknown = "/api/v1/alerts/0123456789abcdef"
    assert (await client.get(unknown)).status_code == 404
    answer = await client.post(f"{unknown}/acknowledge", json={"actor": "li.wei"}, headers=WRITE)
    assert (answer.status_code, answer.json()["instance"]) == (404, f"{unknown}/acknowledge")


@pytest.mark.parametrize("cursor", ["x", "AAAA", "MTIz", "%00", "é" * 20])
async def test_a_foreign_cursor_is_refused(client: AsyncClient, cursor: str) -> None:
    answer = await client.get("/api/v1/alerts", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.cursor")


async def test_alerts_of_late_readings_say_when_they_were_learned_of(
    client: AsyncClient, journal: AlertJournal
) -> None:
    hour = 3_600
    late = {"amendment": Amendment.NEW_LATE}
    journal.record(
        [
            change(0, subject="truck-1", phase=Phase.CLOSED, closed=60).model_copy(update=late),
            change(0, subject="truck-2").model_copy(update=late),
            change(0, subject="truck-3", phase=Phase.CLOSED, closed=hour).model_copy(update=late),
            change(0, subject="truck-4", phase=Phase.CLOSED, closed=60),
        ],
        recorded_at=T0 + 5 * hour * 1_000,
    )
    found = (await client.get("/api/v1/alerts")).json()["items"]
    assert {alert["subject"]: (alert["learned_at"], alert["listed_only"]) for alert in found} == {
        "truck-1": (T0 + 5 * hour * 1_000, True),
        "truck-2": (T0 + 5 * hour * 1_000, False),
        "truck-3": (T0 + 5 * hour * 1_000, False),
        "truck-4": (None, False),
    }


async def test_the_alarm_rate_is_that_of_the_judge_and_unknown_without_one(parts: ApiParts) -> None:
    measured = alert_rate([Call(NOW, "a"), Call(NOW - 1, "b"), Call(NOW - 2, "c")], NOW, 2)
    options = ApiOptions(version="1")
    async with client_of(replace(parts, alert_rate=lambda: measured), options) as client:
        body = (await client.get("/api/v1/alerts/rate")).json()
        assert (body["called"], body["per_operator"], body["load"]) == (3, 1.5, "busy")
        assert "\nhaulwatch_alerts_per_operator 1.5\n" in (await client.get("/metrics")).text
    async with client_of(parts, options) as client:
        answer = await client.get("/api/v1/alerts/rate")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:haulwatch:problem:unavailable")
        assert "haulwatch_alerts_per_operator" not in (await client.get("/metrics")).text


async def test_notices_are_counted_by_channel_and_state(parts: ApiParts) -> None:
    channel = ChannelSummary("group", 3, NOW, 1, 5, 6, 7, 8, NOW, "busy")
    async with client_of(replace(parts, notices=lambda: [channel]), ApiOptions(version="1")) as client:
        text = (await client.get("/metrics")).text
    assert '\nhaulwatch_notices{channel="group",state="waiting"} 3.0\n' in text
    assert '\nhaulwatch_notices{channel="group",state="failed"} 7.0\n' in text
    assert "busy" not in text


async def test_the_queue_is_narrowed_by_what_the_registry_and_people_say(
    client: AsyncClient, journal: AlertJournal
) -> None:
    dumped, full, other = change(0), change(60, rule="bin_overflow", subject="bin-1"), change(120, subject="truck-2")
    journal.record([dumped, full, other], recorded_at=NOW)
    await client.post(f"/api/v1/alerts/{dumped.alert_id}/acknowledge", json={"actor": "li.wei"}, headers=WRITE)
    body = {"actor": "li.wei", "assignee": "team-3"}
    await client.post(f"/api/v1/alerts/{full.alert_id}/assign", json=body, headers=WRITE)
    for params, expected in (
        ({"acknowledged": "true"}, ["truck-1"]),
        ({"acknowledged": "false"}, ["truck-2", "bin-1"]),
        ({"assigned_to": "team-3"}, ["bin-1"]),
        ({"district": "zezhou"}, ["bin-1"]),
        ({"fleet": "north"}, ["truck-2", "truck-1"]),
        ({"fleet": "north", "subject": "truck-1"}, ["truck-1"]),
        ({"district": "zezhou", "fleet": "north"}, []),
        ({"carrier": "nobody's"}, []),
        ({"text": "DUMPING truck-2"}, ["truck-2"]),
        ({"text": "告警 bin"}, ["bin-1"]),
        ({"text": "%"}, []),
        ({"text": "_llegal"}, []),
        ({"bbox": "112.85,35.45,112.87,35.47"}, ["truck-2", "bin-1", "truck-1"]),
        ({"bbox": "112.87,35.45,112.88,35.47"}, []),
    ):
        found = (await client.get("/api/v1/alerts", params=params)).json()["items"]
        assert [alert["subject"] for alert in found] == expected, params


@pytest.mark.parametrize("box", ["1,2,3", "a,b,c,d", "3,2,1,4", "nan,nan,nan,nan", "-181,0,0,1", "0,0,1,inf"])
async def test_a_box_that_is_none_is_refused(client: AsyncClient, box: str) -> None:
    answer = await client.get("/api/v1/alerts", params={"bbox": box})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.bbox"
