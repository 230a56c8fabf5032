"""What a viewer chooses: district, fleet, site, device, rule, and where the API answers."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from grafana.parts.panels import DATA_SOURCE
from grafana.parts.queries import Series, tag_values
from grafana.parts.wording import Language, Text

API: Final = "api"
API_URL: Final = "http://127.0.0.1:8080"
"""Where compose puts the API; the browser asks there for map layers."""

ALL: Final = ".*"
"""Matches devices without the tag, too."""
_LABELS: Final = {
    "district": Text("District", "区县"),
    "fleet": Text("Fleet", "车队"),
    "site": Text("Site", "场地"),
    "device": Text("Device", "设备"),
    "rule": Text("Rule", "规则"),
}
_API_LABEL: Final = Text("API for map layers", "地图图层 API 地址")
_API_SAYS: Final = Text(
    "Address of the Haulwatch API as this browser reaches it; sites and corridors on the maps come from there.",
    "本浏览器可访问的 Haulwatch API 地址；地图上的场地和线路由其提供。",
)


def chosen_tag(
    tag: str, source: Series, *narrowed_by: str, language: Language, one: bool = False, label: Text | None = None
) -> Builder[model.VariableModel]:
    """Values of a tag, narrowed by what was chosen before. `one`: exactly one of them, else any number or all."""
    query = tag_values(tag, source, *source.chosen(*narrowed_by))
    built = (
        dashboard.QueryVariable(tag)
        .label((label or _LABELS[tag]).in_(language))
        .datasource(DATA_SOURCE)
        .query(query)
        .definition(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )
    if one:
        return built.multi(False).include_all(False)
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return built.multi(True).include_all(True).all_value(ALL).current(everything)


def api_url(language: Language) -> Builder[model.VariableModel]:
    """Where map layers come from."""
    chosen = model.VariableOption(selected=True, text=API_URL, value=API_URL)
    return (
        dashboard.TextBoxVariable(API)
        .label(_API_LABEL.in_(language))
        .description(_API_SAYS.in_(language))
        .default_value(API_URL)
        .current(chosen)
        .options([chosen])
        .hide(model.VariableHide.IN_CONTROLS_MENU)
    )
