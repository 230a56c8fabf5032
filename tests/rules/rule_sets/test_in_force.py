"""The engine judges each device by the rules that hold for it, at that hour, and goes on when they change."""

from dataclasses import replace

from devices.city.model import City, VehicleKind
from ingest.judge.rejudge import Rejudging
from ingest.log.records import LogRecord
from ingest.log.revisions import rules_record
from rules.alerts.model import AlertChange
from rules.engine.engine import RuleEngine
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import RuleSet
from rules.rule_sets.reading import read_rule_set
from rules.rule_sets.shipped import with_shipped
from tests.ingest.judge.test_judge import message
from tests.rules.town import T0, Trip, at_s, run, summaries, town


def rules(text: str, version: int = 7) -> RuleSetChoice:
    own = read_rule_set(text.encode(), "rules.yaml")
    return RuleSetChoice(RuleSet(own.city_wide, own.exceptions, version))


def city() -> City:
    """T1 in the urban district, all others in none."""
    plain = town()
    return replace(plain, devices={**plain.devices, "T1": replace(plain.devices["T1"], district="urban")})


def stopped(truck: str, seconds: float) -> Trip:
    return Trip(truck, 0, 0, load="loaded").drive(4000, 0).stand(seconds)


def told(changes: list[AlertChange], rule: str) -> list[AlertChange]:
    return [change for change in changes if change.rule == rule]


URBAN = "exceptions: [{where: {district: urban}, rules: {stopped_loaded: {hold_s: 300}}}]"


def test_each_device_has_the_parameters_of_its_district_and_its_alert_says_so() -> None:
    engine = RuleEngine(city(), rules(URBAN))
    readings = sorted([*stopped("T1", 700).readings, *stopped("T2", 700).readings], key=lambda reading: reading.ts)
    first, second = told(run(engine, readings), "stopped_loaded")
    assert (first.subject, first.evidence.parameters["hold_s"], first.rule_set) == ("T1", 300, 7)
    assert (second.subject, second.evidence.parameters["hold_s"], second.rule_set) == ("T2", 600, 7)
    assert at_s(second) - at_s(first) == 300


def test_parameters_follow_the_clocks_of_the_city() -> None:
    """T0 is 2026-09-21 22:13:20 in Asia/Shanghai; the truck stands from some minutes later on."""
    by_night = 'exceptions: [{where: {hours: "22:27-06:00"}, rules: {stopped_loaded: {hold_s: 300}}}]'
    trip = stopped("T1", 1_000)
    stands_from_s = next(round((r.ts - T0) / 1000) for r in trip.readings if getattr(r, "speed_kmh", None) == 0)
    (found,) = told(run(RuleEngine(city(), rules(by_night)), trip.readings), "stopped_loaded")
    assert stands_from_s + 300 < 820 < stands_from_s + 600
    assert at_s(found) == 820  # 22:27: it has stood for more than five minutes by then


def test_a_kind_of_vehicle_has_its_own_rules() -> None:
    plain = town()
    tanker = replace(plain.vehicles["VT1"], kind=VehicleKind.KITCHEN_WASTE)
    kinds = replace(plain, vehicles={**plain.vehicles, "VT1": tanker})
    choice = RuleSetChoice(with_shipped(RuleSet()))
    assert told(run(RuleEngine(kinds, choice), stopped("T1", 700).readings), "stopped_loaded") == []
    assert summaries(told(run(RuleEngine(plain, choice), stopped("T1", 700).readings), "stopped_loaded")) == [
        "T1 confirmed P3"
    ]


def test_a_rule_that_is_switched_off_ends_its_alerts_and_no_others() -> None:
    engine = RuleEngine(city(), rules(""))
    opened = run(engine, stopped("T1", 700).readings, quiet_s=0)
    assert [change.rule for change in opened] == ["stopped_loaded"]
    fleet, rows = engine.unsaved()
    off = RuleEngine(city(), rules("exceptions: [{where: {district: urban}, rules: {stopped_loaded: off}}]", 8))
    off.restore(fleet, list(rows))
    (closed,) = off.end_rules_off()
    assert (closed.alert_id, closed.phase, closed.rule_set) == (opened[0].alert_id, "closed", 8)
    assert "rule set 8" in closed.evidence.findings[-1].en
    assert "第8版" in closed.evidence.findings[-1].zh
    assert off.end_rules_off() == []
    trip = stopped("T1", 2_000)
    later = [reading for reading in trip.readings if reading.ts > opened[0].at]
    assert told(run(off, later), "stopped_loaded") == []


def test_new_parameters_hold_from_their_record_on_and_no_state_is_lost() -> None:
    """The truck stands for 400 s when the new rule set comes: by that it is told at once, not after another 300 s."""
    records = [LogRecord(n, message(reading)) for n, reading in enumerate(stopped("T1", 500).readings, 1)]
    stands_from = next(n for n, r in enumerate(stopped("T1", 500).readings) if getattr(r, "speed_kmh", None) == 0)
    judging = Rejudging(city(), rules(""))
    for record in records[: stands_from + 40]:
        assert judging.judge(record) == []
    judging.judge(LogRecord(10_000, rules_record(rules("stopped_loaded: {hold_s: 300}", 8), 1)))
    changes = [change for record in records[stands_from + 40 :] for change in judging.judge(record)]
    assert [(change.rule, change.rule_set) for change in changes] == [("stopped_loaded", 8)]
