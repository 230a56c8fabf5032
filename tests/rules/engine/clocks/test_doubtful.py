"""Devices whose clock may be far off and is not known yet: what is judged meanwhile, what is not, and how it counts."""

from collections.abc import Sequence

import pytest
from msgspec import structs

from devices.readings.models import Reading
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from tests.rules.engine.clocks.test_calendar import HOUR_MS, OFFSETS, Told, others, tell, tips, valid_town
from tests.rules.town import Trip, ticket

BEHIND_MS = 8 * HOUR_MS
_EARLY = 15
"""Readings in the first 150 s that the device is heard: its clock is not believed yet."""


def dumps_early() -> list[Reading]:
    """A dump in the first three minutes that the device is ever heard."""
    start = Trip("T1", 3980, 0, load="loaded", load_kg=12_000.0, lift_up=False, cover_open=False)
    return tips(start.stand(20)).drive(9_900, 0).readings


def behind(readings: Sequence[Reading]) -> list[tuple[int, Reading]]:
    return [(reading.ts + 500, structs.replace(reading, ts=reading.ts - BEHIND_MS)) for reading in readings]


def play(arrivals: list[tuple[int, Reading]], refused: Sequence[tuple[int, int]] = ()) -> Told:
    """Judge what arrives beside others; `refused`: receive and device times of readings refused before, ms."""
    engine, changes = RuleEngine(valid_town(), build_rules()), list[AlertChange]()
    for at_ms, ts in refused:
        engine.receive(at_ms)
        changes += engine.refuse_time("T1", ts)
    beside = [(reading.ts + 500, reading) for reading in others(300)]
    for at_ms, reading in sorted([*arrivals, *beside], key=lambda arrival: arrival[0]):
        engine.receive(at_ms)
        changes += engine.judge(reading)
    assert not engine.failures
    return Told(engine, changes)


@pytest.mark.parametrize("count", [1, 30], ids=["one", "as many as are believed"])
def test_what_was_refused_before_makes_no_clock_known(count: int) -> None:
    """An hour ahead, and refused for it; then 8 h behind. The clock that was refused dates nothing that is accepted."""
    early = dumps_early()[:_EARLY]
    first = early[0].ts - 1_000_000
    told = play(behind(early), [(first + 10_000 * n, first + 10_000 * n + HOUR_MS) for n in range(count)])
    assert told.accused == set()
    assert told.engine.not_judged == {"T1": {"clock_unknown": _EARLY}}


def test_a_reading_refused_in_between_was_not_buffered() -> None:
    arrivals = behind(dumps_early()[:_EARLY])
    engine, changes = RuleEngine(valid_town(), build_rules()), list[AlertChange]()
    for at_ms, reading in arrivals:
        engine.receive(at_ms)
        changes += engine.judge(reading)
        changes += engine.refuse_time("T1", at_ms + 300_000)
    assert Told(engine, changes).accused == set()
    for _ in range(6):
        changes += engine.advance(10_000)
    assert engine.not_judged == {"T1": {"clock_unknown": _EARLY}}


def test_what_comes_late_meanwhile_is_not_judged_by_a_calendar_either() -> None:
    arrivals = behind(dumps_early()[: _EARLY + 3])
    at_ms, late = arrivals.pop(3)
    told = play([*arrivals, (at_ms + 80_000, late)])
    assert told.engine.not_judged == {"T1": {"clock_unknown": _EARLY + 3}}
    assert told.engine.judged["T1"] == 0


@pytest.mark.parametrize("off_ms", OFFSETS)
@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("strange", [0, 1])
def test_a_plate_that_came_before_the_clock_was_known_is_looked_up_once_it_is(
    off_ms: int, restarts: bool, strange: int
) -> None:
    tickets = [ticket("T1", 40 * n, ticket=f"{n}") for n in range(20)]
    tickets[strange] = structs.replace(tickets[strange], plate="晋E99999")
    assert ("unknown_plate", "W1") not in tell(tickets[:4], off_ms).accused
    told = tell(tickets, off_ms, restarts=restarts)
    assert ("unknown_plate", "W1") in told.accused
    assert len({change.alert_id for change in told.changes if change.rule == "unknown_plate"}) == 1
    assert told.engine.not_judged == {}
