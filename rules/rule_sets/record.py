"""A rule set as a record of the raw log: whole, so that what was judged by it can be judged again by any later version.

    {"version": 7, "city_wide": {rule: {"parameters": …, "on": …}}, "exceptions": […]}

All parameters of every rule are in it, defaults too, and the shipped exceptions. Records of earlier versions are
`{rule: {parameter: value}}`.
"""

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from rules.catalogue import rule_names
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet, Change, RuleSet

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
        raise BadRuleSet([f"cannot be read: {exc}"]) from exc
    named = {*own.city_wide, *(rule for exception in own.exceptions for rule in exception.rules)}
    if unknown := sorted(named.difference(rule_names())):
        raise BadRuleSet([f"no rule {', '.join(unknown)}"])
    return RuleSetChoice(own)
