"""`/shelves`: shelving alerts, what alerts and the stream say of it, and ending a shelf."""

from dataclasses import replace
from typing import Any

import pytest
from httpx import AsyncClient, Response

from api.ports import ApiOptions, ApiParts
from rules.alerts.journal import AlertJournal
from rules.alerts.model import Severity
from tests.api.conftest import client_of
from tests.api.fakes import NOW, change

TOKEN = {"Authorization": "Bearer write-token-for-tests"}
HOUR = 3_600_000
NEW = {"rule": "bin_overflow", "subject": "bin-1", "until": NOW + HOUR, "actor": "li.wei", "reason": "修理箱盖"}


async def shelved(client: AsyncClient, **changed: Any) -> Response:
    body = {name: value for name, value in (NEW | changed).items() if value is not None}
    return await client.post("/api/v1/shelves", json=body, headers=TOKEN)


async def test_a_shelf_is_kept_with_who_until_when_and_why(client: AsyncClient) -> None:
    answer = await shelved(client, until="2026-03-01T10:00:00Z")
    assert answer.status_code == 201
    expected = {
        "no": 1, "rule": "bin_overflow", "subject": "bin-1", "reason": "修理箱盖", "shelved_by": "li.wei",
        "shelved_at": NOW, "until": NOW + HOUR, "ended_by": None, "ended_at": None,
    }  # fmt: skip
    assert answer.json() == expected
    assert (await client.get("/api/v1/shelves")).json() == [expected]


async def test_an_ended_shelf_stands_no_more_and_stays_in_the_list_of_all(client: AsyncClient) -> None:
    await shelved(client)
    await shelved(client, subject="truck-1", rule=None)
    for actor in ("wang", "zhao"):
        ended = await client.post("/api/v1/shelves/1/end", json={"actor": actor}, headers=TOKEN)
        assert (ended.status_code, ended.json()["ended_by"], ended.json()["ended_at"]) == (200, "wang", NOW)
    assert [shelf["no"] for shelf in (await client.get("/api/v1/shelves")).json()] == [2]
    every = await client.get("/api/v1/shelves", params={"standing": "false"})
    assert [shelf["no"] for shelf in every.json()] == [2, 1]
    assert (await client.post("/api/v1/shelves/3/end", json={"actor": "wang"}, headers=TOKEN)).status_code == 404


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rule": None, "subject": None}, "body.rule"),
        ({"rule": "bin_overflw"}, "body.rule"),
        ({"subject": "bin-2"}, "body.subject"),
        ({"until": NOW}, "body.until"),
        ({"until": NOW + 7 * 24 * HOUR + 1}, "body.until"),
        ({"reason": " "}, "body.reason"),
        ({"actor": ""}, "body.actor"),
    ],
)
async def test_a_faulty_shelf_is_refused_and_the_field_named(
    client: AsyncClient, changed: dict[str, Any], field: str
) -> None:
    answer = await shelved(client, **changed)
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert fault["field"] == field
    assert len(fault["hint"]) > 5
    assert (await client.get("/api/v1/shelves")).json() == []


async def test_what_is_no_device_can_be_shelved_once_there_was_an_alert_of_it(
    client: AsyncClient, journal: AlertJournal
) -> None:
    journal.record([change(subject="unheard-1")], recorded_at=NOW)
    assert (await shelved(client, subject="unheard-1")).status_code == 201


async def test_shelving_takes_the_token_for_writing(client: AsyncClient) -> None:
    for path in ("/api/v1/shelves", "/api/v1/shelves/1/end"):
        assert (await client.post(path, json=NEW)).status_code == 401


async def test_open_alerts_say_until_when_they_are_shelved(parts: ApiParts, journal: AlertJournal) -> None:
    grave, plain = (change(60 * n, rule="bin_overflow", severity=Severity(f"P{1 + 2 * n}")) for n in (0, 1))
    over = change(120, rule="bin_overflow", severity=Severity.P3, closed=300)
    journal.record([grave, plain, over, change(180, severity=Severity.P3)], recorded_at=NOW)
    options = ApiOptions(version="1", token="write-token-for-tests")
    async with client_of(parts, options) as client:
        await shelved(client, subject=None)
        await shelved(client, subject=None, until=NOW + 2 * HOUR)
        found = (await client.get("/api/v1/alerts")).json()["items"]
        assert {alert["alert_id"]: alert["shelved_until"] for alert in found if alert["shelved_until"]} == {
            plain.alert_id: NOW + 2 * HOUR
        }
        shown = (await client.get(f"/api/v1/alerts/{plain.alert_id}")).json()
        assert shown["alert"]["shelved_until"] == NOW + 2 * HOUR
        path = f"/api/v1/alerts/{plain.alert_id}"
        commented = await client.post(f"{path}/comment", json={"actor": "li", "note": "seen"}, headers=TOKEN)
        assert commented.json()["alert"]["shelved_until"] == NOW + 2 * HOUR
        closed = await client.post(f"{path}/close", json={"actor": "li", "outcome": "no_action"}, headers=TOKEN)
        assert closed.json()["alert"]["shelved_until"] is None
    async with client_of(replace(parts, now=lambda: NOW + 2 * HOUR), options) as client:
        found = (await client.get("/api/v1/alerts")).json()["items"]
        assert [alert["shelved_until"] for alert in found] == [None] * 4
