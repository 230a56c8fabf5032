"""Lists all rules and builds them with their parameters. The engine, API, boards and settings read rules only here."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from devices.errors import OperatorError
from rules.contract.rule import Parameters, Rule
from rules.detectors import (
    bed_raised_outside,
    bin_fire,
    bin_overflow,
    cannot_be_judged,
    device_clock,
    device_datum,
    forbidden_zone,
    gnss_anomaly,
    illegal_dumping,
    left_jurisdiction,
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

CATALOGUE: Final[tuple[RuleEntry[Any], ...]] = (
    illegal_dumping.RULE,
    bed_raised_outside.RULE,
    route_deviation.RULE,
    suspected_site.RULE,
    forbidden_zone.RULE,
    left_jurisdiction.RULE,
    stopped_loaded.RULE,
    uncovered_load.RULE,
    restricted_hours.RULE,
    speeding.RULE,
    silent_device.RULE,
    bin_fire.RULE,
    bin_overflow.RULE,
    station_backlog.RULE,
    weighbridge_integrity.RULE,
    unknown_plate.RULE,
    gnss_anomaly.RULE,
    sensor_fault.RULE,
    cannot_be_judged.RULE,
    device_datum.RULE,
    device_clock.RULE,
)
"""Boards list rules in this order; a reading is judged by them in this order."""


class BadRuleParameters(OperatorError):
    """A rule or parameter that does not exist, or a value it cannot have; the message names it and the choices."""


def rule_names() -> tuple[str, ...]:
    return tuple(entry.name for entry in CATALOGUE)


def build_rules(overrides: Mapping[str, Any] | None = None) -> list[Rule[Any]]:
    """Every rule with its default parameters, those named in `overrides` replaced.

    `overrides` maps rule → parameter → value, as read from a YAML file: `{"bin_overflow": {"full_pct": 85}}`.
    Raises BadRuleParameters.
    """
    overrides = overrides or {}
    unknown = sorted(str(name) for name in overrides if name not in rule_names())
    if unknown:
        raise BadRuleParameters(f"no rule {', '.join(unknown)}: there are {', '.join(rule_names())}")
    return [entry.judgement(_parameters(entry, overrides.get(entry.name))) for entry in CATALOGUE]


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


def _with_parameters(rules: Iterable[Rule[Any]]) -> Iterable[tuple[RuleEntry[Any], Parameters]]:
    parameters = {rule.name: rule.parameters for rule in rules}
    return ((entry, parameters[entry.name]) for entry in CATALOGUE if entry.name in parameters)


def _parameters(entry: RuleEntry[Any], values: Any) -> Parameters:
    if values is not None and not isinstance(values, Mapping):
        raise BadRuleParameters(f"{entry.name}: give parameters as `name: value`, found {values!r}")
    model: type[Parameters] = entry.parameters
    try:
        return model.model_validate(dict(values or {}))
    except ValidationError as exc:
        raise BadRuleParameters("; ".join(_complaint(entry, error) for error in exc.errors())) from exc


def _complaint(entry: RuleEntry[Any], error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{entry.name}.{field}: no such parameter: there are {', '.join(entry.parameters.model_fields)}"
    return f"{entry.name}.{field}: {error['msg']} (found {error['input']!r})"
