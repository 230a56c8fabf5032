"""The house style: a board being put together in one language, and a builder for each kind of panel it uses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as model

from grafana.parts.palette import PLAIN, Step
from grafana.parts.queries import SOURCE_TYPE, SOURCE_UID, Query
from grafana.parts.wording import Language, Text

DATA_SOURCE: Final = common_models.DataSourceRef(type_val=SOURCE_TYPE, uid=SOURCE_UID)
PanelBuilder = Builder[model.Panel]


class GridPosition(NamedTuple):
    """On Grafana's grid of 24 columns; a row is 38 pixels, so that 24 rows fill a wall's first screen."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Override:
    """How one column or series differs from the panel's default."""

    name: str
    """A column's, or a series' alias; with `regexp`, a pattern of them."""
    title: Text | None = None
    unit: str | None = None
    colour: str | None = None
    mappings: Mapping[str, tuple[Text, str | None]] | None = None
    """By value: what is said instead, and its colour."""
    steps: Sequence[Step] | None = None
    links: Sequence[tuple[Text, str]] = ()
    """Title and URL."""
    more: Mapping[str, Any] | None = None
    """Further properties by Grafana's own ids."""
    regexp: bool = False


HIDDEN: Final[Mapping[str, Any]] = {"custom.hidden": True}
COLOURED_CELL: Final[Mapping[str, Any]] = {"custom.cellOptions": {"type": "color-background", "mode": "basic"}}
GAUGE_CELL: Final[Mapping[str, Any]] = {"custom.cellOptions": {"type": "gauge", "mode": "basic"}, "min": 0, "max": 100}


