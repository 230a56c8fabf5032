"""The hours of permits and of recycling points: their files, their rows, and what they cover."""

import shutil
import zlib
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import msgspec
import pytest

from devices.city.columns import pack_city, unpack_city
from devices.city.files import read_city
from devices.city.hours import Hours
from devices.city.model import City
from devices.city.sites import Validity
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


def with_windows(folder: Path, site: str, hours: str) -> Path:
    edit(folder / "sites.geojson", f'"id": "{site}",', f'"id": "{site}", "deposit_hours": {hours},')
    return folder


def test_a_recycling_point_may_have_deposit_hours(folder: Path) -> None:
    point = read_city(folder).devices["bin-terminal"]
    assert read_city(folder).deposit_hours_of(point, 0) == ()
    city = read_city(with_windows(folder, "bin", '["06:00-22:00", "22:00-06:00"]'))
    assert city.deposit_hours_of(point, 0) == (DAY, NIGHT)
    assert city.deposit_hours_of(city.devices["truck"], 0) == ()
    assert unpack_city(pack_city(city)) == city


@pytest.mark.parametrize("wrong", ['["6:00-22:00"]', '"06:00-22:00"', "[360]"])
def test_deposit_hours_that_are_none_say_what_to_write(folder: Path, wrong: str) -> None:
    [line] = found(with_windows(folder, "bin", wrong))
    assert line.startswith("sites.geojson: bin: deposit_hours")
    assert 'write a list of hours in quotes such as "06:00-22:00"' in line


def test_no_other_site_has_deposit_hours(folder: Path) -> None:
    [line] = found(with_windows(folder, "works", '["06:00-22:00"]'))
    assert line == (
        "sites.geojson: works: deposit_hours: only a recycling_point has them, this is a construction_site: remove them"
    )


def test_each_version_of_a_point_has_its_own_hours(folder: Path) -> None:
    city = read_city(with_windows(folder, "bin", '["06:00-22:00"]'))
    earlier = replace(city.sites["bin"], deposit_hours=(NIGHT,), validity=Validity(None, 1_000))
    later = replace(city.sites["bin"], version=2, validity=Validity(1_000, 2_000))
    both = replace(city, sites={**city.sites, "bin": later}, past_sites=(*city.past_sites, earlier))
    point = city.devices["bin-terminal"]
    assert [both.deposit_hours_of(point, ts) for ts in (999, 1_000, 2_000)] == [(NIGHT,), (DAY,), ()]


def test_a_site_that_an_earlier_version_packed_has_no_deposit_hours(folder: Path) -> None:
    city: City = read_city(folder)
    body = msgspec.msgpack.decode(zlib.decompress(pack_city(city)))
    for row in body["rows"]["site"]:
        del row["deposit_hours"]
    assert unpack_city(zlib.compress(msgspec.msgpack.encode(body))) == city


@pytest.mark.parametrize("hours", [DAY, NIGHT, Hours(0, 1440), Hours(1439, 1), Hours(600, 601)])
def test_how_far_a_time_is_from_hours_is_what_counting_minutes_gives(hours: Hours) -> None:
    covered = [hours.covers(minute % 1440) for minute in range(4 * 1440)]
    for first in range(0, 1440, 37):
        for length in (0, 1, 60, 700, 1439):
            begin, end = 1440 + first, 1440 + first + length
            before = next(n for n in range(1441) if covered[begin - n])
            after = next(n for n in range(1441) if covered[end + n])
            shares = any(covered[begin : end + 1])
            # Hours end with the minute after their last one.
            expected = 0 if shares else min(before - 1, after)
            assert hours.apart_min(first, (first + length) % 1440) == expected, (first, length)


def test_the_day_is_that_of_the_citys_calendar() -> None:
    city = read_city(SMALL_CITY)
    late = int(datetime.fromisoformat("2026-03-01T16:00:00+00:00").timestamp() * 1000)
    assert city.day_of(late) == city.day_of(late - 1) + 1 == date(2026, 3, 2).toordinal()
    assert replace(city, timezone="UTC").day_of(late) == date(2026, 3, 1).toordinal()
