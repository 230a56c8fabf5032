"""Board variables: district, fleet, site, device and rule to choose from, and the address of the API."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from grafana.parts.panels import DATA_SOURCE
from grafana.parts.queries import Series, tag_values
from grafana.parts.wording import Language, Phrase

API: Final = "api"
API_URL: Final = "http://127.0.0.1:8080"
"""The address of the API in the compose file. The browser gets map layers from it."""

ALL: Final = ".*"
"""A pattern that also matches devices without the tag."""
_LABELS: Final = {
    "district": Phrase("District", "区县"),
    "fleet": Phrase("Fleet", "车队"),
    "site": Phrase("Site", "场地"),
    "device": Phrase("Device", "设备"),
    "rule": Phrase("Rule", "规则"),
}
_API_LABEL: Final = Phrase("API for map layers", "地图图层 API 地址")
_API_DESCRIPTION: Final = Phrase(
    "Address of the Haulwatch API as this browser reaches it; sites and corridors on the maps come from there.",
    "本浏览器可访问的 Haulwatch API 地址；地图上的场地和线路由其提供。",
)


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


def api_variable(language: Language) -> Builder[model.VariableModel]:
    """The variable with the address that map layers come from."""
    chosen = model.VariableOption(selected=True, text=API_URL, value=API_URL)
    return (
        dashboard.TextBoxVariable(API)
        .label(_API_LABEL.in_(language))
        .description(_API_DESCRIPTION.in_(language))
        .default_value(API_URL)
        .current(chosen)
        .options([chosen])
        .hide(model.VariableHide.IN_CONTROLS_MENU)
    )
