"""A rule set in the raw log: whole, and readable by later versions."""

import json

import pytest

from rules.catalogue import rule_names
from rules.contract.rule_choice import Scope
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet, RuleSet
from rules.rule_sets.reading import read_rule_set
from rules.rule_sets.record import pack, unpack
from rules.rule_sets.shipped import with_shipped
from tests.rules.rule_sets.test_reading import CITY, value


def choice() -> RuleSetChoice:
    own = with_shipped(read_rule_set(CITY.encode(), "rules.yaml"))
    return RuleSetChoice(RuleSet(own.city_wide, own.exceptions, 7))


def test_what_is_read_back_holds_for_every_combination() -> None:
    before, after = choice(), unpack(pack(choice()))
    assert after.version == 7
    for scope in before.scopes():
        for there, here in zip(before.in_force(scope), after.in_force(scope), strict=True):
            assert there.minute == here.minute
            assert [rule and rule.parameters for rule in there.rules] == [
                rule and rule.parameters for rule in here.rules
            ]


def test_it_pins_the_defaults_of_every_rule() -> None:
    packed = json.loads(pack(choice()))
    assert packed["city_wide"].keys() == set(rule_names())
    assert packed["city_wide"]["bin_overflow"]["parameters"]["full_pct"] == 90


def test_records_of_earlier_versions_have_parameters_only() -> None:
    old = unpack(b'{"speeding": {"limit_kmh": 85}}')
    assert (old.version, value(old, "speeding", "limit_kmh", Scope())) == (0, 85)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b'{"witchcraft": {}}', b'{"city_wide": 3}', b'{"speeding": {"limit_kmh": "x"}}']
)
def test_a_record_that_cannot_be_used_says_why(payload: bytes) -> None:
    with pytest.raises(BadRuleSet):
        unpack(payload)
