"""Dialects and profiles in a city's files: read, checked with line and field, distinguished, seen in part."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from devices.city.columns import pack_city, unpack_city
from devices.city.files import CityFileError, read_city
from devices.city.files.difference import Deed, difference
from devices.city.model import City, Device, DeviceRole, Profile
from devices.city.part import part_of
from devices.geo.geometry import LatLon
from devices.readings.decoding import UNREGISTERED, Decoding
from tests.devices.city.test_files import SMALL_CITY
from tests.devices.codecs.meter import METER, MeterCodec, add_codec

DEVICES = """- id: tk-1
  role: truck
  vehicle: lorry
  report_interval_s: 10
- id: bin-7
  role: recycling_point
  site: bin
  report_interval_s: 300
  dialect: meter
  profile: maker
  depth_mm: 1600
"""
PROFILES = """- id: maker
  dialect: meter
  settings:
    factor: 0.5
    measures: level
"""


@pytest.fixture(autouse=True)
def meter(monkeypatch: pytest.MonkeyPatch) -> None:
    add_codec(monkeypatch, MeterCodec())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = shutil.copytree(SMALL_CITY, tmp_path / "city")
    (folder / "devices.yaml").write_text(DEVICES)
    (folder / "profiles.yaml").write_text(PROFILES)
    return folder


def faults_of(folder: Path) -> list[tuple[str, int | None, str, str]]:
    with pytest.raises(CityFileError) as refused:
        read_city(folder)
    return [(one.where.file, one.line, one.field, one.fault) for one in refused.value.faults]


def test_a_device_is_read_by_the_profile_that_it_names(folder: Path) -> None:
    city = read_city(folder)
    assert city.profiles == {"maker": Profile("maker", METER, {"factor": 0.5, "measures": "level"})}
    wanted = Decoding(METER, "maker", {"factor": 0.5, "measures": "level"}, 1600.0)
    assert city.decoding_of("bin-7", METER) == wanted
    assert city.decoding_of("bin-7", "native") is UNREGISTERED
    assert city.decoding_of("tk-1", METER) is UNREGISTERED
    assert city.decoding_of("nobody", METER) is UNREGISTERED


def test_a_profile_of_the_dialect_itself_has_no_settings_of_the_city(folder: Path) -> None:
    (folder / "devices.yaml").write_text(DEVICES.replace("profile: maker", "profile: double"))
    assert read_city(folder).decoding_of("bin-7", METER) == Decoding(METER, "double", {}, 1600.0)


@pytest.mark.parametrize(
    ("file", "right", "wrong", "line", "field", "hint"),
    [
        ("devices.yaml", "dialect: meter", "dialect: metre", 9, "dialect", "no dialect: did you mean 'meter'?"),
        ("devices.yaml", "dialect: meter", "dialect: 808", 9, "dialect", "write the name of a dialect"),
        ("devices.yaml", "  dialect: meter\n", "", 9, "profile", "native has no profiles: remove it"),
        ("devices.yaml", "profile: maker", "profile: makre", 10, "profile", "profiles.yaml: did you mean 'maker'?"),
        (
            "devices.yaml",
            "profile: maker",
            "profile: zzz",
            10,
            "profile",
            "add it there, or write one of double, plain",
        ),
        ("devices.yaml", "depth_mm: 1600", "depth_mm: 0", 11, "depth_mm", "above 0, up to 20,000"),
        ("devices.yaml", "_s: 10\n", "_s: 10\n  depth_mm: 9\n", 5, "depth_mm", "only a recycling_point has it"),
        ("profiles.yaml", "dialect: meter", "dialect: native", 2, "dialect", "native has no profiles"),
        (
            "profiles.yaml",
            "dialect: meter",
            "dialect: manifest",
            2,
            "dialect",
            "no dialect: write one of ",
        ),
        ("profiles.yaml", "factor: 0.5", "factor: much", 4, "settings.factor", "'much' does not fit: write a number"),
        ("profiles.yaml", "measures", "mesures", 5, "settings.mesures", "no such setting: remove it"),
        ("profiles.yaml", "measures", "3", 3, "settings", "keys are text"),
        ("profiles.yaml", "level", "2026-01-01", 3, "settings", "keys are text"),
        ("profiles.yaml", "level", ".nan", 3, "settings", "keys are text"),
        ("profiles.yaml", "level", "[[[[[[[[1]]]]]]]]", 3, "settings", "up to 8 deep"),
        ("profiles.yaml", "level", f"[{'1,' * 1_001}]", 3, "settings", "does not fit"),
        ("profiles.yaml", "id: maker", "id: maker\n  model: X", 2, "model", "no such field"),
    ],
)
def test_a_fault_is_named_by_line_and_field(
    folder: Path, file: str, right: str, wrong: str, line: int, field: str, hint: str
) -> None:
    path = folder / file
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong, 1))
    found = faults_of(folder)
    assert (file, line, field) in {one[:3] for one in found}
    assert hint in next(fault for *where, fault in found if where == [file, line, field])


def test_names_are_given_once(folder: Path) -> None:
    (folder / "profiles.yaml").write_text(PROFILES + PROFILES + PROFILES.replace("maker", "plain"))
    assert [(line, field) for _, line, field, _ in faults_of(folder)] == [(6, "id"), (11, "id")]


def test_another_dialects_profile_does_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = MeterCodec()
    monkeypatch.setattr(other, "dialect", "gauge", raising=False)
    add_codec(monkeypatch, other)
    (folder / "devices.yaml").write_text(DEVICES.replace("dialect: meter", "dialect: gauge"))
    [(_, line, field, fault)] = faults_of(folder)
    assert (line, field) == (10, "profile")
    assert fault == "'maker' is of the dialect meter, the device speaks gauge"


def city_of(*devices: Device, **profiles: dict[str, object]) -> City:
    held = {name: Profile(name, METER, settings) for name, settings in profiles.items()}
    by_id = {device.id: device for device in devices}
    return City("c", "C", "城", "UTC", LatLon(35.0, 112.0), devices=by_id, profiles=held)


BIN = Device("bin-7", DeviceRole.RECYCLING_POINT, site_id="s", dialect=METER, profile="maker", depth_mm=900.0)


def test_a_revision_in_the_raw_log_holds_dialects_and_profiles() -> None:
    city = city_of(BIN, maker={"factor": 2, "bits": {"3": "lift", "4": None}, "list": [1.5, True]})
    assert unpack_city(pack_city(city)) == city


def test_a_changed_profile_is_a_change_of_its_entry() -> None:
    [change] = difference(city_of(BIN, maker={"factor": 1}), city_of(BIN, maker={"factor": 2}), now=0)
    assert (change.file, change.id, change.deed) == ("profiles", "maker", Deed.CHANGED)
    assert [(one.field, one.before, one.after) for one in change.fields] == [("settings", {"factor": 1}, {"factor": 2})]
    assert change.changes_past, "late messages are read by it"


def test_a_part_of_the_city_has_the_profiles_of_its_devices() -> None:
    other = replace(BIN, id="bin-8", profile="theirs")
    city = city_of(BIN, other, maker={}, theirs={})
    assert set(part_of(city, lambda device: device.id == "bin-7", None).profiles) == {"maker"}
