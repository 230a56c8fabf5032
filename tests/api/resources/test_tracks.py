"""Tracks and newest positions."""

from httpx import AsyncClient

from tests.api.fakes import T0, FakeHistory


async def test_a_track_ends_at_a_gap_of_five_minutes(client: AsyncClient, history: FakeHistory) -> None:
    for second in (0, 10, 310, 611, 1200):  # 300 s is still a line, 301 s is not
        history.add("position", "truck-1", second, lat=35.5, lon=112.8 + second / 1e5, speed_kmh=30.0)
    answer = await client.get("/api/v1/devices/truck-1/track", params={"start": T0, "end": T0 + 3_600_000})
    assert answer.headers["content-type"] == "application/geo+json"
    features = answer.json()["features"]
    assert [f["geometry"]["type"] for f in features] == ["LineString", "Point", "Point"]
    assert features[0]["geometry"]["coordinates"] == [[112.8, 35.5], [112.8001, 35.5], [112.8031, 35.5]]
    assert features[0]["properties"]["times"] == [T0, T0 + 10_000, T0 + 310_000]
    assert features[0]["properties"]["speeds_kmh"] == [30.0, 30.0, 30.0]
    assert features[0]["properties"]["plate"] == "晋E10001"


async def test_positions_without_a_fix_are_no_part_of_the_line(client: AsyncClient, history: FakeHistory) -> None:
    history.add("position", "truck-1", 0, lat=35.5, lon=112.8)
    history.add("position", "truck-1", 10, lat=35.5, lon=112.8, located=False)
    history.add("position", "truck-1", 20, lat=35.6, lon=112.8, located=True)
    features = (await client.get("/api/v1/vehicles/v-1/track", params={"start": T0})).json()["features"]
    assert [f["properties"]["times"] for f in features] == [[T0, T0 + 20_000]]


async def test_places_outside_the_region_are_no_part_of_the_line(client: AsyncClient, history: FakeHistory) -> None:
    for second, (lat, lon) in enumerate(
        [(35.5, 112.8), (0.0, 0.0), (22.543096, 114.057865), (90.0, 0.0), (35.6, 112.8)]
    ):
        history.add("position", "truck-1", second, lat=lat, lon=lon, located=True)
    for path in ("vehicles/v-1/track", "tracks"):
        features = (await client.get(f"/api/v1/{path}", params={"start": T0})).json()["features"]
        assert [f["geometry"]["coordinates"] for f in features] == [[[112.8, 35.5], [112.8, 35.6]]]


async def test_a_long_track_comes_in_pages(client: AsyncClient, history: FakeHistory) -> None:
    for second in range(0, 250, 10):
        history.add("position", "truck-1", second, lat=35.5, lon=112.8)
    times, cursor = [], None
    while True:
        params = {"start": T0, "end": T0 + 3_600_000, "limit": 10} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/vehicles/v-1/track", params=params)).json()
        times += [ts for feature in page["features"] for ts in feature["properties"]["times"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert times == [T0 + second * 1_000 for second in range(0, 250, 10)]


async def test_an_unknown_vehicle_is_not_found(client: AsyncClient) -> None:
    answer = await client.get("/api/v1/vehicles/v-99/track")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:haulwatch:problem:not-found")


async def test_every_truck_that_ever_had_a_fix_is_on_the_live_map(client: AsyncClient, history: FakeHistory) -> None:
    history.add("position", "truck-1", 0, lat=35.5, lon=112.8)
    history.add("position", "truck-1", 30, lat=35.6, lon=112.9, speed_kmh=41.5)
    history.add("position", "truck-3", 10, lat=35.4, lon=112.7)
    first = (await client.get("/api/v1/positions", params={"limit": 2})).json()
    assert [(f["id"], f["geometry"]["coordinates"], f["properties"]["ts"]) for f in first["features"]] == [
        ("truck-1", [112.9, 35.6], T0 + 30_000)
    ]
    second = (await client.get("/api/v1/positions", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert ([f["id"] for f in second["features"]], second["next_cursor"]) == (["truck-3"], None)
