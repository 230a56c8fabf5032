"""Map layers: corridors, all trucks, many tracks; filters, limits, and 304 for unchanged layers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from httpx import AsyncClient
from shapely import LineString, Point, Polygon

from api.ports import ApiOptions, ApiParts
from api.resources import tracks
from devices.geo.geometry import LatLon
from ingest.ledger.report import DeviceLedgerLine
from rules.alerts.journal import AlertJournal
from rules.alerts.model import Phase, Severity
from tests.api.conftest import client_of
from tests.api.fakes import NOW, T0, FakeHistory, FakeLedger, change, small_city

PLANE = small_city().plane


def metres(places: Iterable[Sequence[float]]) -> list[tuple[float, float]]:
    return [(place.x, place.y) for place in (PLANE.xy(LatLon(lat=lat, lon=lon)) for lon, lat in places)]


async def layer(client: AsyncClient, path: str, **params: object) -> list[Any]:
    answer = await client.get(f"/api/v1/{path}", params=params)  # type: ignore[arg-type]
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")
    found: list[Any] = answer.json()["features"]
    return found


def last_heard(ledger: FakeLedger, **ago_s: int) -> None:
    ledger.lines += [
        DeviceLedgerLine(device=name.replace("_", "-"), heard_at=NOW - ago * 1_000) for name, ago in ago_s.items()
    ]


# Corridors


async def test_a_corridor_is_as_wide_as_the_rule_has_it(parts: ApiParts) -> None:
    wide = ApiParts(**{**vars(parts), "corridor_m": lambda: 80.0})
    async with client_of(wide, ApiOptions(version="1")) as client:
        [corridor] = await layer(client, "corridors")
    assert (corridor["id"], corridor["properties"]["half_width_m"]) == ("r-1@2", 80.0)
    assert (corridor["properties"]["name"], corridor["properties"]["name_zh"]) == ("To spoil 2", "至弃土场 2")
    area = Polygon(corridor["geometry"]["coordinates"][0])
    assert area.exterior.is_ccw
    route = metres([(112.80, 35.50), (112.85, 35.45), (112.90, 35.40)])
    edge = metres(area.exterior.coords)
    assert {round(LineString(route).distance(Point(place))) for place in edge} == {80}
    assert Polygon(edge).contains(LineString(route))


async def test_a_route_with_a_width_of_its_own_is_drawn_so(parts: ApiParts) -> None:
    city = parts.city()
    narrow = replace(city, routes=tuple(replace(route, corridor_m=30.0) for route in city.routes))
    async with client_of(ApiParts(**{**vars(parts), "city": lambda: narrow}), ApiOptions(version="1")) as client:
        [corridor] = await layer(client, "corridors")
    assert corridor["properties"]["half_width_m"] == 30.0


@pytest.mark.parametrize("path", ["routes", "corridors"])
async def test_routes_and_corridors_are_those_of_a_vehicle_a_fleet_a_site(client: AsyncClient, path: str) -> None:
    for params, found in (
        ({"vehicle_id": "v-1"}, 1),
        ({"vehicle_id": "v-2"}, 0),
        ({"fleet": "north"}, 1),
        ({"fleet": "south"}, 0),
        ({"fleet": "north", "vehicle_id": "v-2"}, 0),
        ({"site_id": "spoil-1"}, 1),
        ({"site_id": "old-1"}, 0),
        ({"at": T0 - 1}, 1),
    ):
        assert len(await layer(client, path, **params)) == found, params


async def test_sites_of_a_district_or_one_site(client: AsyncClient) -> None:
    assert [site["id"] for site in await layer(client, "sites", site_id="works-1")] == ["works-1"]
    assert [site["id"] for site in await layer(client, "sites", district="zezhou")] == ["spoil-1"]


# Trucks


async def test_trucks_move_stand_or_are_silent(client: AsyncClient, history: FakeHistory, ledger: FakeLedger) -> None:
    history.add("position", "truck-1", 0, lat=35.5, lon=112.8, speed_kmh=41.5, lift_up=False, load="loaded")
    history.add("position", "truck-2", 5, lat=35.6, lon=112.9, speed_kmh=0.4)
    history.add("position", "truck-3", 9, lat=35.4, lon=112.7, speed_kmh=50.0)
    last_heard(ledger, truck_1=20, truck_2=180, truck_3=181)  # 3 intervals of 10 s are shorter than 180 s
    found = {truck["id"]: truck["properties"] for truck in await layer(client, "trucks")}
    assert {name: (truck["state"], truck["state_zh"]) for name, truck in found.items()} == {
        "truck-1": ("moving", "行驶"),
        "truck-2": ("standing", "停车"),
        "truck-3": ("silent", "离线"),
    }
    first = found["truck-1"]
    assert (first["plate"], first["fleet"], first["ts"], first["heard_at"]) == ("晋E10001", "north", T0, NOW - 20_000)
    assert (first["lift_up"], first["load"], first["load_kg"], first["open_alerts"]) == (False, "loaded", None, 0)
    assert first.keys() == found["truck-2"].keys(), "a map's table needs every column in every row"


async def test_without_a_fix_or_a_speed_the_state_of_a_truck_is_unknown(
    client: AsyncClient, history: FakeHistory, ledger: FakeLedger
) -> None:
    history.add("position", "truck-1", 0, lat=35.5, lon=112.8, speed_kmh=40.0, located=False)
    history.add("position", "truck-2", 0, lat=35.5, lon=112.8)
    history.add("position", "truck-3", 0, speed_kmh=30.0)
    last_heard(ledger, truck_1=1, truck_2=1, truck_3=1)
    found = [(truck["id"], truck["properties"]["state"]) for truck in await layer(client, "trucks")]
    assert found == [("truck-1", "unknown"), ("truck-2", "unknown")]


@pytest.mark.parametrize(
    ("lat", "lon", "located"), [(0.0, 0.0, False), (0.0, 0.0, True), (22.543096, 114.057865, True)]
)
async def test_a_truck_without_a_fix_stands_where_it_was_last_located(
    client: AsyncClient, history: FakeHistory, ledger: FakeLedger, lat: float, lon: float, located: bool
) -> None:
    history.add("position", "truck-1", 0, lat=35.49, lon=112.85, speed_kmh=30.0, located=True)
    history.add("position", "truck-1", 9, lat=lat, lon=lon, speed_kmh=30.0, load="loaded", located=False)
    history.add("position", "truck-2", 9, lat=lat, lon=lon, speed_kmh=30.0, located=located)
    last_heard(ledger, truck_1=1, truck_2=1)
    [truck] = await layer(client, "trucks")
    assert (truck["id"], truck["geometry"]["coordinates"]) == ("truck-1", [112.85, 35.49])
    properties = truck["properties"]
    assert (properties["state"], properties["ts"], properties["located_at"]) == ("unknown", T0 + 9_000, T0)
    assert properties["load"] == "loaded", "all but the place is the newest"
    [position] = await layer(client, "positions")
    assert position["geometry"]["coordinates"] == [112.85, 35.49]
    assert (position["properties"]["ts"], position["properties"]["located_at"]) == (T0 + 9_000, T0)


async def test_a_truck_shows_its_most_severe_open_alert(
    client: AsyncClient, history: FakeHistory, journal: AlertJournal
) -> None:
    history.add("position", "truck-1", 0, lat=35.5, lon=112.8)
    history.add("position", "truck-2", 0, lat=35.5, lon=112.8)
    worst = change(10, severity=Severity.P1)
    changes = [
        worst,
        change(50, severity=Severity.P3),
        change(90, rule="silent_device", severity=Severity.P2),
        change(5, subject="truck-2", phase=Phase.CLOSED, closed=60),
    ]
    journal.record(changes, NOW)
    first, second = (truck["properties"] for truck in await layer(client, "trucks"))
    assert (first["open_alerts"], first["alert_id"], first["alert_severity"]) == (3, worst.alert_id, "P1")
    assert (first["alert_rule"], first["alert_title_zh"]) == ("illegal_dumping", "truck-1 告警")
    assert (second["open_alerts"], second["alert_id"], second["alert_title"]) == (0, None, None)


async def test_trucks_of_a_fleet_a_district_or_inside_a_site(client: AsyncClient, history: FakeHistory) -> None:
    history.add("position", "truck-1", 0, lat=35.405, lon=112.905)
    history.add("position", "truck-2", 0, lat=35.5, lon=112.8)
    for params, found in (
        ({"fleet": "north"}, ["truck-1", "truck-2"]),
        ({"fleet": "south"}, []),
        ({"district": "zezhou"}, []),
        ({"site_id": "spoil-1"}, ["truck-1"]),
    ):
        assert [truck["id"] for truck in await layer(client, "trucks", **params)] == found, params
    answer = await client.get("/api/v1/trucks", params={"site_id": "nowhere"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.site_id")


async def test_desks_that_ask_at_one_time_share_the_layer_of_trucks_compressed(
    parts: ApiParts, history: FakeHistory
) -> None:
    history.add("position", "truck-1", 0, lat=35.5, lon=112.8)
    async with client_of(parts, ApiOptions(version="1", share_layers_s=3_600)) as client:
        plain = await client.get("/api/v1/trucks", headers={"Accept-Encoding": "identity"})
        history.add("position", "truck-1", 9, lat=35.6, lon=112.8)
        packed = await client.get("/api/v1/trucks", headers={"Accept-Encoding": "gzip"})
        same = await client.get("/api/v1/trucks", headers={"If-None-Match": plain.headers["etag"]})
        assert history.queries == 1
        other = await layer(client, "trucks", fleet="north")
    assert "content-encoding" not in plain.headers
    assert (packed.headers["content-encoding"], "Accept-Encoding" in packed.headers["vary"]) == ("gzip", True)
    assert (packed.content, packed.headers["etag"]) == (plain.content, plain.headers["etag"])
    assert same.status_code == 304
    assert other[0]["geometry"]["coordinates"] == [112.8, 35.6], "another question has an answer of its own"


async def test_a_thousand_trucks_are_one_query(parts: ApiParts, history: FakeHistory, ledger: FakeLedger) -> None:
    city = small_city(trucks=1_000)
    for device_id in city.devices:
        if device_id.startswith("truck"):
            history.add("position", device_id, 0, lat=35.5, lon=112.8)
    async with client_of(ApiParts(**{**vars(parts), "city": lambda: city}), ApiOptions(version="1")) as client:
        assert len(await layer(client, "trucks")) == 1_000
        assert history.queries == 1
        assert len(await layer(client, "positions", limit=500)) == 500
        assert history.queries == 2


# Tracks


async def test_many_tracks_are_one_layer(client: AsyncClient, history: FakeHistory) -> None:
    for second in (0, 10, 600):
        history.add("position", "truck-1", second, lat=35.5, lon=112.8 + second / 1e5, speed_kmh=30.0)
        history.add("position", "truck-2", second + 3_500, lat=35.6, lon=112.9)
    found = await layer(client, "tracks", start=T0, end=T0 + 3_600_000)
    assert [(line["properties"]["device_id"], line["geometry"]["type"]) for line in found] == [
        ("truck-1", "LineString"),
        ("truck-1", "Point"),
        ("truck-2", "LineString"),
    ]
    assert (found[0]["properties"]["fleet"], found[0]["properties"]["plate"]) == ("north", "晋E10001")
    assert found[2]["properties"]["times"] == [T0 + 3_500_000, T0 + 3_510_000], "up to the end, excluded"
    assert await layer(client, "tracks", start=T0, fleet="south") == []


async def test_too_many_fixes_are_refused_with_what_to_narrow(
    client: AsyncClient, history: FakeHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracks, "MAX_FIXES", 5)
    for second in (0, 10, 20):
        for truck in ("truck-1", "truck-2"):
            history.add("position", truck, second, lat=35.5, lon=112.8)
    answer = await client.get("/api/v1/tracks", params={"start": T0})
    assert answer.status_code == 422
    assert "more than 5 fixes: choose a shorter one, a fleet or a district" in answer.json()["detail"]
    assert len(await layer(client, "tracks", start=T0, end=T0 + 20_000)) == 2


async def test_tracks_of_more_than_a_day_are_refused(client: AsyncClient) -> None:
    answer = await client.get("/api/v1/tracks", params={"start": T0, "end": T0 + 86_400_001})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.start")


# Unchanged layers


@pytest.mark.parametrize("path", ["sites", "routes", "corridors", "trucks", "tracks"])
async def test_an_unchanged_layer_is_not_sent_again(client: AsyncClient, history: FakeHistory, path: str) -> None:
    history.add("position", "truck-1", 3_590, lat=35.5, lon=112.8)
    first = await client.get(f"/api/v1/{path}")
    tag = first.headers["etag"]
    assert "no-store" not in first.headers["cache-control"]
    again = await client.get(f"/api/v1/{path}", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await client.get(f"/api/v1/{path}", headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


async def test_a_layer_that_changed_is_sent(client: AsyncClient, history: FakeHistory) -> None:
    tag = (await client.get("/api/v1/trucks")).headers["etag"]
    history.add("position", "truck-1", 0, lat=35.5, lon=112.8)
    answer = await client.get("/api/v1/trucks", headers={"If-None-Match": tag})
    assert (answer.status_code, len(answer.json()["features"])) == (200, 1)


async def test_a_truck_that_shut_down_does_not_move(
    client: AsyncClient, history: FakeHistory, ledger: FakeLedger
) -> None:
    history.add("position", "truck-1", 3590, lat=35.5, lon=112.8, speed_kmh=41.5)
    last_heard(ledger, truck_1=5)
    (truck,) = await layer(client, "trucks")
    assert truck["properties"]["state"] == "moving"
    history.add("status", "truck-1", 3595, part="shutdown", online=False, session=3, cause="shutdown")
    (truck,) = await layer(client, "trucks")
    assert (truck["properties"]["state"], truck["properties"]["heard_at"]) == ("silent", NOW - 5_000)
    history.add("status", "truck-1", 3597, online=True, session=4, cause="birth")
    (truck,) = await layer(client, "trucks")
    assert truck["properties"]["state"] == "moving"
