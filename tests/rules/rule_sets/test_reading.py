"""A rule set in YAML: what it means, and how its faults are told."""

import pytest

from rules.contract.rule_choice import Scope
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet, RuleSet
from rules.rule_sets.reading import read_rule_set
from rules.rule_sets.shipped import shipped, with_shipped


def rule_set(text: str) -> RuleSet:
    return read_rule_set(text.encode(), "rules.yaml")


def faults(text: str) -> list[str]:
    try:
        RuleSetChoice(rule_set(text))
    except BadRuleSet as exc:
        return list(exc.faults)
    return []


def value(choice: RuleSetChoice, rule: str, parameter: str, scope: Scope, minute: int = 0) -> object:
    """The parameter in force, or "off"."""
    held = choice.at(scope, minute)
    index = [one.name for one in choice.rules].index(rule)
    found = held[index]
    return "off" if found is None else getattr(found.parameters, parameter)


CITY = """
speeding: {limit_kmh: 90}
station_backlog: off
stopped_loaded:
exceptions:
  - where: {district: urban}
    rules: {speeding: {limit_kmh: 60}, station_backlog: on}
  - where: {fleet: [north, south]}
    rules: {speeding: {limit_kmh: 70}}
  - where: {district: urban, vehicle_kind: hazardous_waste}
    why: schools
    rules: {speeding: {limit_kmh: 40}}
  - where: {district: urban, hours: "22:00-06:00"}
    rules: {speeding: {limit_kmh: 50}}
"""
_NOON, _NIGHT = 12 * 60, 23 * 60


@pytest.mark.parametrize(
    ("scope", "minute", "limit"),
    [
        (Scope(), _NOON, 90),
        (Scope("rural", "east", "other"), _NOON, 90),
        (Scope("urban"), _NOON, 60),
        (Scope("rural", "south"), _NOON, 70),
        (Scope("urban", "south"), _NOON, 70),  # as specific, and later
        (Scope("urban", "south", "hazardous_waste"), _NOON, 40),
        (Scope("urban"), _NIGHT, 50),
        (Scope("urban"), 5 * 60 + 59, 50),
        (Scope("urban"), 6 * 60, 60),
        (Scope("urban", None, "hazardous_waste"), _NIGHT, 50),  # as specific, and later
        (Scope("rural"), _NIGHT, 90),
    ],
)
def test_the_most_specific_exception_wins(scope: Scope, minute: int, limit: float) -> None:
    assert value(RuleSetChoice(rule_set(CITY)), "speeding", "limit_kmh", scope, minute) == limit


def test_a_rule_is_off_in_the_city_and_on_in_a_district() -> None:
    choice = RuleSetChoice(rule_set(CITY))
    assert value(choice, "station_backlog", "full_pct", Scope()) == "off"
    assert value(choice, "station_backlog", "full_pct", Scope("urban")) == 90


def test_devices_with_the_same_parameters_share_one_rule() -> None:
    choice = RuleSetChoice(rule_set(CITY))
    urban, rural = choice.in_force(Scope("urban"))[0].rules, choice.in_force(Scope("rural"))[0].rules
    assert [one is other for one, other in zip(urban, rural, strict=True)].count(False) == 2


FAULTS = """\
speding: {}
speeding: {limit: 3, limit_kmh: fast}
bin_overflow: 7
exceptions:
  - where: {district: [], hours: "25:00-3"}
    rules: {silent_device: {outage_devices: 3}, bin_fire: off}
  - wher: {}
    rules: []
  - where: {vehicle_kind: tanker, hours: "22:00-06:00"}
    rules: {silent_device: {intervals: 3}}
  - where: {}
    rules: {}
"""


