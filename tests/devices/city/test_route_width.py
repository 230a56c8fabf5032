"""The width of a route in the files of a city."""

import json
import shutil
from pathlib import Path

import pytest

from devices.city.files import CityFileError, read_city
from tests.devices.city.test_files import SMALL_CITY


def test_a_route_may_have_a_width_of_its_own(tmp_path: Path) -> None:
    folder = shutil.copytree(SMALL_CITY, tmp_path / "city")
    assert {route.corridor_m for route in read_city(folder).routes} == {None}
    routes = json.loads((folder / "routes.geojson").read_text())
    for width_m in (30, 5):
        routes["features"][0]["properties"]["corridor_m"] = width_m
        (folder / "routes.geojson").write_text(json.dumps(routes))
        if width_m == 30:
            assert read_city(folder).routes[0].corridor_m == 30.0
    with pytest.raises(CityFileError, match=r"does not fit: write a number of metres from 20 to 1,000"):
        read_city(folder)
