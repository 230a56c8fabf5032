"""Same messages, same alerts: any order inside the lateness bound, any restart, any number of devices."""

from collections.abc import Sequence
from functools import cache
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.readings.models import Reading
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from rules.engine.reorder_buffer import WINDOW_MS
from tests.rules.town import T0, Trip, fills, in_time, numbered, run, ticket, town


@cache
def busy_hour() -> tuple[Reading, ...]:
    """Readings that lead every rule to alerts, and those that compare devices too."""
    deviates = Trip("T1", 0, 0, load="loaded").stand(60).drive(4000, 0).drive(4000, 1500).drive(4000, 0).drive(9000, 0)
    dumps = Trip("T2", 0, 0, at_s=3, load="loaded", load_kg=12_000.0, lift_up=False, cover_open=False).drive(3000, 0)
    dumps.stand(40, cover_open=True).stand(40, lift_up=True, cover_open=True).stand(60, load_kg=300.0).drive(9800, 0)
    silent = Trip("T3", 0, 0, at_s=7, load="loaded").drive(2000, 0).quiet(900).drive(6000, 0)
    weighed = Trip("T4", 0, 0, at_s=1, load="loaded", lift_up=False, cover_open=False).drive(5000, 0)
    weighed.now(cover_open=True).stand(30).stand(200, lift_up=True).now(cover_open=False).drive(9990, 0).stand(300)
    convoy = [
        Trip(truck, 0, 0, at_s=1800 + 120 * i).drive(6000, 0).drive(6000, -900, kmh=25).drive(6000, 0).stand(60)
        for i, truck in enumerate(("T5", "T4", "T3"))
    ]
    points = [fills([40.0 + n] * 8, point=f"P{n:02}", every_s=300, start_s=n) for n in range(1, 24)]  # then an outage
    overflow = fills([50, 70, 85, 88, 91, 93, 96, 97, 20, 15], point="P24", every_s=300, deposits=4)
    keeps_time = [Trip("T6", 500, 500, at_s=5).stand(5400)]
    trips = [deviates, dumps, silent, weighed, *convoy, *keeps_time]
    return tuple(in_time(*(trip.readings for trip in trips), *points, overflow, [ticket("T4", weighed.now_s - 200)]))


def alerts(changes: Sequence[AlertChange]) -> set[str]:
    assert len({(change.alert_id, change.phase, change.revision) for change in changes}) == len(changes)
    return {change.model_dump_json() for change in changes}


@cache
def expected() -> frozenset[str]:
    return frozenset(alerts(run(RuleEngine(town(), build_rules()), busy_hour())))


def test_the_busy_hour_has_every_rule_and_every_end() -> None:
    changes = [AlertChange.model_validate_json(change) for change in expected()]
    assert {change.rule for change in changes} == {
        "route_deviation",
        "illegal_dumping",
        "bed_raised_outside",
        "bin_overflow",
        "silent_device",
    }
    assert {str(change.phase) for change in changes} >= {"provisional", "confirmed", "closed", "amended"}
    assert any(change.subject == "system" for change in changes)


@settings(max_examples=16)
@given(seed=st.integers(0, 1 << 32), whole_devices=st.booleans(), with_numbers=st.booleans())
def test_any_order_inside_the_bound_gives_the_identical_alerts(
    seed: int, whole_devices: bool, with_numbers: bool
) -> None:
    """Every reading delayed by itself, or all of a device by the same; whether devices number their readings or not."""
    dice = Random(seed)
    of_device = {device_id: dice.uniform(0, WINDOW_MS) for device_id in sorted(town().devices)}

    def arrives(reading: Reading) -> float:
        return reading.ts + (of_device[reading.device_id] if whole_devices else dice.uniform(0, WINDOW_MS))

    shuffled = sorted(numbered(busy_hour()) if with_numbers else busy_hour(), key=arrives)
    assert alerts(run(RuleEngine(town(), build_rules()), shuffled)) == expected()


@settings(max_examples=4)
@given(st.integers(40, 400))
def test_a_restart_from_any_checkpoint_gives_the_identical_alerts(every: int) -> None:
    engine, changes = RuleEngine(town(), build_rules()), []
    kept: dict[str, bytes] = {}
    for i, reading in enumerate(busy_hour()):
        engine.receive(reading.ts)
        changes += engine.judge(reading)
        if i % every == 0:
            fleet, devices = engine.unsaved()
            kept.update(devices)
            engine = RuleEngine(town(), build_rules())
            engine.restore(fleet, kept.items())
    assert alerts([*changes, *run(engine, ())]) == expected()


def test_numbers_change_only_when_people_learn_of_it() -> None:
    assert alerts(run(RuleEngine(town(), build_rules()), numbered(busy_hour()))) == expected()


@settings(max_examples=2)
@given(st.integers(40, 400))
def test_a_restart_changes_nothing_for_devices_that_number_their_readings(every: int) -> None:
    engine, changes, kept = RuleEngine(town(), build_rules()), list[AlertChange](), dict[str, bytes]()
    for i, reading in enumerate(numbered(busy_hour())):
        engine.receive(reading.ts)
        changes += engine.judge(reading)
        if i % every == 0:
            fleet, devices = engine.unsaved()
            kept.update(devices)
            engine = RuleEngine(town(), build_rules())
            engine.restore(fleet, kept.items())
    assert alerts([*changes, *run(engine, ())]) == expected()


def test_a_restart_changes_nothing_for_a_device_that_catches_up() -> None:
    """T1 is 40 s behind the fleet, then 20 s; it is released when the first of the two is due, restarted or not."""
    trucks = {name: {reading.ts: reading for reading in Trip(name, 0, 0).stand(200).readings} for name in ("T1", "T2")}
    heard = [trucks["T2"][T0 + 100_000], trucks["T1"][T0 + 60_000], trucks["T1"][T0 + 80_000]]
    late = []
    for restarted in (False, True):
        engine = RuleEngine(town(), build_rules())
        for reading in heard:
            engine.judge(reading)
        if restarted:
            kept = engine.unsaved()
            engine = RuleEngine(town(), build_rules())
            engine.restore(*kept)
        engine.advance(15_000)
        engine.judge(trucks["T1"][T0 + 70_000])
        late.append(engine.late)
    assert late == [{}, {}]


def test_repeats_change_nothing() -> None:
    twice = [reading for reading in busy_hour() for _ in range(2)]
    assert alerts(run(RuleEngine(town(), build_rules()), twice)) == expected()
