"""The exceptions that come with Haulwatch: kinds of vehicle that are built and work otherwise than a tipper.

They come before those of a city, which win where they are as specific.
"""

from functools import cache
from importlib.resources import files
from typing import Final

from msgspec.structs import replace

from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet, RuleSet
from rules.rule_sets.reading import read_rule_set

_FILE: Final = "shipped.yaml"


@cache
def shipped() -> RuleSet:
    return read_rule_set((files(__package__) / _FILE).read_bytes(), _FILE)


def shipped_rules() -> RuleSetChoice:
    """What holds where a city has no rule set."""
    return RuleSetChoice(shipped())


def with_shipped(own: RuleSet) -> RuleSet:
    """The rule set of a city, after the shipped one."""
    ours = shipped()
    return replace(own, city_wide={**ours.city_wide, **own.city_wide}, exceptions=(*ours.exceptions, *own.exceptions))


def checked(content: bytes, name: str, version: int) -> RuleSetChoice:
    """The rules of a rule set in YAML, after the shipped one. Raises BadRuleSet, whose faults begin with `name`."""
    own = with_shipped(read_rule_set(content, name))
    try:
        return RuleSetChoice(replace(own, version=version))
    except BadRuleSet as exc:
        raise BadRuleSet([fault._replace(file=name) for fault in exc.found]) from exc
