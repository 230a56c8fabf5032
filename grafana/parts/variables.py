"""Board variables: district, fleet, site, device and rule to choose from."""

import re
from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from devices.city.model import DeviceRole
from devices.readings import series
from grafana.parts.panels import DATA_SOURCE
from grafana.parts.queries import PLACE, Series, tag_values
from grafana.parts.wording import Language, Phrase

ALL: Final = ".*"
"""A pattern that also matches devices without the tag."""
_LABELS: Final = {
    "district": Phrase("District", "区县"),
    "fleet": Phrase("Fleet", "车队"),
    "site": Phrase("Site", "场地"),
    "device": Phrase("Device", "设备"),
    "rule": Phrase("Rule", "规则"),
}


_CHOICE: Final = re.escape(series.CHOICE_SEPARATOR)


def tag_variable(tag: str, source: Series, *narrowed_by: str, language: Language) -> Builder[model.VariableModel]:
    """A variable with the values of a tag, filtered by the variables `narrowed_by`. The viewer chooses any number or
    all.
    """
    return _query_variable(tag, tag_values(tag, source, *source.chosen(*narrowed_by)), _LABELS[tag], language)


def named_variable(
    name: str,
    *narrowed_by: str,
    language: Language,
    roles: Sequence[DeviceRole] = (),
    one: bool = False,
    label: Phrase | None = None,
) -> Builder[model.VariableModel]:
    """Variable `device` or `site`: the viewer chooses by name, its value is the id.

    `roles`: only of devices in these roles. `one`: exactly one value; otherwise any number or all.
    """
    tag = {"device": "choice", "site": "site_choice"}[name] + ("_zh" if language is Language.ZH else "")
    of_roles = (f"{PLACE['role']} =~ /^({'|'.join(roles)})$/",) if roles else ()
    query = tag_values(tag, PLACE, *PLACE.chosen(*narrowed_by), *of_roles)
    variable = _query_variable(name, query, label or _LABELS[name], language, one=one)
    return variable.regex(f"/^(?<text>.*){_CHOICE}(?<value>.+)$/")


def _query_variable(
    name: str, query: str, label: Phrase, language: Language, *, one: bool = False
) -> dashboard.QueryVariable:
    variable = (
        dashboard.QueryVariable(name)
        .label(label.in_(language))
        .datasource(DATA_SOURCE)
        .query(query)
        .definition(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )
    if one:
        return variable.multi(False).include_all(False)
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return variable.multi(True).include_all(True).all_value(ALL).current(everything)
