"""How soon people learn of a weighing that cannot be trusted."""

from collections.abc import Sequence

from devices.readings.models import Reading, Weighing
from rules.detectors.weighbridge_integrity.judgement import WeighbridgeIntegrity
from rules.engine.engine import RuleEngine
from tests.rules.detectors.sites.test_weighbridge_integrity import FREE, haul, slip
from tests.rules.town import T0, Trip, in_time, numbered, summaries


def published_with_s(*rows: Sequence[Reading]) -> list[tuple[str, float]]:
    """What is published, and the device time of the reading with which it is, seconds."""
    engine, found = RuleEngine(FREE, [WeighbridgeIntegrity()]), list[tuple[str, float]]()
    for reading in in_time(*(numbered(row) for row in rows)):
        engine.receive(reading.ts)
        found += [(line, (reading.ts - T0) / 1000) for line in summaries(engine.judge(reading))]
    return found


def test_what_is_compared_with_nothing_is_published_with_the_reading_that_decides() -> None:
    """Four minutes after the ticket, away from the bridge: nothing else is under way."""
    trip = Trip("T1", 0, 0).drive(4_000, 0).drive(0, 0).stand(300)
    assert published_with_s(trip.readings, [slip("T1", 305, "7")]) == [("T1 confirmed P2", 550)]


def test_an_odd_tare_waits_for_the_comparison_with_other_trucks() -> None:
    readings = haul("T1", [12_000, 12_120, 11_940, 12_200, 12_060, 11_900, 12_900])
    odd_s = (readings[-1].ts - T0) / 1000
    weighed_s = max((reading.ts - T0) / 1000 for reading in readings if isinstance(reading, Weighing))
    ((line, found_s),) = published_with_s(readings, Trip("T2", 0, 0, at_s=odd_s).stand(300).readings)
    assert line == "T1 confirmed P3"
    assert found_s >= weighed_s + 60
