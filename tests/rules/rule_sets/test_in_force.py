"""The engine judges each device by the rules that hold for it, at that hour, and goes on when they change."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from devices.city.model import City, VehicleKind
from devices.readings.models import Reading
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
from tests.rules.town import T0, Trip, at_s, in_time, run, summaries, town


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


WAITS_MS = 40_000
"""Of device time: readings that wait for their order when a rule set comes are judged by it."""
OFF_IN_TOWN = "exceptions: [{where: {district: urban}, rules: {route_deviation: off, silent_device: off}}]"


def under(engine: RuleEngine, choice: RuleSetChoice, where: City | None = None) -> RuleEngine:
    """The engine that goes on by another rule set, as after its record in the log."""
    fleet, rows = engine.unsaved()
    other = RuleEngine(where or city(), choice)
    other.restore(fleet, list(rows))
    other.end_rules_off()
    return other


def leaves(truck: str) -> Trip:
    """It is off its route from some 190 s on."""
    return Trip(truck, 500, 0, load="loaded").drive(2500, 0).drive(2500, 5000, kmh=20)


def between(trips: Sequence[Trip], start_s: float, end_s: float = 10_000) -> list[Reading]:
    return [
        reading
        for reading in in_time(*(trip.readings for trip in trips))
        if start_s <= (reading.ts - T0) / 1000 < end_s
    ]


def test_a_rule_that_is_switched_on_again_knows_nothing_of_before() -> None:
    """T1 was leaving its route when the rule was switched off, without an alert so far. Where T2 is it stays on."""
    trips = [leaves("T1"), leaves("T2")]
    engine = RuleEngine(city(), rules(""))
    assert told(run(engine, between(trips, 0, 270), quiet_s=0), "route_deviation") == []
    engine = under(engine, rules(OFF_IN_TOWN, 8))
    second = told(run(engine, between(trips, 270, 500), quiet_s=0), "route_deviation")[0]
    assert (second.subject, second.opened_at < T0 + 240_000) == ("T2", True)
    engine = under(engine, rules("", 9))
    first = told(run(engine, between(trips, 500)), "route_deviation")[0]
    assert first.subject == "T1"
    assert float(first.evidence.measures["off_route_s"]) < 200
    assert first.opened_at >= T0 + 500_000 - WAITS_MS


@pytest.mark.parametrize("late_s", [(100, 140), (320, 360)], ids=["from before it was off", "while it was off"])
def test_late_readings_bring_nothing_back_of_a_rule_that_was_off(late_s: tuple[float, float]) -> None:
    """All that T1 sent since its first reading is judged again, and what is kept at its gaps is from before, too."""
    trips = [leaves("T1")]
    late = between(trips, *late_s)
    engine = RuleEngine(city(), rules(""))
    run(engine, [one for one in between(trips, 0, 270) if one not in late], quiet_s=0)
    engine = under(engine, rules(OFF_IN_TOWN, 8))
    run(engine, [one for one in between(trips, 270, 500) if one not in late], quiet_s=0)
    engine = under(engine, rules("", 9))
    changes = run(engine, between(trips, 500, 520), quiet_s=0)
    for reading in late:
        changes += engine.judge(reading)
    changes += run(engine, between(trips, 520))
    first = told(changes, "route_deviation")[0]
    assert first.opened_at >= T0 + 500_000 - WAITS_MS
    assert engine.judged["T1"] == len(trips[0].readings)


def test_a_rule_begins_anew_where_a_device_comes_to_after_it_was_off() -> None:
    """T1 is moved to a district in which the rule is off, and back: by the registry, with one rule set."""
    trips, elsewhere = [leaves("T1")], town()
    engine = RuleEngine(elsewhere, rules(OFF_IN_TOWN))
    run(engine, between(trips, 0, 270), quiet_s=0)
    for place, start_s, end_s in ((city(), 270, 500), (elsewhere, 500, 10_000)):
        engine.replace_city(place)
        assert engine.end_rules_off() == []
        changes = run(engine, between(trips, start_s, end_s))
    assert told(changes, "route_deviation")[0].opened_at >= T0 + 500_000 - WAITS_MS


def test_a_device_that_fell_silent_while_its_rule_was_off_is_missed_a_day_after_it_is_on() -> None:
    """As one that was never heard; but it was, so the alert does not say that."""
    trucks = [replace(city().devices[name], report_interval_s=600) for name in ("T1", "T2", "T3", "T4")]
    few = replace(city(), devices={truck.id: truck for truck in trucks})

    def live(start_s: float, seconds: float) -> list[Reading]:
        trips = [Trip(name, 500, 500, at_s=start_s, every_s=600).stand(seconds) for name in ("T2", "T3", "T4")]
        return in_time(*(trip.readings for trip in trips))

    engine = RuleEngine(few, rules(""))
    run(engine, in_time(Trip("T1", 500, 500).stand(100).readings, live(-1_200, 1_200)), quiet_s=0)
    engine = under(engine, rules(OFF_IN_TOWN, 8), few)
    assert told(run(engine, live(0, 60_000), quiet_s=0), "silent_device") == []
    engine = under(engine, rules("", 9), few)
    assert run(engine, [], quiet_s=590) == []
    (missed,) = told(run(engine, live(60_000, 100_000), quiet_s=0), "silent_device")
    assert missed.subject == "T1"
    assert missed.opened_at == T0 + 60_000_000
    assert at_s(missed) == 60_000 + 86_400
    assert "has not been heard for 24.0 h" in missed.title.en


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
