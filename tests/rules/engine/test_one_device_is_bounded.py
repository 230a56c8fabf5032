"""What one device may make the engine keep and do, whatever it sends."""

from collections.abc import Iterator
from typing import SupportsIndex

from devices.readings.models import Fill, Position, Reading
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from rules.engine.late.late_readings import MAX_GAPS
from rules.engine.reorder_buffer import MAX_WAITING, BufferedReading, ReorderBuffer
from tests.compiled import interpreted_only
from tests.rules.engine.test_reorder_buffer import T, fix, take
from tests.rules.town import T0, Trip, ticket, town

LATEST = T0 + 3_600_000
"""A limit of the order that nothing reaches."""


def newest_first(count: int) -> Iterator[Reading]:
    """All inside the reorder window."""
    return (Position(device_id="T1", ts=T0 + 29_000 - n, lat=35.5, lon=112.8) for n in range(count))


def engine_after(readings: Iterator[Reading]) -> RuleEngine:
    engine = RuleEngine(town(), build_rules())
    for reading in readings:
        engine.judge(reading)
    return engine


def test_so_many_readings_wait_and_every_further_one_is_counted() -> None:
    engine = engine_after(newest_first(3 * MAX_WAITING))
    assert engine.not_judged == {"T1": {"over_bound": 2 * MAX_WAITING}}
    bystander = Trip("T6", 500, 500).stand(120).readings
    for reading in bystander:
        engine.judge(reading)
    for _ in range(9):
        engine.advance(10_000)
    assert engine.judged == {"T1": MAX_WAITING, "T6": len(bystander)}


def test_a_full_buffer_takes_what_moves_time_on_and_what_it_has() -> None:
    buffer = ReorderBuffer("T1")
    for n in range(MAX_WAITING):
        take(buffer, fix(n / 1000))
    assert buffer.has_room(fix(0), LATEST)
    assert not buffer.has_room(fix(9.0005), LATEST)
    assert not buffer.has_room(fix(30), LATEST)
    assert buffer.has_room(fix(30.001), LATEST)
    released = take(buffer, fix(30.001))
    assert [entry.ts for entry in released or ()] == [T]


def test_what_a_weighbridge_says_of_a_truck_fills_half_of_its_buffer() -> None:
    buffer = ReorderBuffer("T1")
    for n in range(MAX_WAITING // 2):
        about = ticket("T1", n / 1000)
        assert buffer.has_room(about, LATEST)
        buffer.arrive(about, T0, LATEST)
    assert not buffer.has_room(ticket("T1", 20), LATEST)
    assert buffer.has_room(Position(device_id="T1", ts=T0, lat=35.5, lon=112.8), LATEST)


class CountedList(list[BufferedReading]):
    """Counts how many entries each insertion moves."""

    moved = 0

    def insert(self, index: SupportsIndex, buffered: BufferedReading) -> None:
        self.moved += len(self) - int(index)
        super().insert(index, buffered)


@interpreted_only
def test_four_times_as_many_readings_are_four_times_the_work() -> None:
    """Each is inserted among a bounded number: 6.5 MB of them once took minutes, as work grew with the square."""
    moved = []
    for count in (MAX_WAITING, 4 * MAX_WAITING):
        engine = engine_after(iter(()))
        waiting = engine._devices._device_state("T1").buffer.waiting = CountedList()
        for reading in newest_first(count):
            engine.judge(reading)
        moved.append(waiting.moved)
    assert moved[1] <= 4 * moved[0]


def test_the_compartments_of_a_device_are_those_that_came_first() -> None:
    """As the recorder stores them; a restart keeps them."""
    engine = RuleEngine(town(), build_rules())
    assert [n for n in range(40) if engine.takes_compartment(fill(n))] == list(range(32))
    engine.judge(fill(0))
    engine.advance(100_000)
    fleet, rows = engine.unsaved()
    kept = list(rows)
    engine = RuleEngine(town(), build_rules())
    engine.restore(fleet, kept)
    assert [n for n in range(40) if engine.takes_compartment(fill(n))] == list(range(32))


def fill(n: int) -> Fill:
    return Fill(device_id="P24", ts=T0, compartment=f"c{n}", fill_pct=50.0)


def test_gaps_without_end_are_forgotten_one_for_each_that_is_opened() -> None:
    engine = engine_after(
        iter([Position(device_id="T1", ts=T0 + n * 300_000, lat=35.5, lon=112.8) for n in range(200)])
    )
    timers = engine._devices._kept._ends
    assert len(timers._open) + sum(map(len, timers._slots.values())) <= MAX_GAPS
