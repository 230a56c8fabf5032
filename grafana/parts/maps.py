"""Map panels: markers from the store; sites, corridors and zones as GeoJSON from the API.

The base map is the server's default one (`default_baselayer_config` of Grafana). Boards name no tile server, so that a
centre without internet can configure its own in Grafana, or none. A layer's address has no variable: Grafana would make
the whole map anew at every refresh.
"""

from typing import Any, Final

from grafana_foundation_sdk.builders import common, geomap
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import geomap as geomap_models

from grafana.parts.palette import GREY, ZONE
from grafana.parts.panels import BoardBuilder, Override, PanelBuilder
from grafana.parts.wording import Phrase

Layer = Builder[common_models.MapLayerOptions]

CIRCLE: Final = "img/icons/marker/circle.svg"
RING: Final = "img/icons/marker/square.svg"
STAR: Final = "img/icons/marker/star.svg"
TRIANGLE: Final = "img/icons/marker/triangle.svg"
_SITES: Final = Phrase("Sites", "场地")
_CORRIDORS: Final = Phrase("Corridors", "核准线路")
_ZONES: Final = Phrase("Zones", "区域")
_ZONE_OPACITY: Final = 0.08
"""An area of jurisdiction covers the map: the streets must be read through it."""
AREAS_NOTE: Final = Phrase(
    "Sites, corridors (grey) and zones come from the API: if they are missing, this browser cannot reach it. Zones: "
    "pink, closed to trucks; blue, the area of jurisdiction; green, permitted areas.",
    "场地、核准线路（灰色）与区域由 API 提供，缺失时请检查本浏览器能否访问该 API。"
    "区域：粉色为禁行区，蓝色为辖区，绿色为许可区域。",
)
"""Ends the description of every map."""


_CLOSEST_ZOOM: Final = 16
"""A street fills the map. Grafana comes no closer to a layer than `zoom`; the SDK's default is the whole world."""


def map_panel(layers: list[Layer], *, fit: str) -> PanelBuilder:
    """A map that zooms to the layer named `fit`: sites in far counties must not push the trucks into a corner."""
    view = (
        geomap.MapViewConfig()
        .id(geomap_models.MapCenterID.FIT)
        .all_layers(False)
        .layer(fit)
        .padding(8)
        .zoom(_CLOSEST_ZOOM)
    )
    controls = geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(True).show_attribution(True).show_scale(True)
    return (
        geomap.Panel()
        .view(view)
        .controls(controls)
        .basemap(common.MapLayerOptions().type("default").name("Basemap").config({}))
        .layers(layers)
        .tooltip(geomap.TooltipOptions().mode(geomap_models.TooltipMode.DETAILS))
    )


NOT_IN_TOOLTIP: Final = tuple(
    Override(name, more={"custom.hideFrom": {"tooltip": True, "viz": False, "legend": False}})
    for name in ("lat", "lon", "device")
)
"""Overrides of each map: what its rows have for the map, but not for people."""


def described(what: Phrase) -> Phrase:
    """The description of a map: what it shows, and what lies below that."""
    return Phrase(f"{what.en} {AREAS_NOTE.en}", f"{what.zh}{AREAS_NOTE.zh}")


def area_layers(builder: BoardBuilder) -> list[Layer]:
    """Layers of zones, corridors and sites, below all other layers."""
    return [
        _geojson(builder.localize(_ZONES), builder.layer_url("zones"), _style(GREY, _ZONE_OPACITY), _BY_KIND),
        _geojson(builder.localize(_CORRIDORS), builder.layer_url("corridors"), _style(GREY)),
        _geojson(builder.localize(_SITES), builder.layer_url("sites"), _style(GREY)),
    ]


def marker_layer(
    name: str, colour: dict[str, str], size: int, symbol: str = CIRCLE, label: str | None = None, ref: str | None = None
) -> Layer:
    """A marker for each row with `lat` and `lon`. `colour`: {"fixed": …} or {"field": …, "fixed": …}. `ref`: the query
    of the rows, if the panel has several.
    """
    style: dict[str, Any] = {
        "color": colour,
        "opacity": 0.85,
        "size": {"fixed": size, "min": 2, "max": 15},
        "symbol": {"mode": "fixed", "fixed": symbol},
        "symbolAlign": {"horizontal": "center", "vertical": "center"},
        "rotation": {"fixed": 0, "mode": "mod", "min": -360, "max": 360},
    }
    if label is not None:
        style["text"] = {"mode": "field", "field": label, "fixed": ""}
        style["textConfig"] = {"fontSize": 12, "offsetX": 0, "offsetY": size + 10, "textAlign": "center"}
    return _from_rows("markers", name, {"showLegend": "field" in colour, "style": style}, ref)


def route_layer(name: str, colour: dict[str, str], ref: str | None = None) -> Layer:
    """A line through the rows, in the order of time."""
    style = {"color": colour, "opacity": 1, "size": {"fixed": 4, "min": 1, "max": 8}, "lineWidth": 3}
    return _from_rows("route", name, {"style": style, "arrow": 1}, ref)


def _from_rows(kind: str, name: str, config: dict[str, Any], ref: str | None) -> Layer:
    coordinates = (
        common.FrameGeometrySource().mode(common_models.FrameGeometrySourceMode.COORDS).latitude("lat").longitude("lon")
    )
    layer = common.MapLayerOptions().type(kind).name(name).config(config).location(coordinates).tooltip(True)
    return layer if ref is None else layer.filter_data({"id": "byRefId", "options": ref})


def _style(colour: str, opacity: float = 0.35) -> dict[str, Any]:
    return {"color": {"fixed": colour}, "opacity": opacity, "lineWidth": 2}


_BY_KIND: Final = tuple(
    {"style": _style(colour, _ZONE_OPACITY), "check": {"property": "kind", "operation": "eq", "value": kind}}
    for kind, colour in ZONE.items()
)
"""The style of a zone by its kind."""


def _geojson(name: str, url: str, style: dict[str, Any], rules: tuple[dict[str, Any], ...] = ()) -> Layer:
    config = {"src": url, "style": style, "rules": list(rules)}
    return common.MapLayerOptions().type("geojson").name(name).config(config)
