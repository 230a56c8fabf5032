"""The city, its sites and routes."""

from httpx import AsyncClient

from tests.api.fakes import T0


async def test_the_city_says_where_it_is_and_what_it_holds(client: AsyncClient) -> None:
    city = (await client.get("/api/v1/city")).json()
    assert (city["name_zh"], city["timezone"], city["devices"], city["routes"]) == ("小城", "Asia/Shanghai", 4, 2)


async def test_sites_are_those_of_the_day_in_lon_lat_order(client: AsyncClient) -> None:
    answer = await client.get("/api/v1/sites")
    assert answer.headers["content-type"] == "application/geo+json"
    sites = {f["id"]: f for f in answer.json()["features"]}
    assert set(sites) == {"works-1", "spoil-1"}
    ring = sites["spoil-1"]["geometry"]["coordinates"][0]
    assert all(112 < lon < 113 and 35 < lat < 36 for lon, lat in ring)
    assert ring[0] == ring[-1]
    assert sites["spoil-1"]["properties"]["may_tip"] is True
    assert sites["spoil-1"]["properties"]["deposit_hours"] == []
    earlier = (await client.get("/api/v1/sites", params={"at": T0 - 1, "kind": "depot"})).json()["features"]
    assert [f["id"] for f in earlier] == ["old-1"]


async def test_a_recycling_point_shows_its_hours_and_streams(client: AsyncClient) -> None:
    answer = await client.get("/api/v1/sites", params={"at": T0 - 1, "site_id": "old-point"})
    [point] = answer.json()["features"]
    assert point["properties"]["deposit_hours"] == ["06:30-09:00", "22:00-01:00"]
    assert point["properties"]["streams"] == ["kitchen"]


async def test_routes_are_those_of_the_day_and_of_the_vehicle(client: AsyncClient) -> None:
    assert [f["id"] for f in (await client.get("/api/v1/routes")).json()["features"]] == ["r-1@2"]
    assert [f["id"] for f in (await client.get("/api/v1/routes", params={"at": T0 - 1})).json()["features"]] == [
        "r-1@1"
    ]
    mine = (await client.get("/api/v1/routes", params={"vehicle_id": "v-1"})).json()["features"]
    assert [f["geometry"]["type"] for f in mine] == ["LineString"]
    assert (await client.get("/api/v1/routes", params={"vehicle_id": "v-2"})).json()["features"] == []
