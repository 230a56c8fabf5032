"""`/weighing-sessions` and `/unmatched-weighings`: pages, revisions, and what a person says of an unknown truck."""

from collections.abc import Iterator
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any, Final

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import Engine

from api.ports import ApiOptions, ApiParts
from devices.city.model import City, Device, DeviceRole
from devices.db.database import open_database
from devices.readings.models import Weighing
from rules.weighing import tables
from rules.weighing.store import SessionStore
from tests.api.conftest import client_of
from tests.api.fakes import NOW, T0, FakeHistory, small_city

TOKEN: Final = {"Authorization": "Bearer write-token-for-tests"}
OPTIONS: Final = ApiOptions(version="1", token="write-token-for-tests")
BODY: Final = {"vehicle_id": "v-3", "revision": 1, "reason": "seen on the camera", "actor": "li.wei"}


def city() -> City:
    found = small_city()
    bridge = Device("bridge-1", DeviceRole.WEIGHBRIDGE, site_id="spoil-1")
    return replaced(found, devices={**found.devices, bridge.id: bridge})


def whole(at_s: int, plate: str | None, number: str, gross_kg: float = 27_000.0) -> Weighing:
    return Weighing(
        device_id="bridge-1", ts=T0 + 1_000 * at_s, gross_kg=gross_kg, tare_kg=12_000.0, ticket=number,
        direction="out", plate=plate,
    )  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'weighings.db'}")
    tables.metadata.create_all(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def weighed(parts: ApiParts, engine: Engine) -> ApiParts:
    """Truck 1 twice, the second ticket corrected later; a plate that fits none, and a ticket without one."""
    of, store = city(), SessionStore(engine, city)
    first = [whole(0, "晋E10001", "A"), whole(3_600, "晋E10001", "B"), whole(5_000, "晋E1000", "C")]
    store.take("file", 1, [*first, whole(6_000, None, "D")], NOW)
    correction = Weighing(
        device_id="bridge-1", ts=T0 + 7_000_000, gross_kg=26_000.0, tare_kg=12_000.0, ticket="B2", direction="out",
        plate="晋E10001", corrects="B",
    )  # fmt: skip
    store.take("file", 2, [correction], NOW + 5)
    return replaced(parts, city=lambda: of, weighing_sessions=store)


@pytest.fixture
async def desk(weighed: ApiParts) -> Any:
    async with client_of(weighed, OPTIONS) as client:
        yield client


async def listed(client: AsyncClient, path: str = "weighing-sessions", **asked: Any) -> Any:
    answer = await client.get(f"/api/v1/{path}", params=asked, headers=TOKEN)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_sessions_come_newest_first_page_by_page(desk: AsyncClient) -> None:
    page = await listed(desk, limit=3)
    rest = await listed(desk, limit=3, cursor=page["next_cursor"])
    assert [one["tickets"] for one in page["items"] + rest["items"]] == [["D"], ["C"], ["B", "B2"], ["A"]]
    assert [one["tickets"] for one in (await listed(desk, vehicle_id="v-1", end=T0 + 5_000))["items"]] == [["A"]]
    assert (await listed(desk, site_id="works-1"))["items"] == []
    bad = await desk.get("/api/v1/weighing-sessions", params={"cursor": "x"}, headers=TOKEN)
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "query.cursor")


async def test_a_session_has_its_revisions(desk: AsyncClient) -> None:
    newest = (await listed(desk, vehicle_id="v-1"))["items"][0]
    shown = await listed(desk, f"weighing-sessions/{newest['id']}")
    assert shown["session"]["net_kg"] == 14_000
    assert [(one["revision"], one["after"]["net_kg"]) for one in shown["changes"]] == [(1, 15_000), (2, 14_000)]
    assert (await desk.get(f"/api/v1/weighing-sessions/{'0' * 16}", headers=TOKEN)).status_code == 404


async def resolved(client: AsyncClient, session_id: str, **changed: Any) -> Response:
    return await client.post(f"/api/v1/unmatched-weighings/{session_id}", json=BODY | changed, headers=TOKEN)


