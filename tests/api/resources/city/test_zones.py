"""Zones of the city as a map layer: kinds, versions in time, areas of a permit."""

import pytest
from httpx import AsyncClient

from tests.api.fakes import T0


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, ["county", "north", "old-town", "south"]),
        ({"kind": "forbidden"}, ["old-town"]),
        ({"kind": "jurisdiction"}, ["county"]),
        ({"kind": "permitted_area"}, ["north", "south"]),
        ({"zone_id": "south"}, ["south"]),
        ({"zone_id": "nowhere"}, []),
        ({"vehicle_id": "v-1"}, ["north"]),
        ({"vehicle_id": "v-2"}, []),
        ({"vehicle_id": "v-1", "kind": "forbidden"}, []),
    ],
)
async def test_zones_of_a_kind_of_an_id_of_a_permit(
    client: AsyncClient, params: dict[str, str], found: list[str]
) -> None:
    answer = await client.get("/api/v1/zones", params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")
    assert sorted(feature["id"] for feature in answer.json()["features"]) == found


async def test_a_zone_says_what_it_is_in_both_languages_and_in_lon_lat_order(client: AsyncClient) -> None:
    [zone] = (await client.get("/api/v1/zones", params={"kind": "forbidden"})).json()["features"]
    assert zone["properties"] == {
        "kind": "forbidden", "version": 2, "name": "Old town", "name_zh": "老城区", "valid_from": T0, "valid_to": None,
    }  # fmt: skip
    ring = zone["geometry"]["coordinates"][0]
    assert (zone["geometry"]["type"], ring[0]) == ("Polygon", ring[-1])
    assert {(lon, lat) for lon, lat in ring} == {(112.84, 35.44), (112.86, 35.44), (112.86, 35.46), (112.84, 35.46)}


async def test_the_version_is_that_of_the_time_asked_for(client: AsyncClient) -> None:
    [former] = (await client.get("/api/v1/zones", params={"kind": "forbidden", "at": T0 - 1})).json()["features"]
    assert (former["properties"]["version"], former["properties"]["valid_to"]) == (1, T0)


async def test_an_unchanged_layer_is_not_sent_again_and_an_unknown_kind_is_refused(client: AsyncClient) -> None:
    answer = await client.get("/api/v1/zones")
    again = await client.get("/api/v1/zones", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.get("/api/v1/zones", params={"kind": "park"})).status_code == 422
