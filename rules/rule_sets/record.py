"""A rule set as a record of the raw log: whole, so that what was judged by it can be judged again by any later version.

    {"version": 7, "city_wide": {rule: {"parameters": …, "on": …}}, "exceptions": […]}

All parameters of every rule are in it, defaults too, and the shipped exceptions. Records of earlier versions are
`{rule: {parameter: value}}`.
"""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from rules.alerts.model import Text
from rules.catalogue import rule_names
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet, Change, RuleSet, RuleSetFault

_KEY: Final = "city_wide"


def pack(choice: RuleSetChoice) -> bytes:
    """Equal rule sets of one version give equal bytes."""
    own = choice.rule_set
    whole = {
        rule.name: Change(rule.parameters.model_dump(mode="json"), on=own.overlaid(rule.name, ()).on)
        for rule in choice.rules
    }
    return msgspec.json.encode(replace(own, city_wide=whole), order="deterministic")


def unpack(payload: bytes) -> RuleSetChoice:
    """The inverse. Raises BadRuleSet: damaged, or this version of Haulwatch has other rules or parameters."""
    try:
        found: dict[str, Any] = msgspec.json.decode(payload, type=dict[str, Any])
        if _KEY in found:
            own = msgspec.convert(found, RuleSet)
        else:
            own = RuleSet({rule: Change(parameters) for rule, parameters in found.items()})
    except msgspec.MsgspecError as exc:
        raise BadRuleSet([RuleSetFault(Text(en=f"cannot be read: {exc}", zh=f"无法读取：{exc}"))]) from exc
    named = {*own.city_wide, *(rule for exception in own.exceptions for rule in exception.rules)}
    if unknown := sorted(named.difference(rule_names())):
        named_unknown = ", ".join(unknown)
        raise BadRuleSet([RuleSetFault(Text(en=f"no rule {named_unknown}", zh=f"没有规则 {named_unknown}"))])
    return RuleSetChoice(own)
