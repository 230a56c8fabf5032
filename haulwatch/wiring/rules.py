"""The rules, with the parameters of the rules file."""

from typing import Any

import yaml

from haulwatch.settings.load import Settings
from rules.catalogue import BadRuleParameters, build_rules
from rules.contract.rule import Rule


def configured_rules(settings: Settings) -> list[Rule[Any]]:
    """Every rule of the catalogue. Raises BadRuleParameters."""
    path = settings.rules.file
    if path is None:
        return build_rules()
    try:
        return build_rules(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise BadRuleParameters(f"{path}: {exc}") from exc
