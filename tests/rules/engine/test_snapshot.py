"""The engine's state is written to rows and read back as it was."""

from collections.abc import Iterator, Sequence

import msgspec

from devices.readings.models import Fill, Reading
from rules.catalogue import build_rules
from rules.engine.device_state import DeviceState
from rules.engine.engine import RuleEngine
from rules.engine.reorder_buffer import WINDOW_MS, ReorderBuffer
from rules.engine.snapshot import Rows
from rules.tracking.registry import TRACKERS
from tests.rules.engine.test_reorder_buffer import T, arrive, fix, seconds, take
from tests.rules.town import Trip, fills, in_time, numbered, rows, town


def test_rows_survive_a_change_of_the_readings_fields_twice() -> None:
    """Rows of devices that were not heard in between are written again with the new order of values."""
    engine = RuleEngine(town(), build_rules())
    engine.judge(position := fix(0))
    fleet, [(device_id, row)] = rows(engine)["fleet"], list(engine.unsaved().devices)
    fleet["fields"]["position"].reverse()
    members = msgspec.msgpack.decode(row)
    members["lane"][3][0][2].reverse()
    former = msgspec.msgpack.encode(fleet), [(device_id, msgspec.msgpack.encode(members))]
    for _ in range(2):
        engine = RuleEngine(town(), build_rules())
        engine.restore(*former)
        written, devices = engine.unsaved()
        former = written, list(devices) or former[1]
    device_state, _ = Rows(build_rules(), TRACKERS).load(device_id, former[1][0][1])
    (waiting,) = device_state.buffer.waiting
    assert waiting.reading == position


def test_a_clock_that_only_refused_readings_show_survives() -> None:
    """Nothing was accepted of any device yet: the clock is believed, and votes for nothing."""
    engine = RuleEngine(town(), build_rules())
    for n in range(40):
        engine.receive(T + 10_000 * n)
        engine.refuse_time("T1", T + 10_000 * n + 3_600_000)
    believed = state_of(engine, "T1").clock
    assert believed.believed
    assert believed.offset == 3_600_000
    fleet, devices = engine.unsaved()
    again = RuleEngine(town(), build_rules())
    again.restore(fleet, list(devices))
    assert state_of(again, "T1").clock == believed


def test_a_restart_puts_off_no_reading_that_is_complete_by_its_number() -> None:
    """A truck that numbers its readings, far from each weighbridge: what comes next is judged when it comes."""
    drive = numbered(Trip("T1", 0, 5000, load="empty").drive(9000, 5000).readings)
    engine, judged = RuleEngine(town(), build_rules()), list[int]()
    for reading in drive[:-1]:
        engine.receive(reading.ts + 500)
        engine.judge(reading)
        judged.append(engine.judged["T1"])
    assert judged[-2:] == [len(drive) - 2, len(drive) - 1], "nothing waits any more"
    fleet, devices = engine.unsaved()
    again = RuleEngine(town(), build_rules())
    again.restore(fleet, list(devices))
    again.receive(drive[-1].ts + 500)
    again.judge(drive[-1])
    assert again.judged["T1"] == len(drive)


def state_of(engine: RuleEngine, device_id: str) -> DeviceState:
    (found,) = [state for state in engine._devices.states if state.device_id == device_id]
    return found


def test_waiting_readings_survive() -> None:
    rows = Rows(build_rules(), TRACKERS)
    buffer = ReorderBuffer("T1")
    arrive(buffer, fix(10), fix(0))
    take(buffer, Fill(device_id="P", ts=T, compartment="a", fill_pct=1.0))
    arrive(buffer, fix(20))
    written = DeviceState("T1", buffer, [None] * len(build_rules()), [None] * len(TRACKERS), late=2)
    restored, incidents = rows.load("T1", rows.dump(written, None))
    assert restored == written
    assert incidents is None
    assert rows.dump(restored, None) == rows.dump(written, None)
    assert seconds(restored.buffer.flush(T + 30_000 + WINDOW_MS)) == [0, 0, 10, 20]


def test_rows_that_are_made_later_are_as_of_the_moment_at_which_saving_began() -> None:
    """Over an hour in which trucks fall silent and a bin fills: incidents change also while no device does."""
    silent = [reading for n in range(1, 4) for reading in Trip(f"T{n}", 500 * n, 0, load="loaded").stand(200).readings]
    steps: list[Reading | None] = [*in_time(silent, fills([60, 85, 92, 97, 97, 40, 30], every_s=60, deposits=3))]
    engine, changes = RuleEngine(town(), build_rules()), 0
    for round_of in batched([*steps, *[None] * 300], 7):
        at_once, unwritten = dict(engine.unsaved().devices), engine.begin_saving()
        for step in round_of:
            if step is None:
                changes += len(engine.advance(10_000))
            else:
                engine.receive(step.ts)
                engine.judge(step)
        unwritten.make_all()
        assert {row.id: row.packed for row in unwritten.take(0, 0)} == at_once
        engine.end_saving()
    assert changes > 5


def batched(steps: Sequence[Reading | None], size: int) -> Iterator[Sequence[Reading | None]]:
    for start in range(0, len(steps), size):
        yield steps[start : start + size]
