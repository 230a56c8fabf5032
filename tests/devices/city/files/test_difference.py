"""Which changes reach back: late readings and replays are judged by them."""

from dataclasses import replace
from typing import Any

import pytest

from devices.city.files import read_city
from devices.city.files.difference import difference
from devices.city.model import City, Vehicle
from devices.city.sites import Validity
from devices.geo.geometry import Datum
from tests.devices.city.test_files import SMALL_CITY

SMALL = read_city(SMALL_CITY)
NOW = 1_780_000_000_000
PAST, AHEAD = NOW - 1, NOW + 1


def with_truck(**changes: Any) -> City:
    return replace(SMALL, devices={**SMALL.devices, "truck": replace(SMALL.devices["truck"], **changes)})


def with_permit(end_ms: int | None) -> City:
    return replace(SMALL, permits=tuple(replace(one, validity=Validity(None, end_ms)) for one in SMALL.permits))


def with_van(validity: Validity) -> City:
    return replace(SMALL, vehicles={**SMALL.vehicles, "van": Vehicle("van", "V", validity=validity)})


@pytest.mark.parametrize(
    ("stored", "wanted", "reaches_back"),
    [
        (with_permit(AHEAD), with_permit(PAST), True),
        (with_permit(PAST), with_permit(None), True),
        (with_permit(AHEAD), with_permit(AHEAD + 1), False),
        (SMALL, with_truck(clock_correction_s=28_800), True),
        (SMALL, with_truck(datum=Datum.GCJ02), True),
        (SMALL, with_truck(model="T2"), False),
        (SMALL, replace(SMALL, timezone="Asia/Tokyo"), True),
        (SMALL, replace(SMALL, name="Small"), False),
        (SMALL, with_van(Validity()), True),
        (SMALL, with_van(Validity(PAST)), True),
        (SMALL, with_van(Validity(AHEAD)), False),
    ],
)
def test_a_change_of_what_held_already_says_so(stored: City, wanted: City, reaches_back: bool) -> None:
    changes = difference(stored, wanted, NOW)
    assert any(change.changes_past for change in changes) is reaches_back
    assert not any(change.changes_past for change in difference(None, wanted, NOW)), "there is no past yet"
