"""Board variables: district, fleet, site, device and rule to choose from."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from grafana.parts.panels import DATA_SOURCE
from grafana.parts.queries import Series, tag_values
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


def tag_variable(
    tag: str, source: Series, *narrowed_by: str, language: Language, one: bool = False, label: Phrase | None = None
) -> Builder[model.VariableModel]:
    """A variable with the values of a tag, filtered by the variables `narrowed_by`.

    `one`: the viewer chooses exactly one value; otherwise any number or all.
    """
    query = tag_values(tag, source, *source.chosen(*narrowed_by))
    variable = (
        dashboard.QueryVariable(tag)
        .label((label or _LABELS[tag]).in_(language))
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
