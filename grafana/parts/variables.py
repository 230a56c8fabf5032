"""Board variables: district, fleet, site, device and rule to choose from, by name."""

import re
from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from devices.city.model import DeviceRole
from devices.readings import series
from grafana.parts.panels import DATA_SOURCE
from grafana.parts.queries import PLACE, tag_values
from grafana.parts.wording import RULES, Language, Phrase

ALL: Final = ".*"
"""A pattern that also matches devices without the tag."""
_LABELS: Final = {
    "district": Phrase("District", "区县"),
    "fleet": Phrase("Fleet", "车队"),
    "site": Phrase("Site", "场地"),
    "device": Phrase("Device", "设备"),
    "rule": Phrase("Rule", "规则"),
}
_CHOICES: Final = {
    "district": "district_choice",
    "fleet": "fleet_choice",
    "site": "site_choice",
    "device": "choice",
}
"""The tags of `place` that hold name and id, by variable."""
_SEPARATOR: Final = re.escape(series.CHOICE_SEPARATOR)


def named_variable(
    name: str,
    *narrowed_by: str,
    language: Language,
    roles: Sequence[DeviceRole] = (),
    one: bool = False,
    label: Phrase | None = None,
) -> Builder[model.VariableModel]:
    """Variable `district`, `fleet`, `site` or `device`: the viewer chooses by name, its value is the id.

    `roles`: only of devices in these roles. `one`: exactly one value; otherwise any number or all.
    """
    tag = _CHOICES[name] + ("_zh" if language is Language.ZH else "")
    of_roles = (f"{PLACE['role']} =~ /^({'|'.join(roles)})$/",) if roles else ()
    query = tag_values(tag, PLACE, *PLACE.chosen(*narrowed_by), *of_roles)
    variable = (
        dashboard.QueryVariable(name)
        .label((label or _LABELS[name]).in_(language))
        .datasource(DATA_SOURCE)
        .query(query)
        .definition(query)
        .regex(f"/^(?<text>.*){_SEPARATOR}(?<value>.+)$/")
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )
    if one:
        return variable.multi(False).include_all(False)
    return variable.multi(True).include_all(True).all_value(ALL).current(_everything())


def rule_variable(language: Language) -> Builder[model.VariableModel]:
    """Variable `rule`: any number of the rules of the catalogue, by name."""
    choices = ", ".join(f"{title.in_(language)} : {name}" for name, title in RULES.items())
    return (
        dashboard.CustomVariable("rule")
        .label(_LABELS["rule"].in_(language))
        .values(choices)
        .multi(True)
        .include_all(True)
        .all_value(ALL)
        .current(_everything())
    )


def _everything() -> model.VariableOption:
    return model.VariableOption(selected=True, text=["All"], value=["$__all"])
