"""What the manifest of a load adds to the score of a stop: it is overdue, or less of it arrives than was sent."""

from collections.abc import Sequence
from typing import Any

from devices.readings.models import Reading
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from tests.rules.manifests.trips import LOAD_KG, action, honest_trip, terms, weighed_at_tip
from tests.rules.town import Trip, in_time, run, town

STOP_S = 240


def papers(*more: Reading, arrive_s: float = 1_800, **changed: Any) -> list[Reading]:
    return [action("issue", 20, 1, terms=terms(0, arrive_s, **changed)), action("confirm_source", 60, 2), *more]


def stop_on_the_way(**fields: Any) -> Trip:
    """It stops for some minutes beside its road, where no sensor shows what it does."""
    trip = Trip("T1", 0, 0, **fields).stand(120).drive(3_000, 0).drive(3_000, 300)
    return trip.stand(STOP_S).drive(3_000, 0)


def dumps(*rows: Sequence[Reading]) -> list[AlertChange]:
    changes = run(RuleEngine(town(), build_rules()), in_time(*rows))
    return [change for change in changes if change.rule == "illegal_dumping"]


def findings(changes: Sequence[AlertChange]) -> set[str]:
    return {finding.en for change in changes for finding in change.evidence.findings}


def test_a_stop_with_an_overdue_manifest_is_suspected() -> None:
    trip = stop_on_the_way().readings
    overdue = papers(action("check", 100, 3), arrive_s=90)
    found = dumps(trip, overdue)
    assert found[0].severity == "P2"
    assert "The manifest of its load was overdue (+2.0)" in findings(found)
    assert dumps(trip, papers()) == []


def test_a_truck_that_is_late_with_its_load_on_it_is_not() -> None:
    trip = stop_on_the_way(load_kg=12_000.0, load="loaded").readings
    assert dumps(trip, papers(action("check", 100, 3), arrive_s=90)) == []


def weighed(net_kg: float, **changed: Any) -> list[AlertChange]:
    trip = stop_on_the_way().drive(9_990, 0).stand(120)
    ticket = weighed_at_tip("T1", trip.now_s, net_kg)
    return dumps(trip.stand(120).drive(5_000, 0).readings, papers(**changed), [ticket])


def test_of_a_short_load_the_stops_before_are_suspected_once_the_rest_is_weighed() -> None:
    found = weighed(0.85 * LOAD_KG)
    assert "Of its load 15 % less arrived than was sent (+2.0)" in findings(found)
    assert {change.phase for change in found} == {"provisional", "closed"}
    assert (found[0].opened_at, found[0].subject) == (found[-1].opened_at, "T1")


def test_neither_a_little_less_nor_an_estimate_makes_a_dump() -> None:
    assert weighed(0.92 * LOAD_KG) == []
    assert weighed(0.7 * LOAD_KG, estimated=True) == []


def test_what_an_officer_does_with_an_old_short_manifest_accuses_no_later_trip() -> None:
    first = honest_trip(net_kg=0.82 * LOAD_KG)
    back = Trip("T1", 5_000, 0, at_s=2_400).drive(0, 0).readings
    trip = Trip("T1", 0, 0, at_s=3_000).stand(120).drive(3_000, 0).drive(3_000, 300).stand(STOP_S).drive(3_000, 0)
    at_s = trip.drive(9_990, 0).stand(120).now_s
    second = [
        action("issue", 3_020, 21, number="M2", terms=terms(3_000, 6_000)),
        action("confirm_source", 3_060, 22, number="M2"),
    ]
    ticket = weighed_at_tip("T1", at_s, LOAD_KG, ticket_number="Z")
    on = trip.stand(120).drive(5_000, 0).stand(300).readings
    for officer in (
        action("begin_correction", at_s + 400, 40, number="MT11", reason="rain"),
        action("settle", at_s - 200, 40, number="MT11", reason="rain"),
    ):
        assert dumps(first, back, on, second, [ticket, officer]) == []


def test_an_overdue_manifest_that_never_left_is_not_on_board() -> None:
    trip = Trip("T1", 1_000, 0).drive(3_000, 0).drive(3_000, 300).stand(STOP_S).drive(3_000, 0)
    assert dumps(trip.readings, papers(action("check", 100, 3), arrive_s=90)) == []
