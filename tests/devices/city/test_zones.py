"""Zones: their file, their rows, and how deep a place lies in them."""

import json
import shutil
import zlib
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from shapely import Point, Polygon

from devices.city.columns import pack_city, unpack_city
from devices.city.files import read_city
from devices.city.sites import Validity, Zone, ZoneKind
from devices.city.zones import NEAR_M, REMOTE_M, ZoneGeometry
from devices.geo.gcj02 import wgs84_of
from devices.geo.geometry import XY, LatLon, LocalPlane
from tests.devices.city.test_files import SMALL_CITY, edit, found

PLANE = LocalPlane(LatLon(35.49, 112.85))
OLD_TOWN: dict[str, Any] = {"id": "old-town", "kind": "forbidden", "name": "Old town", "name_zh": "老城"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SMALL_CITY, tmp_path / "city")


def write(folder: Path, *features: dict[str, Any], datum: str = "wgs84") -> None:
    drawn = [
        {
            "type": "Feature",
            "properties": {name: value for name, value in properties.items() if name != "geometry"},
            "geometry": properties.get("geometry", {"type": "Point", "coordinates": [112.85, 35.49]}),
        }
        for properties in features
    ]
    body = {"type": "FeatureCollection", "haulwatch:datum": datum, "features": drawn}
    (folder / "zones.geojson").write_text(json.dumps(body))


def test_a_city_may_have_no_zones(folder: Path) -> None:
    assert read_city(folder).zones == ()


def test_zones_are_read_with_their_versions(folder: Path) -> None:
    first = OLD_TOWN | {"radius_m": 800, "valid_until": "2024-01-01"}
    second = OLD_TOWN | {"radius_m": 900, "valid_from": "2024-01-01", "version": 2}
    write(folder, second, first, {"id": "city", "kind": "jurisdiction", "name": "City", "radius_m": 20_000})
    zones = read_city(folder).zones
    assert [(zone.id, zone.version, zone.kind) for zone in zones] == [
        ("city", 1, ZoneKind.JURISDICTION),
        ("old-town", 1, ZoneKind.FORBIDDEN),
        ("old-town", 2, ZoneKind.FORBIDDEN),
    ]
    assert (zones[1].name, zones[1].name_zh, zones[0].name_zh) == ("Old town", "老城", "City")
    assert zones[1].validity.end_ms == zones[2].validity.start_ms


def test_zones_in_gcj02_are_converted(folder: Path) -> None:
    write(folder, OLD_TOWN | {"radius_m": 500}, datum="gcj02")
    middle = read_city(folder).zones[0].area.centroid
    true = wgs84_of(LatLon(lat=35.49, lon=112.85))
    assert middle.y == pytest.approx(true.lat, abs=1e-5)
    assert middle.x == pytest.approx(true.lon, abs=1e-5)


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        (OLD_TOWN, "radius_m: a Point needs one"),
        (OLD_TOWN | {"radius_m": 50_001}, "write a number of metres above 0, up to 50,000"),
        (OLD_TOWN | {"radius_m": 500, "kind": "forbiden"}, "did you mean 'forbidden'"),
        (OLD_TOWN | {"radius_m": 500, "valid_form": "2024-01-01"}, "no such field"),
        (OLD_TOWN | {"geometry": {"type": "LineString", "coordinates": []}}, "'LineString' cannot be a site"),
    ],
)
def test_a_fault_says_what_to_write(folder: Path, properties: dict[str, Any], said: str) -> None:
    write(folder, properties)
    [line] = found(folder)
    assert line.startswith("zones.geojson: old-town")
    assert said in line


def test_two_versions_at_one_time_are_a_fault(folder: Path) -> None:
    write(folder, OLD_TOWN | {"radius_m": 500}, OLD_TOWN | {"radius_m": 600, "version": 2})
    [line] = found(folder)
    assert "two versions of a zone at one time" in line


def test_a_city_comes_back_from_its_rows(folder: Path) -> None:
    write(folder, OLD_TOWN | {"radius_m": 800, "valid_from": "2024-01-01"})
    city = read_city(folder)
    assert unpack_city(pack_city(city)) == city


