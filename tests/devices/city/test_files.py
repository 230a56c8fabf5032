"""Reader of a city's folder: the city of a good one, and the message for each fault."""

import json
import shutil
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from devices.city.files import CityFileError, read_city
from devices.city.model import Area
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
    ("city.yaml", "datum: wgs84", "", "city.yaml: datum: missing: write `wgs84` or `gcj02`"),
    (
        "city.yaml",
        "Asia/Shanghai",
        "Jincheng",
        "city.yaml: timezone: 'Jincheng' does not fit: write a name of the time zone database",
    ),
    (
        "city.yaml",
        "Asia/Shanghai",
        "Asia/Shanghia",
        "city.yaml: timezone: 'Asia/Shanghia' does not fit: did you mean 'Asia/Shanghai'?",
    ),
    ("city.yaml", "id: smallville", "id: [", "city.yaml: file: is not YAML: while parsing a flow"),
    (
        "sites.geojson",
        '"haulwatch:datum": "wgs84", ',
        "",
        "sites.geojson: works: haulwatch:datum: missing: write wgs84",
    ),
    ("sites.geojson", '"wgs84"', '"bd09"', "sites.geojson: works: haulwatch:datum: 'bd09' is not supported"),
    (
        "sites.geojson",
        "[112.842, 35.48]",
        "[35.48, 112.842]",
        "works: coordinates: vertex 2: [35.48, 112.842] has latitude",
    ),
    (
        "sites.geojson",
        "[112.842, 35.48]",
        "[116.4, 39.9]",
        "works: coordinates: vertex 2: [116.4, 39.9] is 586 km from the",
    ),
    (
        "sites.geojson",
        "[112.842, 35.48]",
        "[112.842, null]",
        "works: coordinates: vertex 2: [112.842, None] is not a position",
    ),
    (
        "sites.geojson",
        "[112.842, 35.48]",
        "[112.842, NaN]",
        "works: coordinates: vertex 2: [112.842, nan] is not a position",
    ),
    ("sites.geojson", "[112.842, 35.482]", "[112.842, 35.48]", "works: coordinates: vertex 3 repeats the one before"),
    ("sites.geojson", "[112.842, 35.482]", "[112.839, 35.481]", "works: coordinates: Self-intersection"),
    ("sites.geojson", ", [112.84, 35.48]]]", "]]", "works: coordinates: a ring has at least four positions and ends"),
    (
        "sites.geojson",
        '"radius_m": 20',
        '"radius_m": 0',
        "bin: radius_m: 0 does not fit: write a number of metres above 0",
    ),
    ("sites.geojson", ', "radius_m": 20', "", "sites.geojson: bin: radius_m: a Point needs one"),
    (
        "sites.geojson",
        '"kind": "disposal_site"',
        '"kind": "tip"',
        "spoil: kind: 'tip' does not fit: write one of `construction_site`",
    ),
    ("sites.geojson", '"id": "works", ', "", "sites.geojson: feature 1: id: missing: write an id"),
    ("sites.geojson", '"version": 2, ', "", "sites.geojson: spoil: id: used twice in this file"),
    ("sites.geojson", "2024-01-01", "2025-01-01", "spoil: valid_from: two versions of a site at one time"),
    ("sites.geojson", "2020-01-01", "2024-01-01", "spoil: valid_until: not after valid_from"),
    (
        "sites.geojson",
        '"valid_from": "2020-01-01"',
        '"valid_from": 2020',
        "spoil: valid_from: 2020 does not fit: write a date",
    ),
    ("sites.geojson", '"features"', '"feature"', "sites.geojson: features: missing"),
    ("sites.geojson", '{"type"', "", "sites.geojson: file: is not JSON: "),
    ("routes.geojson", "[112.82, 35.481]", "[112.841, 35.481]", "road: coordinates: vertex 2 repeats"),
    ("routes.geojson", "LineString", "Polygon", "road: geometry.type: 'Polygon' cannot be a route"),
    ("routes.geojson", '"works"', '"quarry"', "road: origin: 'quarry' is not in sites.geojson: add it"),
    ("routes.geojson", '"spoil"', '"dell"', "road: destination: 'dell' is not in sites.geojson"),
    ("vehicles.yaml", "plate: 晋E·D0001", "plates: x", "vehicles.yaml: lorry: plate: missing: write text of 1 to 32"),
    (
        "vehicles.yaml",
        "tare_kg: 13000",
        "tare_kg: '13 t'",
        "lorry: tare_kg: '13 t' does not fit: write a number of kg above 0",
    ),
    ("vehicles.yaml", "- id: lorry", "id: lorry", "vehicles.yaml: file: "),
    ("devices.yaml", "id: truck", "id: alerts", "devices.yaml: alerts: id: reserved for Haulwatch itself"),
    ("devices.yaml", "id: truck", "id: haulwatch-probe", "devices.yaml: haulwatch-probe: id: reserved for Haulwatch"),
    (
        "devices.yaml",
        "id: truck",
        "id: truck 1",
        "devices.yaml: truck 1: id: 'truck 1' does not fit: write an id: 1-64 letters",
    ),
    ("devices.yaml", "id: bin-terminal", "id: truck", "devices.yaml: truck: id: used twice in this file"),
    ("devices.yaml", "vehicle: lorry", "vehicle: van", "devices.yaml: truck: vehicle: 'van' is not in vehicles.yaml"),
    ("devices.yaml", "  vehicle: lorry\n", "", "devices.yaml: truck: vehicle: missing: write the vehicle that carries"),
    (
        "devices.yaml",
        "site: bin",
        "site: bins",
        "bin-terminal: site: 'bins' is not in sites.geojson: did you mean 'bin'?",
    ),
    ("devices.yaml", "  site: bin\n", "", "bin-terminal: site: missing: write the site that this recycling_point"),
    ("devices.yaml", "  site: bin", "  vehicle: lorry\n  site: bin", "bin-terminal: valid_from: two terminals on one"),
    (
        "devices.yaml",
        "role: truck",
        "role: lorry",
        "devices.yaml: truck: role: 'lorry' does not fit: write one of `truck`, `weigh",
    ),
    ("permits.yaml", "vehicle: lorry", "vehicle: van", "permits.yaml: permit: vehicle: 'van' is not in vehicles.yaml"),
    ("permits.yaml", "[road]", "[road, lane]", "permits.yaml: permit: routes: 'lane' is not in routes.geojson"),
    (
        "devices.yaml",
        "role: truck",
        "role: trucks",
        "devices.yaml: truck: role: 'trucks' does not fit: did you mean 'truck'?",
    ),
    ("devices.yaml", "vehicle: lorry", "vehicel: lorry", "truck: vehicel: no such field: did you mean 'vehicle'?"),
    ("devices.yaml", "- id: truck", "- id: 7", "devices.yaml: entry 1: id: 7 does not fit: write an id: 1-64 letters"),
    (
        "city.yaml",
        "datum: wgs84",
        "datum: wgs84\ndistricts: [urban, 1]",
        "city.yaml: districts.1: 1 does not fit: write a",
    ),
    (
        "city.yaml",
        "datum: wgs84",
        "datum: wgs84\nfleets: [{id: danhe, nmae: Danhe}]",
        "city.yaml: fleets.0.nmae: 'Danhe' does not fit: write a list; each entry an id, or `id`, `name` and `name_zh`",
    ),
    (
        "permits.yaml",
        "[road]",
        "[raod]",
        "permits.yaml: permit: routes: 'raod' is not in routes.geojson: did you mean 'road'?",
    ),
    ("sites.geojson", "valid_until", "valid_untill", "spoil: valid_untill: no such field: did you mean 'valid_until'?"),
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


