"""Which rules hold for which devices, and when: what a rule set tells the engine.

The engine knows neither files nor versions of rule sets; `rules.rule_sets` implements this.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from devices.city.model import City, Device
from rules.contract.rule import Rule


class Scope(NamedTuple):
    """What a rule set may choose by; None where the city does not say. Devices of one scope have the same rules."""

    district: str | None = None
    """Of the device, else of its site."""
    fleet: str | None = None
    vehicle_kind: str | None = None
    site_kind: str | None = None
    """Of the site that the device stands on."""


def scope_of(device: Device, city: City, ts: int) -> Scope:
    """The scope of a device of this city at `ts` (device time, ms)."""
    vehicle, site = city.vehicle_of(device, ts), city.site_of(device, ts)
    return Scope(
        device.district or (site.district if site is not None else None),
        device.fleet,
        vehicle.kind if vehicle is not None else None,
        site.kind if site is not None else None,
    )


class RulesFrom(NamedTuple):
    """The rules that hold from a minute of the city's day on."""

    minute: int
    rules: Sequence[Rule[Any] | None]
    """In the order of `RuleChoice.rules`; None where the rule is off."""


class RuleChoice(ABC):
    """The rules of a city, and which of them hold where and when."""

    version: int = 0
    """Number of the rule set; 0 where none was applied."""
    rules: Sequence[Rule[Any]]
    """With the parameters of the whole city, in the order of the catalogue, also those that are off. Comparing devices
    is by these."""

    @abstractmethod
    def in_force(self, scope: Scope) -> Sequence[RulesFrom]:
        """The rules that hold for a scope in the course of a day; the first from minute 0 on."""

    def at(self, scope: Scope, minute: int) -> Sequence[Rule[Any] | None]:
        """The rules that hold for a scope at a minute of the city's day."""
        return [part.rules for part in self.in_force(scope) if part.minute <= minute][-1]


class SameEverywhere(RuleChoice):
    """The same rules for every device, at any time."""

    def __init__(self, rules: Sequence[Rule[Any]]) -> None:
        self.rules = tuple(rules)

    def in_force(self, scope: Scope) -> Sequence[RulesFrom]:
        return (RulesFrom(0, self.rules),)
