"""The hours of permits: their file, their rows, and what they cover."""

import shutil
import zlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from devices.city.columns import pack_city, unpack_city
from devices.city.files import read_city
from devices.city.model import City, Hours
from tests.devices.city.test_files import SMALL_CITY, edit, found

DAY, NIGHT = Hours(6 * 60, 22 * 60), Hours(22 * 60, 6 * 60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SMALL_CITY, tmp_path / "city")


def with_hours(folder: Path, hours: str) -> Path:
    edit(folder / "permits.yaml", "  vehicle:", f"  hours: {hours}\n  vehicle:")
    return folder


def test_hours_are_read_and_may_be_absent(folder: Path) -> None:
    assert {permit.hours for permit in read_city(folder).permits} == {()}
    assert not read_city(folder).has_hours
    city = read_city(with_hours(folder, '["06:00-22:00", "22:00-06:00"]'))
    assert city.permits[0].hours == (DAY, NIGHT)
    assert city.has_hours


WRONG = (
    *('["6:00-22:00"]', '["22:00"]', '["24:00-06:00"]', '["06:00-24:01"]'),
    *('["06:00-06:00"]', "[1320]", '["06:61-22:00"]'),
)


@pytest.mark.parametrize("wrong", WRONG)
def test_hours_that_are_none_say_what_to_write(folder: Path, wrong: str) -> None:
    [line] = found(with_hours(folder, wrong))
    assert "hours" in line
    assert 'write a list of hours in quotes such as "06:00-22:00"' in line


@pytest.mark.parametrize(
    ("hours", "minutes"),
    [
        (DAY, {360: True, 359: False, 1319: True, 1320: False}),
        (NIGHT, {1320: True, 1319: False, 0: True, 359: True, 360: False}),
        (Hours(0, 1440), {0: True, 1439: True}),
    ],
)
def test_hours_begin_inclusively_and_end_exclusively(hours: Hours, minutes: dict[int, bool]) -> None:
    assert {minute: hours.covers(minute) for minute in minutes} == minutes


def test_hours_are_shown_as_they_are_written() -> None:
    assert (str(DAY), str(NIGHT), str(Hours(0, 1440))) == ("06:00-22:00", "22:00-06:00", "00:00-24:00")


def test_minutes_are_those_of_the_citys_clocks() -> None:
    city = read_city(SMALL_CITY)
    at = int(datetime.fromisoformat("2026-03-01T22:59:59+00:00").timestamp() * 1000)
    assert city.minute_of_day(at) == 6 * 60 + 59
    assert replace(city, timezone="UTC").minute_of_day(at) == 22 * 60 + 59


def test_one_permit_without_hours_lifts_the_others(folder: Path) -> None:
    city = read_city(with_hours(folder, '["06:00-22:00"]'))
    [permit] = city.permits
    assert permit.validity.start_ms is not None
    ts = permit.validity.start_ms
    assert city.hours_of(permit.vehicle_id, ts) == {DAY}
    second = replace(permit, id="second", hours=(NIGHT,))
    assert replace(city, permits=(permit, second)).hours_of(permit.vehicle_id, ts) == {DAY, NIGHT}
    assert replace(city, permits=(permit, replace(second, hours=()))).hours_of(permit.vehicle_id, ts) == frozenset()
    assert city.hours_of(permit.vehicle_id, ts - 1) == frozenset()
    assert city.hours_of("another", ts) == frozenset()


def test_a_city_comes_back_from_its_rows(folder: Path) -> None:
    city = read_city(with_hours(folder, '["06:00-22:00"]'))
    assert unpack_city(pack_city(city)) == city


def test_a_city_that_an_earlier_version_packed_has_no_hours(folder: Path) -> None:
    city: City = read_city(folder)
    body = msgspec.msgpack.decode(zlib.decompress(pack_city(city)))
    for row in body["rows"]["permit"]:
        del row["hours"]
    assert unpack_city(zlib.compress(msgspec.msgpack.encode(body))) == city
