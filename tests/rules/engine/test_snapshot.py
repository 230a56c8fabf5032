"""What the engine knows is written down and read back as it was."""

import msgspec

from devices.readings.models import Fill
from rules.catalogue import build_rules
from rules.engine.device_state import DeviceState
from rules.engine.engine import RuleEngine
from rules.engine.reorder_buffer import WINDOW_MS, ReorderBuffer
from rules.engine.snapshot import Rows
from tests.rules.engine.test_reorder_buffer import T, arrive, fix, seconds
from tests.rules.town import fills, rows, run, town


def test_a_change_of_the_readings_fields_is_survived_twice() -> None:
    """Rows of devices that were not heard in between are written anew with the order of their values."""
    engine = RuleEngine(town(), build_rules())
    engine.judge(position := fix(0))
    fleet, [(device_id, row)] = rows(engine)["fleet"], list(engine.unsaved().devices)
    fleet["fields"]["position"].reverse()
    known = msgspec.msgpack.decode(row)
    known["lane"][3][0][2].reverse()
    former = msgspec.msgpack.encode(fleet), [(device_id, msgspec.msgpack.encode(known))]
    for _ in range(2):
        engine = RuleEngine(town(), build_rules())
        engine.restore(*former)
        written, devices = engine.unsaved()
        former = written, list(devices) or former[1]
    (waiting,) = Rows(build_rules()).load(device_id, former[1][0][1]).lane.waiting
    assert waiting.reading == position


def test_what_waits_survives() -> None:
    rows = Rows(build_rules())
    lane = ReorderBuffer("T1")
    arrive(lane, fix(10), fix(0))
    lane.arrive(Fill(device_id="P", ts=T, compartment="a", fill_pct=1.0), T)
    arrive(lane, fix(20))
    known = DeviceState("T1", lane, [None] * len(build_rules()), late=2)
    again = rows.load("T1", rows.dump(known))
    assert again == known
    assert rows.dump(again) == rows.dump(known)
    assert seconds(again.lane.flush(T + 30_000 + WINDOW_MS)) == [0, 0, 10, 20]


def test_a_look_ahead_changes_nothing() -> None:
    engine = RuleEngine(town(), build_rules())
    run(engine, [*(fix(second) for second in range(0, 120, 10)), *fills([60, 75], every_s=60, deposits=3)], quiet_s=0)
    before, waiting = rows(engine), engine.changed
    assert engine.prefetch(["T1", "P01", "nobody"]) == engine.prefetch(["P01", "T1"])
    assert engine.prefetch(["nobody"]) == 0
    assert (rows(engine), engine.changed) == (before, waiting)
