"""The level at which a recycling point is full, as devices.yaml has it."""

import shutil
from pathlib import Path

import pytest

from devices.city.files import read_city
from devices.city.model import DeviceRole
from tests.devices.city.test_files import SMALL_CITY, edit, found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SMALL_CITY, tmp_path / "city")


def test_the_level_at_which_a_bin_is_full_is_read_and_is_that_of_the_rule_by_default(folder: Path) -> None:
    assert {device.overflow_at_pct for device in read_city(folder).devices.values()} == {None}
    edit(folder / "devices.yaml", "role: recycling_point", "role: recycling_point\n  overflow_at_pct: 72.5")
    levels = {device.role: device.overflow_at_pct for device in read_city(folder).devices.values()}
    assert levels.pop(DeviceRole.RECYCLING_POINT) == 72.5
    assert set(levels.values()) == {None}


@pytest.mark.parametrize("wrong", ["29.9", "121", "full", "true", ".nan"])
def test_a_level_that_no_bin_is_full_at_says_what_to_write(folder: Path, wrong: str) -> None:
    edit(folder / "devices.yaml", "role: recycling_point", f"role: recycling_point\n  overflow_at_pct: {wrong}")
    [line] = found(folder)
    assert "overflow_at_pct" in line
    assert "does not fit: write a number of percent from 30 to 120" in line


def test_only_a_recycling_point_overflows(folder: Path) -> None:
    edit(folder / "devices.yaml", "role: truck", "role: truck\n  overflow_at_pct: 80")
    [line] = found(folder)
    assert line.endswith("overflow_at_pct: only a recycling_point has it, this is a truck: remove it")
