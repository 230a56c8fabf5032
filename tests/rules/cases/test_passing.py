"""How trucks pass a place, against geodesics of pyproj where lengths count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from devices.geo.geometry import LatLon
from rules.cases.passing import passing

PLACE = LatLon(lat=35.5, lon=112.85)
GEOD = Geod(ellps="WGS84")


def off(east_m: float, north_m: float) -> LatLon:
    lon, lat, _ = GEOD.fwd(PLACE.lon, PLACE.lat, 90, east_m)
    lon, lat, _ = GEOD.fwd(lon, lat, 0, north_m)
    return LatLon(lat=lat, lon=lon)


def test_a_truck_that_passes_between_two_fixes_is_found_where_it_was_nearest() -> None:
    """300 m north of the place, from 600 m west to 600 m east within a minute."""
    passed = passing([(0, off(-600, 300)), (60_000, off(600, 300))], PLACE, 301)
    assert passed is not None
    assert passed.nearest_m == pytest.approx(300, abs=0.5)
    assert passed.nearest_at == passed.first_at == passed.last_at == pytest.approx(30_000, abs=50)
    assert passing([(0, off(-600, 300)), (60_000, off(600, 300))], PLACE, 299) is None


def test_nobody_knows_where_it_went_in_a_longer_gap() -> None:
    assert passing([(0, off(-600, 0)), (60_001, off(600, 0))], PLACE, 500) is None


def test_a_stay_has_a_beginning_and_an_end() -> None:
    fixes = [(minute * 60_000, off(1_000 if minute in {0, 9} else 20 - minute, 0)) for minute in range(10)]
    passed = passing(fixes, PLACE, 100)
    assert passed is not None
    assert passed.nearest_at == 8 * 60_000
    assert passed.nearest_m == pytest.approx(12, abs=0.1)
    assert 0 <= passed.first_at <= 60_000
    assert 8 * 60_000 <= passed.last_at <= 9 * 60_000


def test_without_fixes_nobody_passed() -> None:
    assert passing([], PLACE, 500) is None
    assert passing([(5, PLACE)], PLACE, 1) is not None


@given(st.lists(st.tuples(st.floats(-3_000, 3_000), st.floats(-3_000, 3_000)), min_size=1, max_size=12))
def test_the_nearest_approach_is_never_further_than_the_nearest_fix(places: list[tuple[float, float]]) -> None:
    fixes = [(number * 30_000, off(*place)) for number, place in enumerate(places)]
    measured = [GEOD.inv(PLACE.lon, PLACE.lat, fix.lon, fix.lat)[2] for _, fix in fixes]
    passed = passing(fixes, PLACE, 1_000)
    if min(measured) < 999:
        assert passed is not None
        assert passed.nearest_m <= min(measured) + 1
        assert 0 <= passed.first_at <= passed.nearest_at <= passed.last_at <= fixes[-1][0]
    if passed is not None:
        assert passed.nearest_m <= 1_000