class BoardBuilder:
    """One board's panels, in one language, in the house style."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.panels: list[model.Panel] = []

    def say(self, text: Text) -> str:
        return text.in_(self.language)

    def put(  # noqa: PLR0913  (one parameter for each thing a panel must have)
        self,
        builder: PanelBuilder,
        place: GridPosition,
        title: Text,
        description: Text,
        queries: Sequence[Query],
        *,
        unit: str,
        steps: Sequence[Step] = PLAIN,
        overrides: Sequence[Override] = (),
        since: str | None = None,
        every: str | None = None,
        more: Mapping[str, Any] | None = None,
        transformations: Sequence[tuple[str, Mapping[str, Any]]] = (),
    ) -> None:
        """`since`: the panel's own time span (`15m`, `now/d`); `every`: the shortest interval it groups by; `more`:
        field defaults by Grafana's names (`decimals`, `min`, `max`, `noValue`, `color`).
        """
        panel = builder.build()
        panel.id_val = len(self.panels) + 1
        panel.title, panel.description = self.say(title), self.say(description)
        panel.datasource, panel.grid_pos = DATA_SOURCE, model.GridPos(x=place.x, y=place.y, w=place.w, h=place.h)
        panel.targets = list(queries)
        panel.time_from, panel.interval = since, every
        panel.transformations = [model.DataTransformerConfig(name, options=dict(how)) for name, how in transformations]
        fields = panel.field_config = panel.field_config or model.FieldConfigSource()
        defaults = fields.defaults
        defaults.unit, defaults.thresholds = unit, _thresholds(steps)
        for name, value in (more or {}).items():
            setattr(defaults, name, value)
        fields.overrides = [self._override(override) for override in overrides]
        self.panels.append(panel)

    def _override(self, override: Override) -> model.DashboardFieldConfigSourceOverrides:
        properties: dict[str, Any] = {}
        if override.title is not None:
            properties["displayName"] = self.say(override.title)
        if override.unit is not None:
            properties["unit"] = override.unit
        if override.colour is not None:
            properties["color"] = {"mode": "fixed", "fixedColor": override.colour}
        if override.mappings is not None:
            properties["mappings"] = [self.mapping(override.mappings)]
        if override.steps is not None:
            properties["thresholds"] = _thresholds(override.steps)
            properties.setdefault("color", {"mode": "thresholds"})
        if override.links:
            properties["links"] = [{"title": self.say(title), "url": url} for title, url in override.links]
        properties |= override.more or {}
        return model.DashboardFieldConfigSourceOverrides(
            matcher=model.MatcherConfig(id_val="byRegexp" if override.regexp else "byName", options=override.name),
            properties=[model.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()],
        )

    def mapping(self, values: Mapping[str, tuple[Text, str | None]]) -> model.ValueMap:
        return model.ValueMap(
            {
                value: model.ValueMappingResult(text=self.say(text), color=colour, index=index)
                for index, (value, (text, colour)) in enumerate(values.items())
            }
        )


def said(texts: Mapping[Any, Text], colours: Mapping[str, str] | None = None) -> dict[str, tuple[Text, str | None]]:
    """Value mappings of a closed list."""
    return {str(value): (text, (colours or {}).get(str(value))) for value, text in texts.items()}


def named(texts: Mapping[Any, Text], colours: Mapping[str, str]) -> list[Override]:
    """One override for each series of a closed list: its name and its colour."""
    return [Override(str(name), title=text, colour=colours.get(str(name))) for name, text in texts.items()]


def switch(on: Text, off: Text, colour: str, off_colour: str) -> dict[str, tuple[Text, str | None]]:
    """Value mappings of a boolean."""
    return {"true": (on, colour), "false": (off, off_colour)}


def number() -> PanelBuilder:
    """One large figure."""
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(common_models.BigValueColorMode.VALUE)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .text_mode(common_models.BigValueTextMode.VALUE)
    )


def lines(*, fill: int = 8, by_value: bool = False, legend: bool = True) -> PanelBuilder:
    """Curves. `by_value`: coloured by the thresholds, for many curves of one kind."""
    built = (
        timeseries.Panel()
        .line_width(1.5)
        .fill_opacity(0 if by_value else fill)
        .show_points(common_models.VisibilityMode.AUTO)
        .point_size(4)
        .span_nulls(300_000)
        .legend(_legend(shown=legend))
        .tooltip(_tooltip())
    )
    return built.gradient_mode(common_models.GraphGradientMode.SCHEME) if by_value else built


def bars() -> PanelBuilder:
    """Amounts per interval, stacked."""
    return (
        timeseries.Panel()
        .draw_style(common_models.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .line_width(0)
        .stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
        .legend(_legend())
        .tooltip(_tooltip())
    )


def listing(*, sort: str | None = None) -> PanelBuilder:
    """A table; `sort`: the column it is sorted by, largest first."""
    built = table.Panel().filterable(True).cell_height(common_models.TableCellHeight.SM)
    return built.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)]) if sort else built


def columns(*, stacked: bool = False) -> PanelBuilder:
    """Bars side by side, one group for each row of a table."""
    stacking = common_models.StackingMode.NORMAL if stacked else common_models.StackingMode.NONE
    return (
        barchart.Panel()
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .stacking(stacking)
        .show_value(common_models.VisibilityMode.AUTO)
        .bar_width(0.8)
        .fill_opacity(85)
        .legend(_legend())
        .tooltip(_tooltip())
    )


def gauges() -> PanelBuilder:
    """A bar for each series, its newest value."""
    return (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .value_mode(common_models.BarGaugeValueMode.TEXT)
    )


def timeline() -> PanelBuilder:
    """States over time, one row for each series."""
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(common_models.VisibilityMode.NEVER)
        .row_height(0.8)
        .fill_opacity(85)
        .line_width(0)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.SINGLE))
    )


def _legend(*, shown: bool = True) -> Builder[common_models.VizLegendOptions]:
    return (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(shown)
    )


def _tooltip() -> Builder[common_models.VizTooltipOptions]:
    return (
        common.VizTooltipOptions()
        .mode(common_models.TooltipDisplayMode.MULTI)
        .sort(common_models.SortOrder.DESCENDING)
        .hide_zeros(True)
    )


def _thresholds(steps: Sequence[Step]) -> model.ThresholdsConfig:
    return model.ThresholdsConfig(
        model.ThresholdsMode.ABSOLUTE, [model.Threshold(value=value, color=colour) for value, colour in steps]
    )
