"""The catalogue: every rule is whole, is built with its parameters, and says what the map draws."""

import re
from pathlib import Path
from typing import Any

import pytest

from rules import detectors
from rules.catalogue import CATALOGUE, build_rules, corridor_m, rule_names, silent_after_s
from rules.detectors.entry import RuleEntry
from rules.detectors.illegal_dumping.parameters import IllegalDumpingParameters
from rules.detectors.route_deviation.parameters import RouteDeviationParameters


def test_every_rule_is_built_with_its_defaults() -> None:
    rules = build_rules()
    assert [rule.name for rule in rules] == list(rule_names())
    assert {rule.name: rule.parameters.model_dump() for rule in rules}["bin_overflow"]["full_pct"] == 90


def test_parameters_can_be_overridden() -> None:
    (rule,) = (rule for rule in build_rules({"bin_overflow": {"full_pct": 85}}) if rule.name == "bin_overflow")
    assert rule.parameters.model_dump()["full_pct"] == 85


def test_every_package_of_detectors_is_in_the_catalogue() -> None:
    folder = Path(detectors.__file__ or "").parent
    assert sorted(rule_names()) == sorted(path.parent.name for path in folder.glob("*/__init__.py"))


@pytest.mark.parametrize("entry", CATALOGUE, ids=rule_names())
def test_an_entry_is_whole(entry: RuleEntry[Any]) -> None:
    rule = entry.judgement(entry.parameters())
    assert rule.name == entry.name
    assert isinstance(rule.parameters, entry.parameters)
    assert entry.title.en
    assert re.search(r"[\u4e00-\u9fff]", entry.title.zh)
    assert re.fullmatch(r"#[0-9A-F]{6}", entry.colour)


def test_no_two_rules_share_a_name_or_a_colour() -> None:
    assert len({entry.name for entry in CATALOGUE}) == len({entry.colour for entry in CATALOGUE}) == len(CATALOGUE)


def test_the_map_has_the_corridor_and_the_silence_that_are_judged() -> None:
    rules = build_rules({"route_deviation": {"enter_m": 75}, "silent_device": {"at_least_s": 100}})
    assert corridor_m(rules) == 75.0
    assert [silent_after_s(rules)(interval_s) for interval_s in (10, 60)] == [100, 210]


def test_without_such_a_rule_there_is_nothing_to_draw() -> None:
    others = [rule for rule in build_rules() if rule.name == "bin_overflow"]
    with pytest.raises(LookupError, match="routes"):
        corridor_m(others)
    with pytest.raises(LookupError, match="silence"):
        silent_after_s(others)


def test_a_dump_off_the_corridor_is_scored_from_where_a_deviation_begins() -> None:
    """Two rules name one threshold: who changes the default of one has to change the other."""
    assert IllegalDumpingParameters().off_corridor_m == RouteDeviationParameters().enter_m
