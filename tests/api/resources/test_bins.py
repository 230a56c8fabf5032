"""Recycling points with their levels; names of areas and colours of rules, which the console shows with them."""

from dataclasses import replace

from httpx import AsyncClient
from shapely import box

from api.ports import ApiOptions, ApiParts
from devices.city.model import Area, Device, DeviceRole
from devices.city.sites import Site, SiteKind
from tests.api.conftest import client_of
from tests.api.fakes import T0, FakeHistory, small_city

POINT = Site("point-1", SiteKind.RECYCLING_POINT, "Fengming Road", "凤鸣路", box(112.85, 35.45, 112.86, 35.46))


async def test_a_recycling_point_shows_the_newest_level_of_each_compartment(
    parts: ApiParts, history: FakeHistory
) -> None:
    city = small_city()
    nowhere = Device("bin-9", DeviceRole.RECYCLING_POINT)
    own = replace(city.devices["bin-1"], overflow_at_pct=75.0)
    city = replace(
        city, sites={**city.sites, POINT.id: POINT}, devices={**city.devices, nowhere.id: nowhere, own.id: own}
    )
    history.add("fill", "bin-1", 10, part="paper", fill_pct=40.0)
    history.add("fill", "bin-1", 20, part="paper", fill_pct=92.5, temperature_c=21.0)
    history.add("fill", "bin-1", 15, part="glass", fill_pct=10.0, smoke=False)
    async with client_of(replace(parts, city=lambda: city), ApiOptions(version="1")) as client:
        answer = await client.get("/api/v1/bins")
        assert (await client.get("/api/v1/bins", params={"district": "urban"})).json()["features"] == []
        held = {"If-None-Match": answer.headers["etag"]}
        assert (await client.get("/api/v1/bins", headers=held)).status_code == 304
    [point] = answer.json()["features"]
    lon, lat = point["geometry"]["coordinates"]
    assert 112.85 < lon < 112.86
    assert 35.45 < lat < 35.46
    properties = point["properties"]
    assert (properties["name"], properties["name_zh"], properties["fullest_pct"]) == ("Fengming Road", "凤鸣路", 92.5)
    assert properties["overflow_at_pct"] == 75.0
    glass, paper = properties["compartments"]
    assert (glass["compartment"], glass["ts"], glass["smoke"]) == ("glass", T0 + 15_000, False)
    assert (paper["compartment"], paper["ts"], paper["temperature_c"]) == ("paper", T0 + 20_000, 21.0)


async def test_a_recycling_point_that_never_reported_has_no_level(parts: ApiParts) -> None:
    city = small_city()
    city = replace(city, sites={**city.sites, POINT.id: POINT})
    async with client_of(replace(parts, city=lambda: city), ApiOptions(version="1")) as client:
        [point] = (await client.get("/api/v1/bins")).json()["features"]
    assert (point["properties"]["fullest_pct"], point["properties"]["compartments"]) == (None, [])


async def test_the_city_names_its_districts_and_fleets(parts: ApiParts) -> None:
    city = replace(
        small_city(), districts=(Area("zezhou", "Zezhou", "泽州"),), fleets=(Area("north", "North", "北队"),)
    )
    async with client_of(replace(parts, city=lambda: city), ApiOptions(version="1")) as client:
        shown = (await client.get("/api/v1/city")).json()
    assert shown["districts"] == [{"id": "zezhou", "name": "Zezhou", "name_zh": "泽州"}]
    assert shown["fleets"] == [{"id": "north", "name": "North", "name_zh": "北队"}]


async def test_every_rule_has_a_colour_of_its_own(client: AsyncClient) -> None:
    rules = (await client.get("/api/v1/rules")).json()["rules"]
    assert len({rule["colour"] for rule in rules}) == len(rules) > 10