def found(folder: Path) -> list[str]:
    with pytest.raises(CityFileError) as caught:
        read_city(folder)
    return list(caught.value.problems)


def test_every_fault_is_named_in_one_run(folder: Path) -> None:
    """Faults in every file, several in one row, and some that only show when faulty rows are read on."""
    edit(folder / "city.yaml", "Asia/Shanghai", "Jincheng")
    edit(folder / "city.yaml", "[112.85, 35.49]", "[35.49, 112.85]")
    edit(folder / "sites.geojson", "[112.842, 35.482]", "[112.839, 35.481]")
    edit(folder / "sites.geojson", '"radius_m": 20', '"radius_m": -20')
    edit(folder / "routes.geojson", '"works"', '"work"')
    edit(folder / "routes.geojson", "[112.82, 35.481]", "[112.841, 35.481]")
    edit(folder / "vehicles.yaml", "tare_kg: 13000", "tare_kg: -1\n  colour: red")
    edit(folder / "devices.yaml", "role: truck", "role: lorry")
    edit(folder / "devices.yaml", "vehicle: lorry", "vehicle: lory")
    edit(folder / "devices.yaml", "site: bin", "site: bins")
    (folder / "permits.yaml").unlink()
    expected = {
        "city.yaml: timezone", "city.yaml: centre", "sites.geojson: works: coordinates", "sites.geojson: bin: radius_m",
        "routes.geojson: road: origin", "routes.geojson: road: coordinates", "vehicles.yaml: lorry: tare_kg",
        "vehicles.yaml: lorry: colour", "devices.yaml: truck: role", "devices.yaml: truck: vehicle",
        "devices.yaml: bin-terminal: site", "permits.yaml: file",
    }  # fmt: skip
    lines = found(folder)
    assert {line for line in lines if not any(line.startswith(f"{head}:") for head in expected)} == set()
    assert len(lines) == len(expected)


