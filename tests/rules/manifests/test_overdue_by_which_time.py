"""The time by which a manifest is overdue: that of its truck, also where little is known of clocks.

Told of devices that were never heard before and send what they measured three days ago, many times as fast as they
measured it: no clock is believed, and whether one agrees with the fleet changes from reading to reading.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pytest

from devices.readings.models import Reading
from rules.alerts.model import AlertChange, Phase
from rules.detectors.manifest_overdue.judgement import ManifestOverdue
from rules.engine.engine import RuleEngine
from tests.rules.detectors.test_manifest_overdue import papers, waiting_truck
from tests.rules.manifests.trips import manifests_of
from tests.rules.town import T0, Trip, ticket, town

HOUR_S = 3_600
UPLOADED: Final[Mapping[str, Any]] = {"ago_ms": 70 * HOUR_S * 1000, "speed": 300}
Arrival = tuple[float, Reading]
"""Seconds of the story at which a reading comes, and the reading."""


def others(until_s: float) -> list[Reading]:
    rows = [Trip(f"T{n}", 5_000, -2_000, at_s=n, every_s=30).stand(until_s) for n in range(2, 6)]
    return [reading for row in rows for reading in row.readings]


def at_once(readings: Iterable[Reading]) -> list[Arrival]:
    return [((reading.ts - T0) / 1000, reading) for reading in readings]


def received(
    arrivals: Sequence[Arrival], *, ago_ms: int = 0, speed: float = 1, restarts_at_s: float = 0
) -> tuple[RuleEngine, list[AlertChange]]:
    engine, changes, kept = RuleEngine(town(), [ManifestOverdue()]), list[AlertChange](), dict[str, bytes]()
    last_s = max(at_s for at_s, _ in arrivals)
    for at_s, reading in sorted([*arrivals, *at_once(others(last_s + 600))], key=lambda arrival: arrival[0]):
        if 0 < restarts_at_s <= at_s:
            fleet, devices = engine.unsaved()
            kept.update(devices)
            engine, restarts_at_s = RuleEngine(town(), [ManifestOverdue()]), 0
            engine.restore(fleet, kept.items())
        engine.receive(T0 + ago_ms + round(at_s * 1000 / speed))
        changes += engine.judge(reading)
    for _ in range(60):
        changes += engine.advance(10_000)
    assert not engine.failures
    return engine, changes


@pytest.mark.parametrize("restarts_at_s", [0, 2 * HOUR_S + 300])
def test_a_late_reading_takes_no_alert_back_of_a_truck_that_was_silent_before(restarts_at_s: float) -> None:
    trip = waiting_truck(2).quiet(600)
    trip.stand(60)
    arrivals = at_once([*trip.readings, *papers()])
    at_s, late = arrivals.pop(60)
    changes = received([*arrivals, (trip.now_s + 60, late)], **UPLOADED, restarts_at_s=restarts_at_s)[1]
    assert [(one.phase, one.amendment) for one in changes] == [(Phase.CONFIRMED, None)]
    assert at_s < HOUR_S, "it is judged again from before the deadline on"


def test_the_first_ticket_of_a_bridge_does_not_make_a_manifest_overdue() -> None:
    """It comes late, so nothing is known of the clock of the bridge; the truck it names goes to another site."""
    weighed = ticket("T1", 1_500)
    arrivals = at_once([*waiting_truck(1).readings, *papers(destination="othertip", arrive_s=2 * HOUR_S)])
    assert received([*arrivals, (2_500, weighed)], **UPLOADED)[1] == []


def test_a_ticket_moves_its_manifest_at_the_time_of_the_truck() -> None:
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(9_990, 0).stand(300)
    weighed = ticket("T1", trip.now_s - 60, direction="out")
    arrivals = at_once([*trip.stand(600).readings, *papers()])
    engine, _ = received([*arrivals, (trip.now_s - 100, weighed)], **UPLOADED)
    assert manifests_of(engine)["M1"].transitions[-1].at == weighed.ts


def test_nor_does_a_ticket_of_a_bridge_whose_clock_turns_out_to_be_wrong() -> None:
    """Eight hours behind, as its first tickets do not show yet: one stands among what the truck did in the morning."""
    trip = waiting_truck(0).stand(2_700).drive(5_000, 4_000).stand(9 * HOUR_S)
    arrivals = at_once([*trip.readings, *papers(destination="othertip")])
    _, late = arrivals.pop(10)
    arrivals += [(8.5 * HOUR_S + 120 * n, ticket("T4" if n else "T1", 0.5 * HOUR_S + 120 * n)) for n in range(12)]
    _, changes = received([*arrivals, (trip.now_s, late)])
    assert changes == []
