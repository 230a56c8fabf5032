"""More than twenty mistakes in one folder: one run names each by file, line and field, and nothing else."""

import shutil
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from devices.city.files import CityFileError, read_city
from devices.city.files.export import moment_text
from tests.devices.city.test_files import SMALL_CITY

_MORE: Final = {
    "zones.geojson": """{"type": "FeatureCollection", "haulwatch:datum": "wgs84", "features": [
  {
    "type": "Feature",
    "properties": {
      "id": "north",
      "kind": "permitted_area",
      "name": "North"
    },
    "geometry": {"type": "Point", "coordinates": [112.85, 35.49]}
  },
  {
    "type": "Feature",
    "properties": {"id": "old-town", "kind": "forbidden", "name": "Old town", "radius_m": 500},
    "geometry": {"type": "Point", "coordinates": [112.85, 35.49]}
  }
]}
""",
    "gates.geojson": """{"note": ["}", {"features": [1]}], "type": "FeatureCollection",
"haulwatch:datum": "wgs84",
"features": [
{"type": "Feature", "properties": {"id": "g1", "name": "Gate", "site": "works",
 "use": "both"}, "geometry": {"type": "Point", "coordinates": [112.84, 35.48]}}
]}
""",
    "hauliers.csv": "id,name,name_zh,fleet\r\nh1,Clean,洁运,danhe\r\nh2,Swift,快运,danhe\r\n",
    "drivers.yaml": "- id: d1\n  name: Li\n  haulier: h1\n- id: d2\n  name: Wang\n",
    "licences.csv": "id,haulier,areas,streams\r\nl1,h1,north,kitchen\r\nl2,h2,north;old-town,\r\n",
}


class Mistake(NamedTuple):
    file: str
    right: str
    wrong: str
    field: str
    at: str = ""
    """What the line holds that is named, if it is not the one of the mistake."""


