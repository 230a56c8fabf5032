import pytest

from rules.catalogue import BadRuleParameters, build_rules, rule_names


def test_every_rule_is_built_with_its_defaults() -> None:
    rules = build_rules()
    assert [rule.name for rule in rules] == list(rule_names())
    assert {rule.name: rule.parameters.model_dump() for rule in rules}["bin_overflow"]["full_pct"] == 90


def test_parameters_can_be_overridden() -> None:
    (rule,) = (rule for rule in build_rules({"bin_overflow": {"full_pct": 85}}) if rule.name == "bin_overflow")
    assert rule.parameters.model_dump()["full_pct"] == 85


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"bin_overflw": {}}, "no rule bin_overflw: there are route_deviation"),
        ({"bin_overflow": {"ful_pct": 1}}, "bin_overflow.ful_pct: no such parameter: there are warn_pct, full_pct"),
        ({"bin_overflow": {"full_pct": "high"}}, "bin_overflow.full_pct: Input should be a valid number"),
        ({"silent_device": 7}, "silent_device: give parameters as `name: value`, found 7"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(overrides: dict[str, object], says: str) -> None:
    with pytest.raises(BadRuleParameters, match=says):
        build_rules(overrides)


def test_a_rule_without_values_keeps_its_defaults() -> None:
    assert build_rules({"bin_overflow": None})
