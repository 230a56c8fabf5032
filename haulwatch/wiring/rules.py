"""The rules, with the parameters of the rules file."""

from typing import Any

from devices.bounded_files import MIB, UnboundedFile, load_yaml, read_bounded
from haulwatch.settings.load import Settings
from rules.catalogue import BadRuleParameters, build_rules
from rules.contract.rule import Rule


def configured_rules(settings: Settings) -> list[Rule[Any]]:
    """Every rule of the catalogue. Raises BadRuleParameters."""
    path = settings.rules.file
    if path is None:
        return build_rules()
    try:
        return build_rules(load_yaml(read_bounded(path, MIB, "keep only the parameters that differ")))
    except (OSError, UnboundedFile) as exc:
        raise BadRuleParameters(f"{path}: {exc}") from exc
