"""`/cases/{number}/near`: alerts and trucks near a case, as candidates."""

from dataclasses import replace
from typing import Any

import pytest
from httpx import AsyncClient

from api.cases import near
from api.ports import ApiOptions, ApiParts
from devices.geo.gcj02 import gcj02_of
from devices.geo.geometry import Datum, LatLon
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange
from tests.api.conftest import client_of
from tests.api.fakes import NOW, T0, FakeHistory, change, small_city

TOKEN = {"Authorization": "Bearer write-token-for-tests"}
PLACE = {"lat": 35.46, "lon": 112.86}
METRE = 1 / 111_000


def near_of(number: int) -> str:
    return f"/api/v1/cases/2026-{number:06}/near"


NEAR = near_of(1)


async def opened(client: AsyncClient, **given: Any) -> None:
    body = {"title": "x", "actor": "li", "happened_from": T0, "happened_until": T0 + 600_000} | PLACE | given
    body = {name: value for name, value in body.items() if value is not None}
    answer = await client.post("/api/v1/cases", json=body, headers=TOKEN)
    assert answer.status_code == 201, answer.text


def at(second: float, north_m: float, **given: Any) -> AlertChange:
    return change(second, **given).model_copy(update={"lat": 35.46 + north_m * METRE})


async def test_alerts_near_in_place_and_time_are_candidates_the_nearest_first(
    client: AsyncClient, journal: AlertJournal
) -> None:
    held, close_by, further = at(0, 0), at(10, -30), at(20, 480, subject="truck-2")
    too_far, too_early, nowhere = at(30, 520), at(-3_700, 0), change(40).model_copy(update={"lat": None, "lon": None})
    journal.record([held, close_by, further, too_far, too_early, nowhere], NOW)
    await opened(client, alerts=[held.alert_id])
    found = (await client.get(NEAR)).json()
    assert [(one["alert"]["alert_id"], round(one["distance_m"], -1)) for one in found["alerts"]] == [
        (close_by.alert_id, 30),
        (further.alert_id, 480),
    ]
    assert (found["alerts_complete"], found["start"], found["end"]) == (True, T0 - 3_600_000, T0 + 4_200_001)
    wide = (await client.get(NEAR, params={"distance_m": 600, "minutes": 62})).json()
    assert {one["alert"]["alert_id"] for one in wide["alerts"]} == {
        one.alert_id for one in (close_by, further, too_far, too_early)
    }
    narrow = (await client.get(NEAR, params={"start": T0 + 15_000, "end": T0 + 25_000})).json()
    assert [one["alert"]["alert_id"] for one in narrow["alerts"]] == [further.alert_id]


async def test_trucks_that_passed_are_candidates(client: AsyncClient, history: FakeHistory) -> None:
    """Also one that passed between two fixes; none that was elsewhere, at another time, or without a fix."""
    await opened(client)
    for second in range(0, 120, 10):
        history.add("position", "truck-1", second, lat=35.46 + (second - 60) * 10 * METRE, lon=112.86)
    history.add("position", "truck-2", 0, lat=35.46, lon=112.86 - 900 * METRE)
    history.add("position", "truck-2", 60, lat=35.46, lon=112.86 + 900 * METRE)
    history.add("position", "truck-3", 30, lat=35.47, lon=112.86)
    history.add("position", "truck-3", -3_700, lat=35.46, lon=112.86)
    history.add("position", "truck-3", 40, lat=35.46, lon=112.86, located=False)
    found = (await client.get(NEAR, params={"distance_m": 300})).json()
    [first, second_truck] = found["trucks"]
    assert found["trucks_complete"] is True
    assert (first["device_id"], first["plate"], first["fleet"], first["nearest_m"]) == (
        "truck-1",
        "晋E10001",
        "north",
        0.0,
    )
    assert (first["nearest_at"], first["first_at"], first["last_at"]) == (T0 + 60_000, T0 + 30_000, T0 + 90_000)
    assert (second_truck["device_id"], second_truck["nearest_at"]) == ("truck-2", T0 + 30_000)


async def test_a_truck_that_sends_gcj02_is_found_where_it_was(parts: ApiParts, history: FakeHistory) -> None:
    """The place that it sent lies some 500 m from where it was."""
    sent = gcj02_of(LatLon(lat=35.46, lon=112.86))
    city = small_city()
    sends = replace(city.devices["truck-1"], datum=Datum.GCJ02)
    changed = replace(city, devices={**city.devices, "truck-1": sends})
    history.add("position", "truck-1", 0, lat=sent.lat, lon=sent.lon)
    options = ApiOptions(version="1", token="write-token-for-tests")
    async with client_of(replace(parts, city=lambda: changed), options) as client:
        await opened(client)
        found = (await client.get(NEAR, params={"distance_m": 100})).json()
    assert [one["device_id"] for one in found["trucks"]] == ["truck-1"]


async def test_what_was_cut_off_is_said(
    client: AsyncClient, history: FakeHistory, journal: AlertJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "MAX_FIXES", 3)
    monkeypatch.setattr(near, "MAX_ALERTS", 2)
    journal.record([at(second, 0) for second in range(3)], NOW)
    await opened(client)
    for number, second in ((1, 0), (1, 10), (2, 0), (3, 0)):
        history.add("position", f"truck-{number}", second, lat=35.46, lon=112.86)
    found = (await client.get(NEAR)).json()
    assert (found["trucks_complete"], [one["device_id"] for one in found["trucks"]]) == (False, ["truck-1", "truck-2"])
    assert (found["alerts_complete"], len(found["alerts"])) == (False, 2)


async def test_a_case_without_place_or_time_says_what_to_do(client: AsyncClient) -> None:
    await opened(client, lat=None, lon=None)
    await opened(client, happened_from=None, happened_until=None)
    nowhere, never = [await client.get(near_of(number)) for number in (1, 2)]
    assert (nowhere.status_code, nowhere.json()["type"]) == (409, "urn:haulwatch:problem:no-place")
    assert "has no place: give it one with POST" in nowhere.json()["detail"]
    assert (never.status_code, "has no time" in never.json()["detail"]) == (409, True)
    given = await client.get(near_of(2), params={"start": T0, "end": T0 + 1})
    assert given.status_code == 200
    assert (await client.get(near_of(3))).status_code == 404


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"start": T0, "end": T0}, "query.start"),
        ({"start": T0, "end": T0 + 3 * 86_400_000 + 1}, "query.start"),
        ({"distance_m": 5_001}, "query.distance_m"),
        ({"minutes": 1_441}, "query.minutes"),
    ],
)
async def test_the_work_is_bounded(client: AsyncClient, asked: dict[str, int], field: str) -> None:
    await opened(client)
    answer = await client.get(NEAR, params=asked)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
