"""Model and verification of a device, as devices.yaml has them."""

import shutil
from pathlib import Path

import pytest

from devices.city.files import read_city
from devices.city.model import DeviceRole
from tests.devices.city.test_files import SMALL_CITY, edit, found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SMALL_CITY, tmp_path / "city")


def test_a_verification_ends_at_midnight_in_the_city(folder: Path) -> None:
    lines = "role: recycling_point\n  model: LB-2\n  verification: 检字第7号\n  verified_until: 2026-05-01"
    edit(folder / "devices.yaml", "role: recycling_point", lines)
    [device] = [one for one in read_city(folder).devices.values() if one.role is DeviceRole.RECYCLING_POINT]
    assert (device.model, device.verification) == ("LB-2", "检字第7号")
    assert device.verified_until_ms == 1_777_564_800_000  # 2026-05-01T00:00:00+08:00


def test_an_end_that_is_no_date_says_what_to_write(folder: Path) -> None:
    edit(folder / "devices.yaml", "role: recycling_point", "role: recycling_point\n  verified_until: next year")
    [line] = found(folder)
    assert "verified_until: 'next year' does not fit: write a date (2020-01-31" in line
