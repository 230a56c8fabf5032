"""Stays: how long a truck did not drive, where, and beside which source of waste."""

from collections.abc import Sequence
from random import Random

import pytest

from devices.city.model import City
from devices.city.sites import Site, SiteKind
from devices.readings.models import Position, Reading
from rules.tracking import Track, follow
from rules.tracking.stays import Stay, follow_stay, source_beside
from tests.rules.town import T0, Trip, square, town


def stays(readings: Sequence[Reading], city: City | None = None) -> list[Stay | None]:
    """The stay after each position; each as it was then."""
    there, track, stay = city or town(), Track(), None
    found: list[Stay | None] = []
    device = there.devices["T1"]
    for reading in readings:
        fix = follow(track, reading, device, there.vehicle_of(device, reading.ts), there)
        assert fix is not None
        stay = follow_stay(stay, fix, track) if fix.usable else stay
        found.append(None if stay is None else Stay(stay.since, stay.x, stay.y, stay.fixes))
    return found


def since_s(stay: Stay | None) -> float | None:
    return None if stay is None else (stay.since - T0) / 1000


def test_a_truck_that_drives_stays_nowhere() -> None:
    trip = Trip("T1", 3_000, 0).drive(4_000, 0).stand(30).drive(5_000, 0)
    found = stays(trip.readings)
    speeds = [reading.speed_kmh for reading in trip.readings if isinstance(reading, Position)]
    assert [stay is None for stay in found] == [speed == 40 for speed in speeds]
    assert len({since_s(stay) for stay in found}) == 2


@pytest.mark.parametrize("sigma_m", [0, 4, 12, 20])
def test_a_receiver_that_wanders_ends_no_stay_and_the_mean_is_near(sigma_m: float) -> None:
    dice, trip = Random(3), Trip("T1", 3_000, 0)
    for _ in range(60):
        trip.x, trip.y = 3_000 + dice.gauss(0, sigma_m), dice.gauss(0, sigma_m)
        trip.stand(10)
    found = [stay for stay in stays(trip.readings) if stay is not None]
    assert {since_s(stay) for stay in found} == {10}
    assert found[-1].fixes >= 58
    assert abs(found[-1].x - 3_000) < 1 + sigma_m / 4
    assert abs(found[-1].y) < 1 + sigma_m / 4


def test_a_place_further_on_is_another_stay() -> None:
    trip = Trip("T1", 3_000, 0).stand(60)
    trip.x = 3_050
    trip.stand(10)
    assert since_s(stays(trip.readings)[-1]) == 10
    trip.x = 3_150
    trip.stand(10)
    assert since_s(stays(trip.readings)[-1]) == 10, "one wrong place"
    trip.x = 3_000
    back = Trip("T1", 3_000, 0, at_s=trip.now_s).stand(30)
    assert since_s(stays([*trip.readings, *back.readings])[-1]) == 10
    moved = Trip("T1", 3_150, 0, at_s=trip.now_s).stand(30)
    assert since_s(stays([*trip.readings, *moved.readings])[-1]) == 90


def test_after_a_blind_gap_it_is_another_stay() -> None:
    trip = Trip("T1", 3_000, 0).stand(60).quiet(600).stand(20)
    assert since_s(stays(trip.readings)[-1]) == 670


def test_where_the_speed_is_not_known_a_stay_neither_begins_nor_ends() -> None:
    trip = Trip("T1", 3_000, 0)
    trip.report(None)
    assert stays(trip.readings) == [None]


def beside(x: float, y: float, *sites: Site, within_m: float = 30) -> str | None:
    city = town(sites={site.id: site for site in sites})
    found = source_beside(Stay(T0, x, y), within_m, T0, city)
    return None if found is None else found.id


def test_the_nearest_source_counts_unless_the_truck_is_inside_another_site() -> None:
    point = Site("point", SiteKind.RECYCLING_POINT, "Point", "点", square(0, 0, 10))
    works = Site("works", SiteKind.CONSTRUCTION_SITE, "Works", "工地", square(60, 0, 30))
    depot = Site("depot", SiteKind.DEPOT, "Depot", "停车场", square(0, -40, 20))
    assert beside(0, 39, point) == "point"
    assert beside(0, 41, point) is None
    assert beside(15, 0, point, works) == "point"
    assert beside(25, 0, point, works) == "works"
    assert beside(0, -15, point, depot) == "point"
    assert beside(0, -25, point, depot) is None
    assert beside(0, -40, depot) is None
