"""The exceptions that come with Haulwatch: kinds of vehicle that are built and work otherwise than a tipper.

They come before those of a city, which win where they are as specific.
"""

from functools import cache
from importlib.resources import files
from typing import Final

from msgspec.structs import replace

from rules.rule_sets.model import RuleSet
from rules.rule_sets.reading import read_rule_set

_FILE: Final = "shipped.yaml"


@cache
def shipped() -> RuleSet:
    return read_rule_set((files(__package__) / _FILE).read_bytes(), _FILE)


def with_shipped(own: RuleSet) -> RuleSet:
    """The rule set of a city, after the shipped one."""
    ours = shipped()
    return replace(own, city_wide={**ours.city_wide, **own.city_wide}, exceptions=(*ours.exceptions, *own.exceptions))
