"""Reader of a city's folder: the city of a good one, and the message for each fault."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devices.city.files import CityFileError, read_city
from devices.geo.gcj02 import wgs84_of
from devices.geo.geometry import Datum, LatLon
from tests import ROOT

SMALL_CITY = ROOT / "tests" / "devices" / "small_city"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SMALL_CITY, tmp_path / "city")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path.name} has no {old!r} any more"
    path.write_text(text.replace(old, new, 1))


def test_small_city_is_read_whole() -> None:
    city = read_city(SMALL_CITY)
    assert (city.id, city.name_zh, city.timezone, city.revision) == ("smallville", "小城", "Asia/Shanghai", 0)
    assert city.centre == LatLon(lat=35.49, lon=112.85)
    assert city.devices["truck"].vehicle_id == "lorry"
    assert city.devices["bin-terminal"].report_interval_s == 120
    assert city.vehicles["lorry"].payload_kg == 16_000.5
    assert [(route.id, route.origin_site_id, route.destination_site_id) for route in city.routes] == [
        ("road", "works", "spoil")
    ]
    assert city.permits[0].route_ids == ("road",)


def test_newest_fence_is_the_site_and_the_earlier_one_is_kept() -> None:
    city = read_city(SMALL_CITY)
    assert city.sites["spoil"].version == 2
    assert [(site.id, site.version) for site in city.past_sites] == [("spoil", 1)]


def test_a_date_is_midnight_in_the_city_and_a_date_time_is_kept() -> None:
    validity = read_city(SMALL_CITY).permits[0].validity
    assert validity.start_ms == ms("2020-01-01T00:00:00+08:00")
    assert validity.end_ms == ms("2027-01-01T00:00:00+00:00")
    assert datetime.fromtimestamp(validity.start_ms / 1000, UTC).hour == 16


def test_point_with_a_radius_becomes_a_round_fence_in_metres() -> None:
    city = read_city(SMALL_CITY)
    place = city.plane.xy(city.centre)
    assert city.geometry.distance_to_site_m("bin", place) == 0
    fence = [city.plane.xy(LatLon(lat=lat, lon=lon)) for lon, lat in city.sites["bin"].area.exterior.coords]
    assert all(corner.distance_m(place) == pytest.approx(20, abs=0.01) for corner in fence)


def test_gcj02_becomes_wgs84_at_import(folder: Path) -> None:
    edit(folder / "routes.geojson", '"wgs84"', '"gcj02"')
    lon, lat, *_ = read_city(folder).routes[0].line.coords[0]
    expected = wgs84_of(LatLon(lat=35.481, lon=112.841))
    assert (lat, lon) == (expected.lat, expected.lon)


def test_datum_of_a_feature_overrides_that_of_the_file(folder: Path) -> None:
    edit(folder / "sites.geojson", '"id": "bin",', '"id": "bin", "datum": "gcj02",')
    edit(folder / "city.yaml", "datum: wgs84", "datum: gcj02")
    city = read_city(folder)
    assert city.geometry.distance_to_site_m("bin", city.plane.xy(city.centre)) == 0
    assert city.sites["works"].area.exterior.coords[0] == (112.84, 35.48)


FAULTS = [
    # file, old text, new text, the expected line
    ("city.yaml", "[112.85, 35.49]", "[35.49, 112.85]", "city.yaml: centre: [35.49, 112.85] has latitude 112.85"),
    ("city.yaml", "datum: wgs84", "", "city.yaml: datum: Field required"),
    ("city.yaml", "Asia/Shanghai", "Asia/Jincheng", "city.yaml: timezone: Value error, not a name of the time zone"),
    ("city.yaml", "id: smallville", "id: [", "city.yaml: file: cannot be read"),
    (
        "sites.geojson",
        '"haulwatch:datum": "wgs84", ',
        "",
        "sites.geojson: works: haulwatch:datum: missing: write wgs84",
    ),
    ("sites.geojson", '"wgs84"', '"bd09"', "sites.geojson: works: haulwatch:datum: 'bd09' is not supported"),
    ("sites.geojson", "[112.842, 35.48]", "[35.48, 112.842]", "works: coordinates: [35.48, 112.842] has latitude"),
    ("sites.geojson", "[112.842, 35.48]", "[116.4, 39.9]", "works: coordinates: [116.4, 39.9] is 586 km from the"),
    ("sites.geojson", "[112.842, 35.48]", "[112.842, null]", "works: coordinates: [112.842, None] is not a position"),
    ("sites.geojson", "[112.842, 35.48]", "[112.842, NaN]", "works: coordinates: [112.842, nan] is not a position"),
    ("sites.geojson", "[112.842, 35.482]", "[112.842, 35.48]", "works: coordinates: vertex 3 repeats the one before"),
    ("sites.geojson", "[112.842, 35.482]", "[112.839, 35.481]", "works: coordinates: Self-intersection"),
    ("sites.geojson", ", [112.84, 35.48]]]", "]]", "works: coordinates: a ring has at least four positions and ends"),
    ("sites.geojson", '"radius_m": 20', '"radius_m": 0', "bin: radius_m: Input should be greater than 0"),
    ("sites.geojson", ', "radius_m": 20', "", "sites.geojson: bin: radius_m: a Point needs one"),
    ("sites.geojson", '"kind": "disposal_site"', '"kind": "tip"', "spoil: kind: Input should be 'construction_site'"),
    ("sites.geojson", '"id": "works", ', "", "sites.geojson: feature 1: id: Field required"),
    ("sites.geojson", '"version": 2, ', "", "sites.geojson: spoil: id: used twice in this file"),
    ("sites.geojson", "2024-01-01", "2025-01-01", "spoil: valid_from: two versions of a site at one time"),
    ("sites.geojson", "2020-01-01", "2024-01-01", "spoil: valid_until: not after valid_from"),
    (
        "sites.geojson",
        '"valid_from": "2020-01-01"',
        '"valid_from": 2020',
        "spoil: valid_from: Value error, write a date",
    ),
    ("sites.geojson", '"features"', '"feature"', "sites.geojson: features: missing"),
    ("sites.geojson", '{"type"', "", "sites.geojson: file: cannot be read"),
    ("routes.geojson", "[112.82, 35.481]", "[112.841, 35.481]", "road: coordinates: vertex 2 repeats"),
    ("routes.geojson", "LineString", "Polygon", "road: geometry.type: 'Polygon' cannot be a route"),
    ("routes.geojson", '"works"', '"quarry"', "road: origin: 'quarry' is not in sites.geojson: add it"),
    ("routes.geojson", '"spoil"', '"dell"', "road: destination: 'dell' is not in sites.geojson"),
    ("vehicles.yaml", "plate: 晋E·D0001", "plates: x", "vehicles.yaml: lorry: plate: Field required"),
    (
        "vehicles.yaml",
        "tare_kg: 13000",
        "tare_kg: '13 t'",
        "lorry: tare_kg: Input should be a valid number (found '13 t')",
    ),
    ("vehicles.yaml", "- id: lorry", "id: lorry", "vehicles.yaml: file: "),
    ("devices.yaml", "id: truck", "id: alerts", "devices.yaml: alerts: id: reserved for Haulwatch itself"),
    ("devices.yaml", "id: truck", "id: haulwatch-probe", "devices.yaml: haulwatch-probe: id: reserved for Haulwatch"),
    ("devices.yaml", "id: truck", "id: truck 1", "devices.yaml: truck 1: id: String should match pattern"),
    ("devices.yaml", "id: bin-terminal", "id: truck", "devices.yaml: truck: id: used twice in this file"),
    ("devices.yaml", "vehicle: lorry", "vehicle: van", "devices.yaml: truck: vehicle: 'van' is not in vehicles.yaml"),
    ("devices.yaml", "  vehicle: lorry\n", "", "devices.yaml: truck: vehicle: missing: a truck's terminal names"),
    ("devices.yaml", "site: bin", "site: bins", "devices.yaml: bin-terminal: site: 'bins' is not in sites.geojson"),
    ("devices.yaml", "  site: bin\n", "", "bin-terminal: site: missing: a recycling_point names the site"),
    ("devices.yaml", "  site: bin", "  vehicle: lorry\n  site: bin", "bin-terminal: valid_from: two terminals on one"),
    ("devices.yaml", "role: truck", "role: lorry", "devices.yaml: truck: role: Input should be 'truck'"),
    ("permits.yaml", "vehicle: lorry", "vehicle: van", "permits.yaml: permit: vehicle: 'van' is not in vehicles.yaml"),
    ("permits.yaml", "[road]", "[road, lane]", "permits.yaml: permit: routes: 'lane' is not in routes.geojson"),
    ("permits.yaml", "[spoil]", "[dell]", "permits.yaml: permit: sites: 'dell' is not in sites.geojson"),
]


@pytest.mark.parametrize(("file", "old", "new", "line"), FAULTS, ids=[fault[3][:60] for fault in FAULTS])
def test_fault_is_named_with_file_feature_field_and_fix(folder: Path, file: str, old: str, new: str, line: str) -> None:
    edit(folder / file, old, new)
    with pytest.raises(CityFileError) as caught:
        read_city(folder)
    assert any(line in problem for problem in caught.value.problems), str(caught.value)
    assert all(problem.startswith(file) for problem in caught.value.problems), (
        "one fault makes no second fault in other files"
    )


def test_swapped_coordinates_near_the_diagonal_are_found_by_distance(folder: Path) -> None:
    edit(folder / "city.yaml", "[112.85, 35.49]", "[80.0, 40.0]")
    for site in ("sites.geojson", "routes.geojson"):
        (folder / site).write_text((folder / site).read_text().replace("112.8", "40.0").replace("35.", "80."))
    with pytest.raises(
        CityFileError, match=r"km from the city's centre: coordinates are \[lon, lat\], these look swapp"
    ):
        read_city(folder)


def test_every_fault_is_named_in_one_run(folder: Path) -> None:
    faults: list[Callable[[], None]] = [
        lambda: edit(folder / "sites.geojson", "[112.842, 35.482]", "[112.839, 35.481]"),
        lambda: edit(folder / "vehicles.yaml", "tare_kg: 13000", "tare_kg: -1"),
        lambda: edit(folder / "devices.yaml", "site: bin", "site: bins"),
        (folder / "permits.yaml").unlink,
    ]
    for fault in faults:
        fault()
    with pytest.raises(CityFileError) as caught:
        read_city(folder)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "vehicles.yaml", "permits.yaml", "devices.yaml", "sites.geojson",
    ]  # fmt: skip


def test_region_margin_and_datum_of_devices_are_read_and_have_defaults(folder: Path) -> None:
    before = read_city(folder)
    assert (before.region_margin_km, {device.datum for device in before.devices.values()}) == (50.0, {Datum.WGS84})
    edit(folder / "city.yaml", "datum: wgs84", "datum: wgs84\nregion_margin_km: 12.5")
    edit(folder / "devices.yaml", "role: truck", "role: truck\n  datum: gcj02")
    after = read_city(folder)
    assert after.region_margin_km == 12.5
    assert after.region.north < before.region.north
    assert Datum.GCJ02 in {device.datum for device in after.devices.values()}
