"""A route with a corridor of its own width: every rule that asks whether a truck is on its route asks by this width."""

from dataclasses import replace
from typing import Any

import pytest

from devices.city.model import City
from devices.city.sites import ZoneKind
from rules.contract.rule import Rule
from rules.detectors.forbidden_zone.judgement import ForbiddenZone
from rules.detectors.illegal_dumping.judgement import IllegalDumping
from rules.detectors.left_jurisdiction.judgement import LeftJurisdiction
from rules.detectors.speeding.judgement import Speeding
from rules.detectors.stopped_loaded.judgement import StoppedLoaded
from rules.detectors.suspected_site.judgement import SuspectedSite
from tests.rules.town import Trip, judged, summaries, town, zone

WIDTHS = [(None, 60, False), (None, 120, True), (30.0, 60, True), (150.0, 120, False)]
"""Half the width of the east road, metres the truck is beside it, and whether that is off its route. Without a width
of its own a corridor has 60 m to each side; 5 m are the receiver's."""


def with_width(width_m: float | None, **changed: Any) -> City:
    return town(routes=(replace(town().routes[0], corridor_m=width_m, limit_kmh=50.0),), **changed)


def titles(rule: Rule[Any], trip: Trip, city: City) -> list[str]:
    return [change.title.en for change in judged([rule], trip.readings, city=city)]


@pytest.mark.parametrize(("width_m", "off_m", "off"), WIDTHS)
def test_illegal_dumping_scores_a_stop_off_the_corridor(width_m: float | None, off_m: float, off: bool) -> None:
    trip = Trip("T1", 500, 0, load="loaded", lift_up=False, load_kg=12_000.0).drive(3900, 0).drive(4000, off_m)
    trip.stand(40).now(lift_up=True).stand(20).now(load_kg=300.0).stand(30).now(lift_up=False).stand(60)
    evidence = judged([IllegalDumping()], trip.readings, city=with_width(width_m))[-1].evidence
    assert ("Off the approved route (+1.0)" in [finding.en for finding in evidence.findings]) is off


@pytest.mark.parametrize(("width_m", "off_m", "off"), WIDTHS)
def test_stopped_loaded_is_sooner_off_the_corridor(width_m: float | None, off_m: float, off: bool) -> None:
    trip = Trip("T1", 0, 0, load="loaded").drive(4000, 0).drive(4000, off_m).stand(400)
    found = judged([StoppedLoaded()], trip.readings, city=with_width(width_m))
    assert summaries(found) == (["T1 confirmed P2"] if off else [])


@pytest.mark.parametrize(("width_m", "off_m", "off"), WIDTHS)
def test_suspected_site_counts_stops_off_the_corridor(width_m: float | None, off_m: float, off: bool) -> None:
    trips = [Trip(f"T{n}", 3000, 0, at_s=600 * n, load="loaded").drive(4000, off_m).stand(300) for n in (1, 2, 3)]
    found = judged([SuspectedSite()], *(trip.readings for trip in trips), city=with_width(width_m))
    assert bool(found) is off


@pytest.mark.parametrize(("width_m", "off_m", "off"), WIDTHS)
def test_the_limit_of_a_route_holds_in_its_corridor(width_m: float | None, off_m: float, off: bool) -> None:
    """80 km/h: above the 50 km/h of the route, below the 100 km/h of all roads."""
    trip = Trip("T1", 2000, off_m).drive(5000, off_m, kmh=80)
    assert bool(titles(Speeding(), trip, with_width(width_m))) is not off


@pytest.mark.parametrize(("width_m", "off_m", "off"), WIDTHS)
@pytest.mark.parametrize(
    ("rule", "kind", "edges"),
    [(ForbiddenZone(), ZoneKind.FORBIDDEN, (3000, -500)), (LeftJurisdiction(), ZoneKind.JURISDICTION, (-9000, -9000))],
)
def test_the_corridor_lets_a_truck_pass_a_zone(
    width_m: float | None, off_m: float, off: bool, rule: Rule[Any], kind: ZoneKind, edges: tuple[float, float]
) -> None:
    """From 3 km on the road leads through a forbidden zone, or out of the area of jurisdiction."""
    (west, south), size_m = edges, 4000 if kind is ZoneKind.FORBIDDEN else 12_000
    area = zone("area", kind, west, south, 3000 if kind is ZoneKind.JURISDICTION else west + size_m, south + 2 * size_m)
    trip = Trip("T1", 2000, off_m, load="loaded").drive(6000, off_m)
    assert bool(titles(rule, trip, with_width(width_m, zones=(area,)))) is off


def test_the_sentence_of_what_was_ruled_out_is_true_of_every_width() -> None:
    city = with_width(30.0, zones=(zone("area", ZoneKind.FORBIDDEN, 3000, -500, 7000, 500),))
    change = judged([ForbiddenZone()], Trip("T1", 2000, 60, load="loaded").drive(6000, 60).readings, city=city)[0]
    ruled_out = change.evidence.ruled_out[0]
    assert ruled_out.en == "In the corridor of no approved route of it (60 m, or the route's own width)"
    assert ruled_out.zh == "不在其核准线路走廊内（60米，线路另有宽度的从其规定）"