async def test_a_person_says_which_truck_it_was(desk: AsyncClient) -> None:
    waiting = (await listed(desk, "unmatched-weighings"))["items"]
    assert [one["session"]["tickets"] for one in waiting] == [["D"], ["C"]]
    assert [one["vehicle_id"] for one in waiting[1]["candidates"]] == ["v-1", "v-2", "v-3"]
    assert waiting[0]["candidates"] == []
    answer = await resolved(desk, waiting[1]["session"]["id"])
    assert answer.status_code == 200, answer.text
    assert (answer.json()["session"]["vehicle_id"], answer.json()["session"]["matched_by"]) == ("v-3", "person")
    await resolved(desk, waiting[0]["session"]["id"], vehicle_id=None)
    assert (await listed(desk, "unmatched-weighings"))["items"] == []


async def test_of_two_people_the_second_is_told_that_the_first_decided(desk: AsyncClient) -> None:
    waiting = (await listed(desk, "unmatched-weighings"))["items"][0]["session"]["id"]
    assert (await resolved(desk, waiting, vehicle_id="v-2")).status_code == 200
    second = await resolved(desk, waiting, vehicle_id="v-1")
    assert (second.status_code, second.json()["type"]) == (409, "urn:haulwatch:problem:outdated")
    shown = await listed(desk, f"weighing-sessions/{waiting}")
    assert (shown["session"]["vehicle_id"], shown["session"]["revision"]) == ("v-2", 2)
    assert (await resolved(desk, waiting, vehicle_id="v-1", revision=2)).status_code == 200


async def test_what_cannot_be_is_refused_by_field(desk: AsyncClient) -> None:
    waiting = (await listed(desk, "unmatched-weighings"))["items"][0]["session"]["id"]
    known = (await listed(desk, vehicle_id="v-1"))["items"][0]["id"]
    for session_id, changed, status, field in (
        (waiting, {"vehicle_id": "v-9"}, 422, "body.vehicle_id"),
        (known, {}, 422, "path.session_id"),
        (waiting, {"reason": " "}, 422, "body.reason"),
        (waiting, {"revision": 0}, 422, "body.revision"),
        ("0" * 16, {}, 404, None),
    ):
        answer = await resolved(desk, session_id, **changed)
        assert answer.status_code == status, answer.text
        assert [one["field"] for one in answer.json().get("errors", [])] == ([] if field is None else [field])
    assert (await desk.post(f"/api/v1/unmatched-weighings/{waiting}", json=BODY)).status_code == 401


async def test_trucks_that_stood_at_the_site_then_are_candidates(desk: AsyncClient, history: FakeHistory) -> None:
    """The ticket without a plate is of 6,000 s; the site reaches from 112.90 to 112.91 east."""
    [waiting, _] = (await listed(desk, "unmatched-weighings"))["items"]
    history.add("position", "truck-1", 6_100, lat=35.405, lon=112.905)
    history.add("position", "truck-1", 5_950, lat=35.405, lon=112.9105)  # 45 m east of the fence
    history.add("position", "truck-2", 6_000, lat=35.405, lon=112.915)
    history.add("position", "truck-3", 5_700, lat=35.405, lon=112.905)  # 5 min before
    path = f"weighing-sessions/{waiting['session']['id']}/trucks"
    [truck] = (await listed(desk, path))["trucks"]
    assert (truck["device_id"], truck["vehicle_id"], truck["plate"]) == ("truck-1", "v-1", "晋E10001")
    assert (truck["nearest_m"], truck["confidence"]) == (0, 0.6)
    assert (truck["first_at"], truck["last_at"]) == (T0 + 5_950_000, T0 + 6_100_000)
    history.add("position", "truck-2", 6_050, lat=35.405, lon=112.905)
    assert [one["confidence"] for one in (await listed(desk, path))["trucks"]] == [0.3, 0.3]
    assert (await desk.get(f"/api/v1/weighing-sessions/{'0' * 16}/trucks", headers=TOKEN)).status_code == 404


async def test_without_sessions_there_are_none(parts: ApiParts) -> None:
    async with client_of(parts, OPTIONS) as client:
        assert await listed(client) == {"items": [], "next_cursor": None}
        assert (await resolved(client, "0" * 16)).status_code == 404
        assert (await client.get(f"/api/v1/weighing-sessions/{'0' * 16}", headers=TOKEN)).status_code == 404
