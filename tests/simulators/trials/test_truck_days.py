"""Days of single trucks: where behaviours tip, and what terminals report of it."""

from functools import cache
from itertools import pairwise
from random import Random

import pytest

from devices.city.model import City
from devices.geo.geometry import XY
from devices.readings.models import Position
from simulators.staging.terrain import Terrain
from simulators.trials.behaviours.adversary import tip_in_two_halves
from simulators.trials.sources import with_sources
from simulators.trials.terminals import reports
from simulators.trials.tiers import tier
from simulators.trials.town import town, with_zones
from simulators.trials.trial import FIRST_DAY_MS, haul_of
from simulators.trials.truck_day import TruckDay
from simulators.vehicles.haul import Haul
from simulators.vehicles.work import Tipping

NEAR_M = 140.0
"""What is tipped nearer to a fence may look as if it were inside: 60 m, and the error of a receiver among houses."""


@cache
def fleet() -> tuple[City, Terrain, list[Haul]]:
    dice = Random(1)
    city = town(dice, 10)
    routes = Terrain(city, FIRST_DAY_MS)
    hauls = [haul_of(routes, city, f"truck-{number:03d}") for number in range(1, 25)]
    city = with_sources(with_zones(city, hauls), hauls, FIRST_DAY_MS, dice)
    return city, Terrain(city, FIRST_DAY_MS), hauls


def a_day(haul: Haul, seed: int) -> TruckDay:
    city, terrain, _ = fleet()
    return TruckDay(haul, terrain, city, FIRST_DAY_MS, Random(seed))


def test_both_halves_of_a_load_are_tipped_far_from_every_site() -> None:
    city, _, hauls = fleet()
    places: list[XY] = []
    for number, haul in enumerate(hauls * 2):
        day = a_day(haul, number)
        if not tip_in_two_halves(day):
            assert not day.steps
            continue
        halves = [step.xy for _, step in day.steps if isinstance(step, Tipping)]
        assert len(halves) == 2
        places += halves
    assert len(places) > 50
    assert not [place for place in places if city.geometry.sites_near(place, NEAR_M, FIRST_DAY_MS)]


@pytest.mark.parametrize(("name", "tells_of_switches"), [("minute", True), ("cheap", False)])
def test_at_a_fix_a_minute_only_a_switch_is_told_of_in_between(name: str, *, tells_of_switches: bool) -> None:
    city, _, hauls = fleet()
    day = a_day(hauls[0], 1)
    day.plain_round()
    day.stand(300.0, ignition_on=False)
    found = [one for one in reports(day, city.plane, tier(name), None, Random(1)) if isinstance(one, Position)]
    soon = [(a, b) for a, b in pairwise(found) if b.ts - a.ts < 60_000]
    assert bool(soon) is tells_of_switches
    assert all((a.lift_up, a.cover_open) != (b.lift_up, b.cover_open) for a, b in soon)