@pytest.mark.parametrize(("file", "old", "new", "line"), FAULTS, ids=[fault[3][:60] for fault in FAULTS])
def test_a_fault_hides_no_other(folder: Path, file: str, old: str, new: str, line: str) -> None:
    """With a fault of city.yaml and one in each row of devices.yaml beside it; what depends on the centre excepted."""
    edit(folder / file, old, new)
    (folder / "devices.yaml").write_text((folder / "devices.yaml").read_text().replace("  role:", "  nmae: x\n  role:"))
    if file != "city.yaml":
        edit(folder / "city.yaml", "datum: wgs84", "datum: wgs-84")
        assert any("city.yaml: datum: 'wgs-84' does not fit: did you mean 'wgs84'?" in each for each in found(folder))
    if "km from" not in new and "km from" not in line:
        assert any(line in each for each in found(folder)), found(folder)
    if "- id" in (folder / "devices.yaml").read_text():
        assert sum("nmae: no such field: did you mean 'name'?" in each for each in found(folder)) == 2


def test_several_faulty_vertices_of_one_line_are_all_named(folder: Path) -> None:
    edit(folder / "routes.geojson", "[112.841, 35.481]", '[35.481, 112.841], [112.83, "north"], [112.841, 35.481]')
    [line] = found(folder)
    assert "vertex 1: [35.481, 112.841] has latitude 112.841: coordinates are [lon, lat]" in line
    assert "vertex 2: [112.83, 'north'] is not a position: write [lon, lat] in degrees" in line


def test_a_chinese_name_may_be_left_out(folder: Path) -> None:
    for file, name in (("city.yaml", "name_zh: 小城\n"), ("sites.geojson", '"name_zh": "回收点", ')):
        edit(folder / file, name, "")
    city = read_city(folder)
    assert (city.name_zh, city.title) == (city.name, city.name)
    assert city.sites["bin"].name_zh == city.sites["bin"].name


def test_districts_are_checked_where_the_city_lists_them(folder: Path) -> None:
    edit(folder / "devices.yaml", "district: centre", "district: urbn")
    assert read_city(folder).devices["bin-terminal"].district == "urbn"
    edit(folder / "city.yaml", "datum: wgs84", "datum: wgs84\ndistricts: [urban, west]")
    assert found(folder) == ["devices.yaml: bin-terminal: district: 'urbn' is not in city.yaml: did you mean 'urban'?"]
    edit(folder / "devices.yaml", "urbn", "urban")
    assert read_city(folder).devices["bin-terminal"].district == "urban"


def test_fleets_are_checked_where_the_city_lists_them(folder: Path) -> None:
    edit(folder / "city.yaml", "datum: wgs84", "datum: wgs84\nfleets: [haulier, danhe]")
    assert found(folder) == ["devices.yaml: truck: fleet: 'hauliers' is not in city.yaml: did you mean 'haulier'?"]


