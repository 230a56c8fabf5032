"""The rules, with the parameters of the rules file."""

from collections.abc import Mapping
from typing import Any

from devices.bounded_files import MIB, UnboundedFile, load_yaml, read_bounded
from haulwatch.settings.load import Settings
from rules.catalogue import BadRuleParameters, build_rules
from rules.contract.rule import Rule


def configured_rules(settings: Settings) -> list[Rule[Any]]:
    """Every rule of the catalogue. Raises BadRuleParameters."""
    return build_rules(rule_parameters(settings))


def rule_parameters(settings: Settings) -> Mapping[str, Any]:
    """Parameters that differ from the defaults, by rule. Raises BadRuleParameters if the file cannot be read."""
    path = settings.rules.file
    if path is None:
        return {}
    try:
        values = load_yaml(read_bounded(path, MIB, "keep only the parameters that differ"))
    except (OSError, UnboundedFile) as exc:
        raise BadRuleParameters(f"{path}: {exc}") from exc
    return values or {}
