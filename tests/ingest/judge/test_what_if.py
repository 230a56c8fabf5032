"""What-if: exactly the alerts that another rule set changes."""

from ingest.judge.what_if import Comparison, Effect, WhatIf
from ingest.log.records import LogRecord
from ingest.log.revisions import rules_record
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import RuleSet
from rules.rule_sets.reading import read_rule_set
from tests.ingest.judge.test_judge import message
from tests.rules.town import T0, Trip, fills, in_time, town

STOPS = [Trip(f"T{n}", 0, 0, load="loaded").drive(4000 + 700 * n, 0).stand(300 + 200 * n) for n in range(1, 4)]
"""Of 500, 700 and 900 s, 700 m apart: no jam."""
LEVELS = [50, 92, 92, 92, 92, 50, 50, 50]


def rules(text: str) -> RuleSetChoice:
    own = read_rule_set(text.encode(), "rules.yaml")
    return RuleSetChoice(RuleSet(own.city_wide, own.exceptions))


def compared(other: str, held: str = "", since_s: float = -1, until_s: float = 10**6) -> list[Comparison]:
    readings = in_time(*(trip.readings for trip in STOPS), fills(LEVELS, every_s=300))
    comparing = WhatIf(town(), rules(held), rules(other), T0 + round(since_s * 1000), T0 + round(until_s * 1000))
    comparing.take(LogRecord(1, rules_record(rules(held), T0)))
    for number, reading in enumerate(readings, 2):
        comparing.take(LogRecord(number, message(reading)))
    return comparing.comparisons()


def lines(found: list[Comparison]) -> list[str]:
    return [f"{one.effect} {one.either.rule} {one.either.subject}" for one in found]


def test_equal_rules_change_nothing() -> None:
    assert compared("") == []


def test_a_raised_threshold_loses_exactly_the_alerts_below_it() -> None:
    assert lines(compared("stopped_loaded: {hold_s: 800}")) == ["lost stopped_loaded T2", "changed stopped_loaded T3"]


def test_a_lowered_one_gains_and_tells_sooner() -> None:
    found = compared("stopped_loaded: {hold_s: 480}")
    assert lines(found) == ["gained stopped_loaded T1", "changed stopped_loaded T2", "changed stopped_loaded T3"]
    changed = found[1]
    assert changed.before is not None
    assert changed.after is not None
    assert (changed.differs, changed.before.told_at - changed.after.told_at) == (("told_at",), 120_000)


def test_a_rule_that_is_off_loses_all_of_its_alerts_and_no_others() -> None:
    assert lines(compared("stopped_loaded: off")) == ["lost stopped_loaded T2", "lost stopped_loaded T3"]
    assert lines(compared("bin_overflow: off")) == ["lost bin_overflow P01"]
    assert lines(compared("", held="bin_overflow: off")) == ["gained bin_overflow P01"]


def test_the_rules_of_the_log_are_those_that_held() -> None:
    assert compared("stopped_loaded: off", held="stopped_loaded: off") == []


def test_only_what_was_notified_within_the_time_is_compared() -> None:
    assert lines(compared("stopped_loaded: off", until_s=900)) == []
    late = compared("stopped_loaded: off", since_s=900)
    assert {one.either.subject for one in late} == {"T2", "T3"}


def test_one_incident_dated_otherwise_is_changed_not_lost_and_gained() -> None:
    found = compared("bin_overflow: {warn_pct: 40, full_pct: 45}")
    assert [one.effect for one in found] == [Effect.CHANGED]
    assert "opened_at" in found[0].differs
