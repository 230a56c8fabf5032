"""The waste streams of sites and the compartments of vehicles in the files of a city."""

import shutil
import zlib
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from devices.city.columns import pack_city, unpack_city
from devices.city.files import read_city
from tests.devices.city.test_files import SMALL_CITY, edit, found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SMALL_CITY, tmp_path / "city")


def with_streams(folder: Path, site: str, streams: str) -> Path:
    edit(folder / "sites.geojson", f'"id": "{site}",', f'"id": "{site}", "streams": {streams},')
    return folder


def test_a_source_may_name_its_streams(folder: Path) -> None:
    assert not read_city(folder).has_streams
    city = read_city(with_streams(folder, "bin", '["residual", "kitchen", "residual"]'))
    assert city.sites["bin"].streams == ("kitchen", "residual")
    assert city.sites["works"].streams == ()
    assert city.has_streams
    assert replace(city, sites={}, past_sites=(city.sites["bin"],)).has_streams
    assert unpack_city(pack_city(city)) == city


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        ('["kichen"]', "streams.0: 'kichen' does not fit: did you mean 'kitchen'?"),
        ("[[1]]", "streams.0: [1] does not fit: write a list of `construction`, `spoil`"),
        ('"kitchen"', "streams: 'kitchen' does not fit: write a list of `construction`, `spoil`"),
    ],
)
def test_streams_that_are_none_say_what_to_write(folder: Path, streams: str, said: str) -> None:
    [line] = found(with_streams(folder, "bin", streams))
    assert line.startswith(f"sites.geojson: bin: {said}")


def test_only_sources_have_streams(folder: Path) -> None:
    lines = found(with_streams(folder, "spoil", '["spoil"]'))
    fault = "only a construction_site or a recycling_point has them, this is a disposal_site: remove them"
    assert lines == [f"sites.geojson: spoil: streams: {fault}"]


def test_a_vehicle_has_one_compartment_unless_it_says_more(folder: Path) -> None:
    assert read_city(folder).vehicles["lorry"].compartments == 1
    edit(folder / "vehicles.yaml", "tare_kg: 13000", "tare_kg: 13000\n  compartments: 2")
    city = read_city(folder)
    assert city.vehicles["lorry"].compartments == 2
    assert unpack_city(pack_city(city)) == city
    edit(folder / "vehicles.yaml", "compartments: 2", "compartments: 0")
    assert found(folder) == ["vehicles.yaml: lorry: compartments: 0 does not fit: write a whole number from 1 to 10"]


def test_a_city_that_an_earlier_version_packed_has_neither(folder: Path) -> None:
    city = read_city(folder)
    body = msgspec.msgpack.decode(zlib.decompress(pack_city(city)))
    for row in body["rows"]["site"]:
        del row["streams"]
    for row in body["rows"]["vehicle"]:
        del row["compartments"]
    assert unpack_city(zlib.compress(msgspec.msgpack.encode(body))) == city
