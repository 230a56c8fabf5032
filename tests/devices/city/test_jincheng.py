"""Properties of the shipped city that the scenario and the rules rely on."""

import json
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from shapely import LineString, Polygon

from devices.cities import JINCHENG
from devices.cities.generate_jincheng import write_city
from devices.city.files import read_city
from devices.city.model import City, DeviceRole
from devices.city.sites import Route, Site, SiteKind
from devices.geo.geometry import XY, LatLon

TS = 1_767_225_600_000


@pytest.fixture(scope="module")
def city() -> City:
    return read_city(JINCHENG)


def vertices(city: City, route: Route) -> list[XY]:
    return [city.plane.xy(LatLon(lat=lat, lon=lon)) for lon, lat in route.line.coords]


def on_plane(city: City, site: Site) -> Polygon:
    corners = [city.plane.xy(LatLon(lat=lat, lon=lon)) for lon, lat in site.area.exterior.coords]
    return Polygon([(corner.x, corner.y) for corner in corners])


def test_shipped_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    write_city(tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    by_hand = {"README.md", "programme.yaml", "tariffs.yaml"}
    assert written == {path.name: path.read_bytes() for path in JINCHENG.iterdir() if path.name not in by_hand}


def test_every_feature_is_marked_illustrative() -> None:
    for name in ("sites.geojson", "routes.geojson"):
        features = json.loads((JINCHENG / name).read_text())["features"]
        assert all(feature["properties"]["illustrative"] is True for feature in features)


def test_city_has_the_sites_of_the_plan_and_the_devices_of_the_demo(city: City) -> None:
    sites = Counter(site.kind for site in city.sites.values())
    assert sites[SiteKind.DISPOSAL_SITE] == 14
    assert sites[SiteKind.SORTING_CENTRE] == 8
    assert sites[SiteKind.LANDFILL] == 5
    assert sites[SiteKind.TRANSFER_STATION] == 2
    assert sites[SiteKind.RECYCLING_POINT] == 30
    assert Counter(device.role for device in city.devices.values()) == {
        DeviceRole.TRUCK: 24,
        DeviceRole.WEIGHBRIDGE: 3,
        DeviceRole.RECYCLING_POINT: 30,
        DeviceRole.STATION_LINE: 2,
    }
    districts = {"urban", "gaoping", "zezhou", "yangcheng", "qinshui", "lingchuan"}
    assert {site.district for site in city.sites.values()} == districts


def test_every_truck_may_drive_a_route_and_tip_at_its_end(city: City) -> None:
    trucks = [device for device in city.devices.values() if device.role is DeviceRole.TRUCK]
    on_route = Counter(route.id for truck in trucks for route in city.routes_of(truck.vehicle_id or "", TS))
    assert set(on_route) == {route.id for route in city.routes}
    assert set(on_route.values()) == {2, 3}
    for truck in trucks:
        for route in city.routes_of(truck.vehicle_id or "", TS):
            assert city.may_tip(truck.vehicle_id or "", city.sites[route.destination_site_id or ""], TS)
    assert len({city.vehicles[truck.vehicle_id or ""].plate for truck in trucks}) == 24


def test_routes_are_road_like_and_begin_and_end_inside_their_sites(city: City) -> None:
    for route in city.routes:
        places = vertices(city, route)
        assert 4_000 <= city.geometry.route_length_m(route) <= 12_000
        assert all(50 <= start.distance_m(end) <= 150 for start, end in pairwise(places))
        assert city.geometry.distance_to_site_m(route.origin_site_id or "", places[0]) == 0
        assert city.geometry.distance_to_site_m(route.destination_site_id or "", places[-1]) == 0


def test_routes_keep_clear_of_other_sites(city: City) -> None:
    for route in city.routes:
        line = LineString([(vertex.x, vertex.y) for vertex in vertices(city, route)])
        near = {site.id for site in city.sites.values() if line.distance(on_plane(city, site)) <= 100}
        assert near == {route.origin_site_id, route.destination_site_id}


def test_routes_are_well_apart_but_for_shared_ends(city: City) -> None:
    """So a detour of 500 m or more is off every route."""
    for one, other in combinations(city.routes, 2):
        shared = one.destination_site_id if one.destination_site_id == other.destination_site_id else None
        for place in vertices(city, one):
            if shared is None or city.geometry.distance_to_site_m(shared, place) > 2_000:
                assert city.geometry.route_offset(other, place).distance_m > 600


def test_fences_do_not_touch(city: City) -> None:
    for one, other in combinations(city.sites.values(), 2):
        assert one.area.disjoint(other.area)


def test_fences_are_150_to_400_m_across(city: City) -> None:
    for site in city.sites.values():
        if site.kind is not SiteKind.RECYCLING_POINT:
            west, south, east, north = site.area.bounds
            across_m = city.plane.xy(LatLon(lat=south, lon=west)).distance_m(city.plane.xy(LatLon(lat=north, lon=east)))
            assert 150 <= across_m <= 400 * 2**0.5