def test_a_district_has_names_or_is_called_by_its_id(folder: Path) -> None:
    assert read_city(folder).districts == ()
    named = "districts: [{id: west, name: West side, name_zh: 西区}, {id: north, name: North}, centre]"
    edit(folder / "city.yaml", "datum: wgs84", f"datum: wgs84\n{named}")
    assert read_city(folder).districts == (
        Area("centre", "centre", "centre"),
        Area("north", "North", "North"),
        Area("west", "West side", "西区"),
    )


def test_region_margin_and_datum_of_devices_are_read_and_have_defaults(folder: Path) -> None:
    before = read_city(folder)
    assert (before.region_margin_km, {device.datum for device in before.devices.values()}) == (50.0, {Datum.WGS84})
    edit(folder / "city.yaml", "datum: wgs84", "datum: wgs84\nregion_margin_km: 12.5")
    edit(folder / "devices.yaml", "role: truck", "role: truck\n  datum: gcj02")
    after = read_city(folder)
    assert after.region_margin_km == 12.5
    assert after.region.north < before.region.north
    assert Datum.GCJ02 in {device.datum for device in after.devices.values()}


LAUGHS = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnopqrstuvwxyz"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("city.yaml", LAUGHS, "city.yaml: file: is not YAML: the alias *a is refused: write the value out"),
        ("devices.yaml", "[" * 100_000, "devices.yaml: file: is nested too deeply"),
        ("sites.geojson", "[" * 100_000, "sites.geojson: file: is nested too deeply"),
        ("permits.yaml", "- {id: p, valid_from: 2026-02-30}", "permits.yaml: file: is not YAML: day is out of range"),
        ("devices.yaml", "[" + "1," * 50_001 + "]", "devices.yaml: file: has 50,001 entries, more than 50,000"),
        (
            *("routes.geojson", '{"type": "FeatureCollection", "features": [' + "1," * 50_000 + "1]}"),
            "routes.geojson: file: has 50,001 entries, more than 50,000: remove what is no part of the city",
        ),
    ],
    ids=["aliases", "deep yaml", "deep json", "no day", "many rows", "many features"],
)
def test_a_file_beyond_its_bounds_is_named(folder: Path, name: str, content: str, words: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(CityFileError) as caught:
        read_city(folder)
    assert words in "\n".join(caught.value.problems)


@pytest.mark.parametrize(("name", "mib"), [("devices.yaml", 16), ("sites.geojson", 128)])
def test_a_file_that_never_ends_is_not_read_to_its_end(folder: Path, name: str, mib: int) -> None:
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(CityFileError, match=f"{name}: file: is larger than {mib} MiB: remove what is no part"):
        read_city(folder)


def test_a_shape_of_too_many_positions_is_named(folder: Path) -> None:
    routes = json.loads((folder / "routes.geojson").read_text())
    [first, *_] = routes["features"]
    start = first["geometry"]["coordinates"][0]
    first["geometry"]["coordinates"] = [[start[0] + n * 1e-6, start[1]] for n in range(20_001)]
    (folder / "routes.geojson").write_text(json.dumps(routes))
    with pytest.raises(CityFileError, match=r"coordinates: has 20,001 positions, more than 20,000: simplify the shape"):
        read_city(folder)


def test_the_correction_of_a_clock_is_read_and_is_none_by_default(folder: Path) -> None:
    assert {device.clock_correction_s for device in read_city(folder).devices.values()} == {0}
    edit(folder / "devices.yaml", "role: truck", "role: truck\n  clock_correction_s: -28800")
    assert {device.clock_correction_s for device in read_city(folder).devices.values()} == {0, -28_800}


@pytest.mark.parametrize("wrong", ["8h", "3600.5", "true", "631152001", "-631152001", "28800000000"])
def test_a_correction_that_is_no_number_of_seconds_says_what_to_write(folder: Path, wrong: str) -> None:
    edit(folder / "devices.yaml", "role: truck", f"role: truck\n  clock_correction_s: {wrong}")
    [line] = found(folder)
    assert "clock_correction_s" in line
    assert "does not fit: write a whole number of seconds from -631,152,000 to 631,152,000" in line
