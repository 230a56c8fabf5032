"""What late readings cost: how often rules are asked, counted, not timed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

import pytest

from devices.city.model import DeviceRole
from devices.readings.models import Reading
from rules.contract.observation import Observation
from rules.contract.rule import Parameters, Rule
from rules.contract.verdicts import Verdict
from rules.engine.engine import RuleEngine
from tests.rules.town import T0, Trip, town

HOUR_MS = 3_600_000


@dataclass(slots=True)
class Seen:
    """How many readings a rule was shown in order, and whether each was newer than the one before."""

    readings: int = 0
    newest: int = 0
    in_order: bool = True


class Asked(Rule[Seen]):
    """Counts how often it is asked."""

    name: ClassVar = "asked"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    parameters = Parameters()
    state = Seen

    def __init__(self) -> None:
        self.times = 0
        self.gaps_s: set[int] = set()
        self.last = Seen()

    def judge(self, observation: Observation, state: Seen) -> Sequence[Verdict]:
        self.times += 1
        state.readings += 1
        state.in_order &= observation.ts > state.newest
        if state.newest:
            self.gaps_s.add((observation.ts - state.newest) // 1000)
        state.newest = observation.ts
        self.last = state
        return ()


def shift(late_share: float, late_s: tuple[float, float]) -> tuple[list[Reading], Asked, RuleEngine]:
    """Eight hours of one truck, of which this share comes late by so much: (readings, rule, engine)."""
    dice, rule = Random(8), Asked()
    engine = RuleEngine(town(), [rule])
    readings = Trip("T1", 500, 0).stand(8 * 3600).readings
    arrivals = [
        (reading.ts + (1000 * dice.uniform(*late_s) if dice.random() < late_share else 0), reading)
        for reading in readings
    ]
    arrivals += [
        (reading.ts, reading) for reading in Trip("T6", 500, 500, at_s=-60, every_s=60).stand(9 * 3600).readings
    ]
    for at, reading in sorted(arrivals, key=lambda arrival: arrival[0]):
        engine.receive(round(at))
        engine.judge(reading)
    for _ in range(120):
        engine.advance(10_000)
    return readings, rule, engine


def test_readings_that_come_out_of_order_all_day_are_not_a_day_judged_again() -> None:
    readings, rule, engine = shift(0.3, (0, 120))
    assert engine.late["T1"] > 500
    assert engine.judged["T1"] == len(readings)
    assert rule.times < 6 * len(readings)


def test_single_readings_that_come_hours_late_are_judged_from_a_state_near_them() -> None:
    readings, rule, engine = shift(0.05, (120, 6 * 3600))
    assert engine.late["T1"] > 100
    assert engine.judged["T1"] == len(readings)
    assert rule.times < 40 * len(readings)


@pytest.mark.parametrize("seed", range(3))
def test_of_an_upload_in_any_order_no_rule_sees_some_readings_without_those_between(seed: int) -> None:
    """After an hour offline. The first reading that comes is not the first that was measured."""
    rule = Asked()
    engine = RuleEngine(town(), [rule])
    readings = Trip("T1", 500, 0).stand(2 * 3600).readings
    upload = readings[360:]
    Random(seed).shuffle(upload)
    keepers = [Trip(truck, 500, 500, at_s=-60, every_s=60).stand(3 * 3600).readings for truck in ("T4", "T5", "T6")]
    arrivals = [(reading.ts, reading) for row in (readings[:360], *keepers) for reading in row]
    arrivals += [(T0 + 2 * HOUR_MS + 600_000 + 100 * n, reading) for n, reading in enumerate(upload)]
    for at, reading in sorted(arrivals, key=lambda arrival: arrival[0]):
        engine.receive(at)
        engine.judge(reading)
    for _ in range(12):
        engine.advance(10_000)
    assert engine.judged["T1"] == len(readings)
    assert max(rule.gaps_s) == 60  # of the others


def test_every_reading_is_seen_in_order_in_the_end() -> None:
    _, rule, engine = shift(0.3, (0, 3_000))
    engine.judge(Trip("T1", 500, 0, at_s=8 * 3600 + 60).stand(10).readings[0])
    for _ in range(12):
        engine.advance(10_000)
    assert (rule.last.readings, rule.last.in_order) == (8 * 360 + 1, True)
    assert rule.last.newest == T0 + (8 * 3600 + 70) * 1000