def test_a_city_that_an_earlier_version_packed_has_no_zones(folder: Path) -> None:
    city = read_city(folder)
    body = msgspec.msgpack.decode(zlib.decompress(pack_city(city)))
    del body["rows"]["zone"]
    assert unpack_city(zlib.compress(msgspec.msgpack.encode(body))) == city


def drawn(zone_id: str, kind: ZoneKind, *corners: tuple[float, float], validity: Validity | None = None) -> Zone:
    ring = [(place.lon, place.lat) for place in (PLANE.latlon(XY(x, y)) for x, y in corners)]
    return Zone(zone_id, 1, kind, zone_id, zone_id, Polygon(ring), validity or Validity())


def test_depth_is_that_of_the_geometry_library() -> None:
    """Against GEOS, over places inside, outside and at the edge of a shape with a notch."""
    corners = [(0, 0), (3000, 0), (3000, 2000), (1600, 2000), (1500, 600), (1400, 2000), (0, 2000)]
    geometry = ZoneGeometry(PLANE, [drawn("notched", ZoneKind.FORBIDDEN, *corners)])
    area, dice = Polygon(corners), Random(5)
    for _ in range(2000):
        x, y = dice.uniform(-1500, 4500), dice.uniform(-1500, 3500)
        off_m = area.exterior.distance(Point(x, y))
        answer = geometry.forbidden_at(XY(x, y), 0)
        if answer is None:
            assert off_m > NEAR_M
        else:
            assert answer.depth_m == pytest.approx(off_m if area.contains(Point(x, y)) else -off_m, abs=0.01)


def test_of_two_areas_of_jurisdiction_the_one_that_holds_the_place_counts() -> None:
    west = drawn("west", ZoneKind.JURISDICTION, (-5000, -5000), (0, -5000), (0, 5000), (-5000, 5000))
    east = drawn("east", ZoneKind.JURISDICTION, (0, -5000), (5000, -5000), (5000, 5000), (0, 5000))
    geometry = ZoneGeometry(PLANE, [west, east])
    for place, zone_id, depth_m in (((-100, 0), "west", 100), ((300, 0), "east", 300), ((60_000, 0), "east", -55_000)):
        answer = geometry.jurisdiction_at(XY(*place), 0)
        assert answer is not None
        assert answer.zone.id == zone_id
        assert answer.depth_m == pytest.approx(depth_m, abs=1)


def test_only_what_is_valid_then_counts() -> None:
    square = [(0, 0), (1000, 0), (1000, 1000), (0, 1000)]
    zone = drawn("old", ZoneKind.FORBIDDEN, *square, validity=Validity(1_000, 2_000))
    geometry = ZoneGeometry(PLANE, [zone, replace(zone, id="far", kind=ZoneKind.JURISDICTION)])
    assert [geometry.forbidden_at(XY(500, 500), ts) is None for ts in (999, 1_000, 1_999, 2_000)] == [
        True,
        False,
        False,
        True,
    ]


def test_a_place_is_remote_only_where_every_fence_is_further_than_two_kilometres() -> None:
    """Against GEOS. A coarse grid may call a remote place near, never a near one remote."""
    corners = [(0, 0), (18_000, 0), (18_000, 9000), (9200, 9000), (9000, 3500), (8800, 9000), (0, 9000)]
    geometry = ZoneGeometry(
        PLANE, [drawn(str(kind), kind, *corners) for kind in (ZoneKind.FORBIDDEN, ZoneKind.JURISDICTION)]
    )
    area, dice = Polygon(corners), Random(7)
    remote = {True: 0, False: 0}
    for _ in range(4000):
        x, y = dice.uniform(-5500, 23_500), dice.uniform(-5500, 14_500)
        inside, off_m = bool(area.contains(Point(x, y))), area.exterior.distance(Point(x, y))
        for is_remote, side in (
            (geometry.is_off_forbidden(XY(x, y)), not inside),
            (geometry.is_inside_jurisdiction(XY(x, y), 0), inside),
        ):
            assert not is_remote or (side and off_m > REMOTE_M - 0.01)
            assert is_remote or not side or off_m < REMOTE_M * 1.42 + 1_415
            remote[inside] += is_remote
    assert min(remote.values()) > 50


