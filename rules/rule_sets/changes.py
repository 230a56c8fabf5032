"""What differs between two rule sets, in the words of their files."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import Change

ON: Final = "on"
"""Stands for a parameter: whether a rule is on."""
CITY: Final = ""
"""Stands for a condition: the whole city."""


class Difference(NamedTuple):
    """One value that differs; None: it is not there."""

    where: str
    rule: str
    parameter: str
    before: Any
    after: Any


def differences(before: RuleSetChoice, after: RuleSetChoice) -> list[Difference]:
    """In the order of the catalogue, first those of the whole city."""
    there, here = dict(_values(before)), dict(_values(after))
    keys = sorted(dict.fromkeys((*there, *here)), key=lambda key: (key[0] != CITY, key[0]))
    return [Difference(*key, there.get(key), here.get(key)) for key in keys if there.get(key) != here.get(key)]


def _values(choice: RuleSetChoice) -> Iterator[tuple[tuple[str, str, str], Any]]:
    """By condition, rule and parameter: all values of the whole city, and what each exception says."""
    own = choice.rule_set
    for rule in choice.rules:
        yield (CITY, rule.name, ON), own.overlaid(rule.name, ()).on
        for parameter, value in rule.parameters.model_dump(mode="json").items():
            yield (CITY, rule.name, parameter), value
    for exception in own.exceptions:
        for name, change in exception.rules.items():
            for parameter, value in stated(change).items():
                yield (str(exception.where), name, parameter), value


def stated(change: Change) -> Mapping[str, Any]:
    """What is said of one rule, by parameter; `on` stands for one."""
    return {**change.parameters} if change.on is None else {ON: change.on, **change.parameters}