MISTAKES: Final = [
    Mistake("city.yaml", "name_zh", "nmae_zh", "nmae_zh"),
    Mistake("sites.geojson", '"construction_site"', '"construction_sight"', "kind"),
    Mistake("sites.geojson", "[112.842, 35.482]", "[35.482, 112.842]", "coordinates"),
    Mistake("sites.geojson", '"valid_until": "2024-01-01"', '"valid_until": "2024-13-01"', "valid_until"),
    Mistake("sites.geojson", '"radius_m": 20', '"radius_m": -20', "radius_m"),
    Mistake("routes.geojson", '"origin": "works"', '"origin": "worsk"', "origin"),
    Mistake("routes.geojson", '"stroke": "#f00"', '"corridor_m": 5', "corridor_m"),
    Mistake("routes.geojson", "[112.82, 35.481]", '[112.82, "x"]', "coordinates"),
    Mistake("zones.geojson", '"name": "North"', '"name": ""', "name"),
    Mistake("zones.geojson", "north", "north", "radius_m", at='{\n    "type": "Feature"'),
    Mistake("gates.geojson", '"both"', '"sideways"', "use"),
    Mistake("vehicles.yaml", "tare_kg: 13000", "tare_kg: heavy", "tare_kg"),
    Mistake("vehicles.yaml", "carrier: Hauliers", "carier: Hauliers", "carier"),
    Mistake(
        "vehicles.yaml",
        "payload_kg: 16000.5",
        "payload_kg: 1\n- id: lorry\n  plate: D9",
        "id",
        at="- id: lorry\n  plate: D9",
    ),
    Mistake(
        "vehicles.yaml", "plate: D9", "plate: D9\n- plate: D8\n  id: van\n  kind: kitchen", "kind", at="kind: kitchen"
    ),
    Mistake("devices.yaml", "report_interval_s: 10\n", "report_interval_s: 0\n", "report_interval_s"),
    Mistake("devices.yaml", "vehicle: lorry", "vehicle: lory", "vehicle"),
    Mistake("devices.yaml", "  site: bin\n", "", "site", at="- id: bin-terminal"),
    Mistake("permits.yaml", "routes: [road]", "routes:\n  - raod", "routes"),
    Mistake(
        "permits.yaml",
        "sites: [spoil]",
        'sites: [spoil]\n  hours:\n  - "06:00-18:00"\n  - "25:00-26:00"',
        "hours.1",
        at='- "25:00',
    ),
    Mistake("permits.yaml", "valid_until: 2027-01-01T08:00:00+08:00", "valid_until: 2019-01-01", "valid_until"),
    Mistake("hauliers.csv", "h2,Swift", "h2,", "name", at="h2,"),
    Mistake("drivers.yaml", "haulier: h1", "haulier: h9", "haulier"),
    Mistake("licences.csv", "l1,h1", "l1,h1", "areas", at="l2,h2"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = shutil.copytree(SMALL_CITY, tmp_path / "city")
    for name, text in _MORE.items():
        (folder / name).write_bytes(text.encode())
    return folder


def lines_of(mistakes: list[Mistake], folder: Path) -> list[tuple[str, int, str]]:
    """Make the mistakes, and look where they are by counting line breaks."""
    for mistake in mistakes:
        path = folder / mistake.file
        text = path.read_bytes().decode()
        assert mistake.right in text, mistake
        path.write_bytes(text.replace(mistake.right, mistake.wrong, 1).encode())
    found = []
    for mistake in mistakes:
        text = (folder / mistake.file).read_bytes().decode()
        sign = mistake.at or mistake.wrong
        found.append((mistake.file, text[: text.index(sign)].count("\n") + 1, mistake.field))
    return found


def test_each_of_the_mistakes_is_named_with_file_line_and_field(folder: Path) -> None:
    assert len(MISTAKES) >= 20
    planted = lines_of(MISTAKES, folder)
    with pytest.raises(CityFileError) as refused:
        read_city(folder)
    found = [(fault.where.file, fault.line, fault.field) for fault in refused.value.faults]
    assert sorted(found) == sorted(planted)
    assert all(fault.with_line.startswith(f"{fault.where.file}:{fault.line}: ") for fault in refused.value.faults)


@pytest.mark.parametrize(
    ("file", "content", "line"),
    [
        ("vehicles.yaml", "- id: a\n  plate: [\n- id: b\n", 3),
        ("sites.geojson", '{"type": "FeatureCollection",\n"features": [}\n', 2),
        ("hauliers.csv", 'id,name\nh1,"Clean\n', 2),
        ("hauliers.csv", "id,name\nh1,Clean\nh2,Swift,more\n", 3),
        ("hauliers.csv", "id,name,name\n", 1),
        ("vehicles.yaml", "- id: lorry\n  plate: P\n  plate: Q\n", 3),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(folder: Path, file: str, content: str, line: int) -> None:
    (folder / file).write_text(content)
    with pytest.raises(CityFileError) as refused:
        read_city(folder)
    assert (file, line, "file") in {(one.where.file, one.line, one.field) for one in refused.value.faults}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("valid_until", "9999-12-31T23:59:59Z"),
        ("valid_until", "9999-12-31"),
        ("valid_from", "0001-01-01"),
        ("valid_from", "0001-01-01T00:00:00+14:00"),
        ("plate", '"A\\0B"'),
        ("plate", '"A\\nB"'),
        ("carrier", '"A\\x85B"'),
        ("version", "1099511627776"),
    ],
)
def test_what_no_registry_can_keep_is_refused_by_its_field_and_line(folder: Path, field: str, value: str) -> None:
    """A date far beyond the calendar locked the registry: neither an export nor a repairing import came through."""
    plate = "" if field == "plate" else "  plate: A\n"
    text = f"- id: lorry\n{plate}  {field}: {value}\n"
    (folder / "vehicles.yaml").write_text(text)
    with pytest.raises(CityFileError) as refused:
        read_city(folder)
    line = text.count("\n")
    assert ("vehicles.yaml", line, field) in {(one.where.file, one.line, one.field) for one in refused.value.faults}


def test_an_instant_beyond_the_calendar_is_shown_as_the_last_one() -> None:
    """A registry of before may hold one: the import that repairs it shows what it was."""
    zone = ZoneInfo("Asia/Shanghai")
    assert [moment_text(ms, zone) for ms in (-(10**17), 253_402_300_799_000 * 1000)] == [
        "2000-01-01T08:00:00+08:00",
        "2100-01-01T08:00:00+08:00",
    ]


@pytest.mark.parametrize("depth", [10_000])
def test_geojson_that_is_nested_too_deeply_is_a_fault(folder: Path, depth: int) -> None:
    (folder / "sites.geojson").write_text('{"features": ' + "[" * depth + "]" * depth + "}")
    with pytest.raises(CityFileError, match=r"sites\.geojson.*nested too deeply"):
        read_city(folder)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_mark_of_an_encoding_costs_no_lines(folder: Path, encoding: str) -> None:
    text = (folder / "sites.geojson").read_text()
    (folder / "sites.geojson").write_text(text, encoding=encoding)
    with pytest.raises(CityFileError) as refused:
        read_city(folder)
    assert all(fault.line for fault in refused.value.faults if fault.where.file == "sites.geojson")


def test_a_name_that_is_there_twice_in_an_object_is_a_fault(folder: Path) -> None:
    (folder / "sites.geojson").write_text('{"features": [], "features": []}')
    with pytest.raises(CityFileError, match="'features' is there twice"):
        read_city(folder)


def test_a_list_is_yaml_or_csv_and_not_both(folder: Path) -> None:
    (folder / "hauliers.yaml").write_text("[]")
    with pytest.raises(CityFileError, match=r"hauliers\.csv.*hauliers\.yaml as well: keep one"):
        read_city(folder)


def test_without_a_mistake_the_folder_is_a_city(folder: Path) -> None:
    zones = (folder / "zones.geojson").read_text().replace('"name": "North"', '"name": "North", "radius_m": 900')
    (folder / "zones.geojson").write_text(zones)
    licences = (folder / "licences.csv").read_text().replace(";old-town", "")
    (folder / "licences.csv").write_text(licences)
    city = read_city(folder)
    assert [haulier.fleet for haulier in city.hauliers] == ["danhe", "danhe"]
    assert [licence.streams for licence in city.licences] == [("kitchen",), ()]
    assert [(gate.id, gate.site_id) for gate in city.gates] == [("g1", "works")]
