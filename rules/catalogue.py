"""Lists all rules and builds them with their parameters. The engine, API, boards and settings read rules only here."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from rules.contract.rule import Parameters, Rule
from rules.detectors import (
    bed_raised_outside,
    bin_fire,
    bin_overflow,
    cannot_be_judged,
    deposit_outside_hours,
    device_clock,
    device_datum,
    forbidden_zone,
    gnss_anomaly,
    illegal_dumping,
    left_jurisdiction,
    manifest_overdue,
    mass_shortfall,
    mixed_haulage,
    outside_permitted_area,
    restricted_hours,
    route_deviation,
    sensor_fault,
    silent_device,
    speeding,
    station_backlog,
    stopped_loaded,
    suspected_site,
    uncovered_load,
    unknown_plate,
    weighbridge_integrity,
)
from rules.detectors.entry import RuleEntry
from rules.manifests.document import LoadBudget

CATALOGUE: Final[tuple[RuleEntry[Any], ...]] = (
    illegal_dumping.RULE,
    bed_raised_outside.RULE,
    route_deviation.RULE,
    suspected_site.RULE,
    forbidden_zone.RULE,
    left_jurisdiction.RULE,
    outside_permitted_area.RULE,
    mixed_haulage.RULE,
    stopped_loaded.RULE,
    uncovered_load.RULE,
    restricted_hours.RULE,
    speeding.RULE,
    manifest_overdue.RULE,
    silent_device.RULE,
    bin_fire.RULE,
    bin_overflow.RULE,
    deposit_outside_hours.RULE,
    station_backlog.RULE,
    weighbridge_integrity.RULE,
    mass_shortfall.RULE,
    unknown_plate.RULE,
    gnss_anomaly.RULE,
    sensor_fault.RULE,
    cannot_be_judged.RULE,
    device_datum.RULE,
    device_clock.RULE,
)
"""Boards list rules in this order; a reading is judged by them in this order."""


def rule_names() -> tuple[str, ...]:
    return tuple(entry.name for entry in CATALOGUE)


def entry_of(name: str) -> RuleEntry[Any] | None:
    """The rule of this name, if there is one."""
    return next((entry for entry in CATALOGUE if entry.name == name), None)


def build_rules(parameters: Mapping[str, Mapping[str, Any]] = MappingProxyType({})) -> list[Rule[Any]]:
    """Every rule; `parameters` by rule and name, all others are the defaults. Raises pydantic's ValidationError."""
    return [entry.judgement(entry.parameters.model_validate(parameters.get(entry.name, {}))) for entry in CATALOGUE]


def corridor_m(rules: Iterable[Rule[Any]]) -> float:
    """Half the width, in metres, of the corridor around an approved route, as one of `rules` judges it.

    Raises LookupError if none of them judges distance from routes.
    """
    for entry, parameters in _with_parameters(rules):
        if entry.corridor_m is not None:
            return entry.corridor_m(parameters)
    raise LookupError("no rule judges distance from approved routes")


def silent_after_s(rules: Iterable[Rule[Any]]) -> Callable[[int], int]:
    """Seconds without a reading after which a device counts as silent, by the seconds at which it reports.

    As one of `rules` judges it. Raises LookupError if none of them judges silence.
    """
    for entry, parameters in _with_parameters(rules):
        if entry.silent_after_s is not None:
            return partial(entry.silent_after_s, parameters)
    raise LookupError("no rule judges silence")


def overdue_at(rules: Iterable[Rule[Any]]) -> Callable[[int, int], int]:
    """When a manifest is overdue that is to depart and to arrive then, ms, as one of `rules` judges it.

    Raises LookupError if none of them judges the time of manifests.
    """
    for entry, parameters in _with_parameters(rules):
        if entry.overdue_at is not None:
            return partial(entry.overdue_at, parameters)
    raise LookupError("no rule judges the time of manifests")


def load_budget(rules: Iterable[Rule[Any]]) -> Callable[[str], LoadBudget]:
    """By what weights of an honest load of a stream differ, as one of `rules` has it; if none does, by scales only."""
    for entry, parameters in _with_parameters(rules):
        if entry.load_budget is not None:
            return partial(entry.load_budget, parameters)
    return lambda stream: LoadBudget()


def _with_parameters(rules: Iterable[Rule[Any]]) -> Iterable[tuple[RuleEntry[Any], Parameters]]:
    parameters = {rule.name: rule.parameters for rule in rules}
    return ((entry, parameters[entry.name]) for entry in CATALOGUE if entry.name in parameters)