def test_a_place_is_remote_where_there_are_no_zones_and_by_the_time_for_which_they_are_valid() -> None:
    everywhere = [(-90_000, -90_000), (90_000, -90_000), (90_000, 90_000), (-90_000, 90_000)]
    none = ZoneGeometry(PLANE, [])
    assert none.is_off_forbidden(XY(0, 0))
    assert none.is_inside_jurisdiction(XY(0, 0), 0)
    until = drawn("old", ZoneKind.JURISDICTION, *everywhere, validity=Validity(None, 2_000))
    dated = ZoneGeometry(PLANE, [until, replace(until, id="old-town", kind=ZoneKind.FORBIDDEN)])
    assert not dated.is_off_forbidden(XY(0, 0))
    assert [dated.is_inside_jurisdiction(XY(0, 0), ts) for ts in (1_999, 2_000)] == [True, False]


def test_permitted_areas_are_those_of_the_ids_asked_for() -> None:
    west = drawn("west", ZoneKind.PERMITTED_AREA, (-5000, -5000), (0, -5000), (0, 5000), (-5000, 5000))
    east = drawn("east", ZoneKind.PERMITTED_AREA, (0, -5000), (5000, -5000), (5000, 5000), (0, 5000))
    past = replace(east, id="past", validity=Validity(None, 1_000))
    geometry = ZoneGeometry(PLANE, [west, east, past])
    place = XY(-300, 0)
    asked = ((("west", "east"), "west", 300), (("east",), "east", -300), (("past",), "past", -300))
    for area_ids, zone_id, depth_m in asked:
        answer = geometry.permitted_at(place, 0, frozenset(area_ids))
        assert answer is not None
        assert answer.zone.id == zone_id
        assert answer.depth_m == pytest.approx(depth_m, abs=1)
    assert geometry.permitted_at(place, 1_000, frozenset({"past"})) is None
    assert geometry.permitted_at(place, 0, frozenset()) is None
    assert geometry.permitted_at(place, 0, frozenset({"north"})) is None
    assert geometry.jurisdiction_at(place, 0) is None
    assert geometry.forbidden_at(place, 0) is None


NORTH: dict[str, Any] = {"id": "north", "kind": "permitted_area", "name": "North", "radius_m": 5_000}


def with_areas(folder: Path, areas: str) -> Path:
    write(folder, NORTH, OLD_TOWN | {"radius_m": 500})
    edit(folder / "permits.yaml", "  vehicle:", f"  areas: {areas}\n  vehicle:")
    return folder


def test_a_permit_may_name_areas(folder: Path) -> None:
    assert not read_city(folder).has_areas
    city = read_city(with_areas(folder, "[north]"))
    [permit] = city.permits
    assert permit.area_ids == ("north",)
    assert city.has_areas
    assert unpack_city(pack_city(city)) == city
    ts = permit.validity.start_ms
    assert ts is not None
    assert city.areas_of(permit.vehicle_id, ts) == {"north"}
    assert city.areas_of(permit.vehicle_id, ts - 1) == frozenset()
    assert city.areas_of("another", ts) == frozenset()
    second = replace(permit, id="second", area_ids=("south",))
    assert replace(city, permits=(permit, second)).areas_of(permit.vehicle_id, ts) == {"north", "south"}
    anywhere = replace(second, area_ids=())
    assert replace(city, permits=(permit, anywhere)).areas_of(permit.vehicle_id, ts) == frozenset()


@pytest.mark.parametrize(
    ("areas", "said"),
    [
        ("[nroth]", "areas: 'nroth' is not in zones.geojson: did you mean 'north'?"),
        ("[old-town]", "areas: 'old-town' is of kind forbidden in zones.geojson: name zones of kind permitted_area"),
        ("north", "areas: 'north' does not fit: write a list of ids"),
    ],
)
def test_areas_that_are_none_say_what_to_write(folder: Path, areas: str, said: str) -> None:
    assert found(with_areas(folder, areas)) == [f"permits.yaml: permit: {said}"]


def test_a_permit_that_an_earlier_version_packed_has_no_areas(folder: Path) -> None:
    city = read_city(folder)
    body = msgspec.msgpack.decode(zlib.decompress(pack_city(city)))
    for row in body["rows"]["permit"]:
        del row["area_ids"]
    assert unpack_city(zlib.compress(msgspec.msgpack.encode(body))) == city
