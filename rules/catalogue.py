"""All rules, and how their parameters are set. A new rule has its line here."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from devices.errors import OperatorError
from rules.contract.rule import Parameters, Rule
from rules.detectors.bin_overflow.judgement import BinOverflow, BinOverflowParameters
from rules.detectors.illegal_dumping.judgement import IllegalDumping
from rules.detectors.illegal_dumping.score import IllegalDumpingParameters
from rules.detectors.route_deviation.judgement import RouteDeviation, RouteDeviationParameters
from rules.detectors.silent_device.judgement import SilentDevice, SilentDeviceParameters

_RULES: Final[Mapping[str, tuple[Any, type[Parameters]]]] = {
    RouteDeviation.name: (RouteDeviation, RouteDeviationParameters),
    IllegalDumping.name: (IllegalDumping, IllegalDumpingParameters),
    BinOverflow.name: (BinOverflow, BinOverflowParameters),
    SilentDevice.name: (SilentDevice, SilentDeviceParameters),
}


class BadRuleParameters(OperatorError):
    """A rule or parameter that does not exist, or a value it cannot have; the message names it and what there is."""


def rule_names() -> tuple[str, ...]:
    return tuple(_RULES)


def build_rules(overrides: Mapping[str, Any] | None = None) -> list[Rule[Any]]:
    """Every rule with its default parameters, those named in `overrides` replaced.

    `overrides` maps rule → parameter → value, as read from a YAML file: `{"bin_overflow": {"full_pct": 85}}`.
    Raises BadRuleParameters.
    """
    overrides = overrides or {}
    unknown = sorted(str(name) for name in overrides if name not in _RULES)
    if unknown:
        raise BadRuleParameters(f"no rule {', '.join(unknown)}: there are {', '.join(_RULES)}")
    return [rule(_parameters(name, model, overrides.get(name))) for name, (rule, model) in _RULES.items()]


def _parameters(name: str, model: type[Parameters], values: Any) -> Parameters:
    if values is not None and not isinstance(values, Mapping):
        raise BadRuleParameters(f"{name}: give parameters as `name: value`, found {values!r}")
    try:
        return model.model_validate(dict(values or {}))
    except ValidationError as exc:
        raise BadRuleParameters("; ".join(_complaint(name, model, error) for error in exc.errors())) from exc


def _complaint(name: str, model: type[Parameters], error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{name}.{field}: no such parameter: there are {', '.join(model.model_fields)}"
    return f"{name}.{field}: {error['msg']} (found {error['input']!r})"