def test_all_faults_are_told_at_once_each_with_its_line_and_what_to_do() -> None:
    assert faults(FAULTS) == [
        "rules.yaml:1: speding: no such rule: did you mean 'speeding'?",
        "rules.yaml:2: speeding.limit: no such parameter: did you mean 'limit_kmh'?",
        (
            "rules.yaml:2: speeding.limit_kmh: Input should be a valid number, unable to parse string as a number"
            " (found 'fast')"
        ),
        "rules.yaml:3: bin_overflow: write parameters as `name: value`, or on or off, not 7",
        "rules.yaml:5: exceptions[1].where.district: is empty: leave it out, or name one",
        'rules.yaml:5: exceptions[1].where.hours: write hours in quotes, such as "22:00-06:00"',
        (
            "rules.yaml:6: exceptions[1].rules.silent_device.outage_devices: compares devices, so it holds for the"
            " whole city: write it at the top of the file"
        ),
        "rules.yaml:6: exceptions[1].rules.bin_fire: cannot be on or off by the hour: change its parameters",
        "rules.yaml:7: exceptions[2].wher: did you mean 'where'?",
        "rules.yaml:7: exceptions[2]: `where` is missing",
        "rules.yaml:8: exceptions[2].rules: write `rule: {parameter: value}`",
        "rules.yaml:9: exceptions[3].where.vehicle_kind: did you mean 'sludge_tanker'?",
        (
            "rules.yaml:10: exceptions[3].rules.silent_device.intervals: judges silence or clocks, which have no hour:"
            " leave `hours` out"
        ),
        "rules.yaml:11: exceptions[4].where: no condition: what holds everywhere stands at the top of the file",
    ]


REFUSED = {
    "[1": "is not YAML",
    "- speeding": "write rules as",
    "a: &x {}\nb: *x": "is refused",
    "speeding: {limit_kmh: .nan}": "finite number",
    "speeding: {limit_kmh: 80}\nspeeding: {limit_kmh: 90}": "stands in line 1 already",
    "exceptions: {district: urban}": "write a list",
    "exceptions: [{where: {district: {a: b}}, rules: {}}]": "write one text",
    "# " + "x" * 1_100_000: "larger than 1 MiB",
    "exceptions:\n" + "  - {where: {district: a}, rules: {}}\n" * 201: "at most 200",
    "{" * 5_000: "nested too deeply",
}
"""Contents that are refused, with words of the fault."""


@pytest.mark.parametrize(("text", "words"), REFUSED.items())
def test_a_file_that_is_no_rule_set_says_why(text: str, words: str) -> None:
    assert any(words in fault for fault in faults(text)), faults(text)


def test_an_empty_file_changes_nothing() -> None:
    assert faults("") == faults("# nothing\n") == faults("{}") == []


def test_parameters_that_disagree_only_where_two_exceptions_meet_are_found() -> None:
    """Each exception alone is right."""
    text = """
exceptions:
  - {where: {district: urban}, rules: {route_deviation: {enter_m: 40}}}
  - {where: {fleet: north}, rules: {route_deviation: {leave_m: 50}}}
"""
    (fault,) = faults(text)
    assert fault.startswith("route_deviation: leave_m (50) must be above 0 and below enter_m (40)")
    assert "where `district urban` and `fleet north` holds" in fault


def test_too_many_combinations_are_refused_not_tried() -> None:
    places = "".join(
        f"  - {{where: {{district: d{n}, fleet: f{n}}}, rules: {{speeding: {{limit_kmh: 80}}}}}}\n" for n in range(150)
    )
    (fault,) = faults(f"exceptions:\n{places}")
    assert "22,801 combinations" in fault


def test_the_shipped_rule_set_is_whole_and_a_city_may_say_otherwise() -> None:
    choice = RuleSetChoice(with_shipped(RuleSet()))
    tanker = Scope(vehicle_kind="sludge_tanker")
    assert value(choice, "uncovered_load", "min_kmh", tanker) == "off"
    assert value(choice, "uncovered_load", "min_kmh", Scope(vehicle_kind="construction_waste")) == 10
    own = rule_set("exceptions: [{where: {vehicle_kind: sludge_tanker}, rules: {uncovered_load: on}}]")
    assert value(RuleSetChoice(with_shipped(own)), "uncovered_load", "min_kmh", tanker) == 10
    assert all(exception.why for exception in shipped().exceptions)
