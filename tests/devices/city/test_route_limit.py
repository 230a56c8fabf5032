"""The limit of a route in the files of a city."""

import shutil
from pathlib import Path

import pytest

from devices.city.files import read_city
from tests.devices.city.test_files import SMALL_CITY, edit, found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SMALL_CITY, tmp_path / "city")


def test_the_limit_of_a_route_is_read_and_may_be_absent(folder: Path) -> None:
    assert {route.limit_kmh for route in read_city(folder).routes} == {None}
    edit(folder / "routes.geojson", '"origin"', '"limit_kmh": 62.5, "origin"')
    assert {route.limit_kmh for route in read_city(folder).routes} == {62.5}


@pytest.mark.parametrize("wrong", ["0", "-5", "121", "true", '"50"'])
def test_a_limit_that_is_none_says_what_to_write(folder: Path, wrong: str) -> None:
    edit(folder / "routes.geojson", '"origin"', f'"limit_kmh": {wrong}, "origin"')
    [line] = found(folder)
    assert "limit_kmh" in line
    assert "write a number of km/h above 0, up to 120" in line
