"""The engine round the rules: failures, snapshots, the city, devices that are gone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import msgspec
import pytest

from devices.city.model import DeviceRole
from devices.city.sites import Validity
from devices.readings.models import Status
from rules.alerts.model import Evidence, Text
from rules.catalogue import build_rules
from rules.contract.observation import Observation
from rules.contract.rule import Parameters, Rule
from rules.contract.verdicts import Level, Verdict
from rules.detectors.bin_overflow.judgement import BinOverflow
from rules.engine.engine import RuleEngine
from rules.engine.snapshot import SnapshotUnusable
from rules.engine.tracker_set import TRACKING
from tests.compiled import interpreted_only
from tests.rules.town import T0, Trip, fills, judged, rows, run, summaries, ticket, town


@dataclass(slots=True)
class Count:
    readings: int = 0


class EveryThird(Rule[Count]):
    """Suspects every third reading; raises at the fifth."""

    name: ClassVar = "every_third"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    parameters = Parameters()
    state = Count

    def judge(self, observation: Observation, state: Count) -> Sequence[Verdict]:
        state.readings += 1
        if state.readings == 5:
            raise ZeroDivisionError
        if state.readings % 3:
            return ()
        ts, title = observation.reading.ts, Text(en="third", zh="三")
        evidence = Evidence(parameters={})
        return (Verdict(observation.device.id, Level.SUSPECTED, ts, ts, title=title, evidence=evidence),)


class NextEveryThird(EveryThird):
    version: ClassVar = 2


def test_a_rule_that_raises_is_counted_and_the_others_go_on() -> None:
    engine = RuleEngine(town(), [EveryThird(), BinOverflow()])
    for reading in (*Trip("T1", 0, 0).stand(120).readings, *fills([70, 95, 95, 95], start_s=200, deposits=1)):
        engine.judge(reading)
    changes = engine.advance(120_000)
    assert engine.failures == {"every_third": 2}  # its state was reset after the first
    assert [change.rule for change in changes] == ["bin_overflow"]


@interpreted_only
def test_the_rest_of_the_engine_survives_a_reading_that_breaks_tracking(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no such place")

    monkeypatch.setattr("rules.tracking.track.follow", broken)
    engine = RuleEngine(town(), build_rules())
    for reading in Trip("T1", 0, 0).stand(100).readings:
        engine.judge(reading)
    assert engine.failures[TRACKING] > 0


def test_a_state_of_another_version_is_not_taken_over() -> None:
    engine = RuleEngine(town(), [EveryThird()])
    readings = Trip("T1", 0, 0).stand(120).readings
    for reading in readings[:6]:
        engine.judge(reading)
    same, newer = RuleEngine(town(), [EveryThird()]), RuleEngine(town(), [NextEveryThird()])
    before = rows(engine)
    assert before["T1"]["every_third/1"] == {"readings": 2}
    for successor in (same, newer):
        fleet, devices = engine.unsaved()
        successor.restore(fleet, devices)
        successor.judge(readings[6])
    engine.judge(readings[6])
    assert rows(same) == rows(engine)
    assert rows(newer)["T1"]["every_third/2"] == {"readings": 1}


FLEET = rows(RuleEngine(town(), build_rules()))["fleet"]
LATE_CLOCK = FLEET | {"clock": FLEET["clock"] | {"now": "late"}}


@pytest.mark.parametrize(
    ("fleet", "row"),
    [
        (None, None),
        ({}, None),
        ([], None),
        (FLEET | {"format": 3}, None),
        (LATE_CLOCK, None),
        (FLEET, None),
        (FLEET, {}),
        (FLEET, {"late": 0, "lane": [0, 0, 0, [7]]}),
        (FLEET, {"late": 0, "lane": [0, 0, 0, [[0, "fill", ["P"]]]]}),
        (FLEET, {"late": 0, "lane": [0, 0, 0, []], "track": []}),
    ],
)
def test_rows_that_cannot_be_read_are_refused_and_the_engine_is_as_new(fleet: object, row: object) -> None:
    engine = RuleEngine(town(), build_rules())
    packed = [b"" if value is None else msgspec.msgpack.encode(value) for value in (fleet, row)]
    with pytest.raises(SnapshotUnusable):
        engine.restore(packed[0], [("T1", packed[1])])
    assert rows(engine) == {"fleet": FLEET}


def test_only_what_changed_is_written_again() -> None:
    engine = RuleEngine(town(), build_rules())
    run(engine, [*Trip("T1", 0, 0).stand(120).readings, *fills([70, 75])], quiet_s=0)
    assert rows(engine).keys() == {"T1", "P01", "fleet"}
    engine.saved()
    assert rows(engine).keys() == {"fleet"}
    engine.judge(Trip("T2", 0, 0, at_s=121).stand(10).readings[0])
    assert rows(engine).keys() == {"T2", "fleet"}
    engine.saved()
    engine.advance(60_000)
    assert rows(engine).keys() == {"T1", "T2", "P01", "fleet"}  # released by fleet time


def test_late_readings_are_counted_by_device() -> None:
    engine = RuleEngine(town(), build_rules())
    early, *rest = Trip("T1", 0, 0).stand(120).readings
    for reading in (*rest, early):
        engine.judge(reading)
    engine.advance(600_000)  # until then its clock may have stepped back
    assert engine.late == {"T1": 1}


def test_a_device_taken_out_of_the_city_is_not_judged_any_more() -> None:
    engine = RuleEngine(town(), build_rules())
    run(engine, fills([70, 95, 95], deposits=1), quiet_s=0)
    city = town()
    engine.replace_city(town(devices={k: d for k, d in city.devices.items() if k != "P01"}))
    assert engine.advance(600_000) == []


def test_a_new_city_is_judged_by_from_the_next_reading_on() -> None:
    trip = Trip("T6", 500, 0).drive(3000, 0)
    engine = RuleEngine(town(), build_rules())
    assert run(engine, trip.readings, quiet_s=0) == []
    permits = town().permits
    engine.replace_city(town(permits=(*permits, type(permits[0])("KT6", "VT6", ("R1",), ("tip",)))))
    rest = trip.drive(3000, 800).readings[len(trip.readings) - 8 :]
    assert summaries(run(engine, rest))[0].startswith("T6 confirmed")


def test_the_vehicle_and_permits_of_a_former_city_are_not_used() -> None:
    """Without a permit there is no approved route, so the truck that goes on reporting deviates from none."""
    trip, city = Trip("T1", 0, 0).drive(3000, 0), town()
    for permits, alerts in ((city.permits, 1), (city.permits[1:], 0)):
        engine = RuleEngine(city, build_rules())
        assert run(engine, trip.readings, quiet_s=0) == []
        engine.replace_city(town(permits=permits))
        off = Trip("T1", 3000, 0, at_s=trip.now_s).drive(3000, 1500)
        assert len({change.alert_id for change in run(engine, off.readings, quiet_s=0)}) == alerts


def test_a_ticket_without_a_registered_plate_has_no_effect_on_a_truck() -> None:
    found = judged(build_rules(), [ticket("T9", 10), ticket("T1", 20, plate=None)])
    assert {change.rule for change in found} == {"unknown_plate"}


def test_a_well_behaved_day_raises_no_alert() -> None:
    trips = []
    for n in range(1, 6):
        trip = Trip(f"T{n}", 0, 0, at_s=37 * n, load="loaded", load_kg=12_000.0, lift_up=False, cover_open=False)
        trip.stand(240).drive(4000, 0).stand(70).drive(9995, 0).stand(30).now(cover_open=True).now(lift_up=True)
        trip.stand(40).now(load_kg=200.0, load="empty").stand(20).now(lift_up=False, cover_open=False).stand(40)
        trips.append(trip.drive(0, 0).stand(600).readings)
    points = [
        fills([30.0, 34, 40, 47, 52, 61, 66, 4, 6], point=f"P{n:02}", every_s=300, deposits=3) for n in range(1, 9)
    ]
    assert judged(build_rules(), *trips, *points, quiet_s=90) == []  # before they are silent


def test_a_ticket_reaches_the_terminal_that_is_valid_now() -> None:
    """T1's terminal was replaced: the old one keeps its id, and its validity has ended."""
    city = town()
    old = replace(city.devices["T1"], validity=Validity(None, T0 - 1))
    new = replace(city.devices["T1"], id="T9")
    engine = RuleEngine(town(devices=dict(city.devices) | {"T1": old, "T9": new}), build_rules())
    run(engine, [*Trip("T9", 9000, 0).drive(9990, 0).readings, ticket("T1", 400)])
    assert rows(engine)["T9"]["track"]["load"]["ticket_ts"]


def test_a_truck_that_only_sends_statuses_is_heard_and_what_it_measured_before_is_judged() -> None:
    """Every 20 s: nothing else moves the fleet on, and no measurement releases the last ones."""
    engine = RuleEngine(town(), build_rules())
    trip = Trip("T1", 500, 0, load="loaded").drive(1500, 0)
    last = trip.readings[-1].ts
    statuses = [Status(device_id="T1", ts=last + 20_000 * n, online=True, session=1) for n in range(1, 60)]
    changes = run(engine, [*trip.readings, *statuses])
    assert [(change.rule, change.evidence.measures["reason"]) for change in changes] == [
        ("cannot_be_judged", "status_only")
    ], "and no silence"
    assert engine.judged["T1"] >= len(trip.readings) + 50
