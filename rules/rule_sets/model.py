"""A rule set as data: parameters of the whole city, and exceptions for some devices or some hours.

The most specific exception wins: the one with more conditions, of equals the later one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec import Struct, field

from devices.city.hours import Hours, hours_of_day
from devices.errors import OperatorError
from rules.alerts.model import Text
from rules.contract.rule_choice import Scope

PLACES: Final = ("district", "fleet", "vehicle_kind", "site_kind")
"""Conditions on a device; each is a field of `Scope`. The only other condition is `hours`."""


class Change(Struct, frozen=True):
    """What a rule set has about one rule."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Those that differ; values as in YAML."""
    on: bool | None = None
    """False: nothing is judged by it. None: as before."""


Changes = Mapping[str, Change]
"""By rule."""


class Where(Struct, frozen=True):
    """For which devices, and when. No values of a place: any."""

    district: tuple[str, ...] = ()
    fleet: tuple[str, ...] = ()
    vehicle_kind: tuple[str, ...] = ()
    site_kind: tuple[str, ...] = ()
    hours: str = ""
    """`22:00-06:00`, by the city's clocks; empty: at any time."""

    @property
    def conditions(self) -> int:
        return sum(bool(getattr(self, place)) for place in PLACES) + bool(self.hours)

    def covers(self, scope: Scope) -> bool:
        """True if it holds for such devices, at some time of the day."""
        return all(
            not wanted or value in wanted
            for wanted, value in (
                (self.district, scope.district),
                (self.fleet, scope.fleet),
                (self.vehicle_kind, scope.vehicle_kind),
                (self.site_kind, scope.site_kind),
            )
        )

    def span(self) -> Hours | None:
        return hours_of_day(self.hours) if self.hours else None

    def __str__(self) -> str:
        parts = [f"{place} {' or '.join(getattr(self, place))}" for place in PLACES if getattr(self, place)]
        return ", ".join([*parts, self.hours] if self.hours else parts)


class RuleException(Struct, frozen=True):
    """Other parameters where and when a condition holds."""

    where: Where
    rules: Changes
    why: str = ""
    """For people."""


class RuleSet(Struct, frozen=True):
    """All that a city has decided about its rules."""

    city_wide: Changes = field(default_factory=dict)
    exceptions: Sequence[RuleException] = ()
    version: int = 0
    """Number in the registry; 0: none was applied, or not yet."""

    def overlaid(self, rule: str, indexes: Sequence[int]) -> Change:
        """What holds of a rule where these exceptions do, the least specific of which comes first."""
        parameters: dict[str, Any] = {}
        on = True
        for change in (self.city_wide.get(rule), *(self.exceptions[index].rules.get(rule) for index in indexes)):
            if change is not None:
                parameters |= change.parameters
                on = on if change.on is None else change.on
        return Change(parameters, on)

    def in_order(self) -> list[int]:
        """Indexes of the exceptions, the least specific first."""
        return sorted(range(len(self.exceptions)), key=lambda index: (self.exceptions[index].where.conditions, index))


class RuleSetFault(NamedTuple):
    """One fault of a rule set."""

    hint: Text
    """What is wrong there, and what to do."""
    key: str = ""
    """The parameter, as `exceptions[2].rules.speeding.limit_kmh`; empty: the whole file."""
    line: int | None = None
    """From 1; None where no single line is at fault."""
    file: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.hint.en) if part)


class BadRuleSet(OperatorError):
    """A rule set that cannot hold; the message has a line for each fault."""

    def __init__(self, found: Sequence[RuleSetFault]) -> None:
        self.found = tuple(found)
        self.faults = tuple(map(str, self.found))
        super().__init__("\n".join(self.faults))
