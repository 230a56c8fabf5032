"""Suspected sites on several boards: their markers on a map, their columns, and the query of those nobody dismissed."""

from typing import Final

from grafana.parts import palette
from grafana.parts.maps import TRIANGLE, Layer, marker_layer
from grafana.parts.panels import BoardBuilder, Override, value_mappings
from grafana.parts.queries import SUSPECTED_SITE
from grafana.parts.wording import SUSPECTED_KINDS, SUSPECTED_STATES, Phrase

_NARROW: Final = {"custom.width": 90}
NOTE: Final = Phrase(
    "Triangles are suspected sites, orange where nobody has decided: they accuse nobody.",
    "三角形为疑似非法场地（橙色为待核查），仅为线索，不构成认定。",
)
"""For the description of a map with the layer."""


def suspected(*columns: str, limit: int = 200) -> str:
    """A query of the suspected sites that nobody dismissed, newest proposal first, of the whole city."""
    return SUSPECTED_SITE.select(
        SUSPECTED_SITE.columns(*columns),
        f"{SUSPECTED_SITE['state']} != 'dismissed'",
        rest=f"ORDER BY time DESC LIMIT {limit}",
        always=True,
    )


def suspected_places() -> str:
    """The query behind `layer`."""
    return suspected("lat", "lon", "state", "kind", "trucks", "visits", "days")


def layer(builder: BoardBuilder, ref: str) -> Layer:
    """A triangle for each, in the colour of its state."""
    name = builder.localize(Phrase("Suspected sites", "疑似非法场地"))
    return marker_layer(name, {"field": "state", "fixed": palette.GREY}, 8, TRIANGLE, ref=ref)


def overrides() -> list[Override]:
    """Overrides for what a table and a tooltip show of them."""
    return [
        Override("state", title=Phrase("State", "状态"), mappings=value_mappings(SUSPECTED_STATES, palette.SUSPECTED)),
        Override("kind", title=Phrase("Kind", "类型"), mappings=value_mappings(SUSPECTED_KINDS)),
        Override("trucks", title=Phrase("Trucks", "车辆"), more=_NARROW),
        Override("visits", title=Phrase("Visits", "次数"), more=_NARROW),
        Override("days", title=Phrase("Days", "天数"), more=_NARROW),
    ]
