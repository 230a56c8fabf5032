"""Rules with the parameters of the rules file."""

from pathlib import Path

import pytest

from haulwatch.settings.load import load_settings
from haulwatch.wiring.rules import configured_rules
from rules.rule_sets.model import BadRuleSet


def test_a_rules_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes("# 偏航\n".encode("gb18030"))
    with pytest.raises(BadRuleSet, match=r"rules\.yaml"):
        configured_rules(load_settings({"HAULWATCH_RULES_FILE": str(file)}))
