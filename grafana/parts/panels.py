"""The board builder, which collects panels in one language, and a function for each kind of panel in our style."""

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
from grafana_foundation_sdk.models import statetimeline as statetimeline_models

from grafana.parts.palette import PLAIN, ThresholdStep
from grafana.parts.queries import SOURCE_TYPE, SOURCE_UID, Query
from grafana.parts.wording import Language, Phrase

DATA_SOURCE: Final = common_models.DataSourceRef(type_val=SOURCE_TYPE, uid=SOURCE_UID)
PanelBuilder = Builder[model.Panel]


class GridPosition(NamedTuple):
    """Position and size on Grafana's grid of 24 columns. A row is 38 pixels: 24 rows fill a wall display."""

    x: int
    y: int
    w: int
    h: int


class Transformation(NamedTuple):
    """A change that Grafana makes to the answers before it draws them."""

    name: str
    how: Mapping[str, Any]
    refs: str | None = None
    """The query, or a pattern of the queries, that it changes; None: all."""


@dataclass(frozen=True, slots=True)
class Override:
    """Options of one column or series that differ from the panel's defaults."""

    name: str
    """Name of a column or alias of a series; with `regexp`, a pattern."""
    title: Phrase | None = None
    unit: str | None = None
    colour: str | None = None
    mappings: Mapping[str, tuple[Phrase, str | None]] | None = None
    """The text shown instead of a value, and its colour, by value."""
    steps: Sequence[ThresholdStep] | None = None
    links: Sequence[tuple[Phrase, str]] = ()
    """Title and URL."""
    more: Mapping[str, Any] | None = None
    """Further properties by Grafana's ids."""
    regexp: bool = False

    @property
    def has_colours(self) -> bool:
        """True if values have colours."""
        return self.steps is not None or any(colour for _, colour in (self.mappings or {}).values())


_BAR_TEXT_PX: Final = 16
_COLUMN_PX: Final = 80
"""Least width of a column: with Grafana's 150, five of them do not fit beside a map on a laptop."""
_MAX_BARS: Final = 72
"""Of one panel: more are too thin to be seen across a room."""

PER_SECOND: Final = "suffix:/s"
"""Unit of rates. Grafana's own name of it is "c/s"."""

BY_NAME: Final = model.FieldColor(mode=model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)
"""For series whose names are not known beforehand, such as devices: a name has one colour on every board."""

HIDDEN: Final[Mapping[str, Any]] = {"custom.hidden": True}
COLOURED_CELL: Final[Mapping[str, Any]] = {"custom.cellOptions": {"type": "color-background", "mode": "basic"}}
COLOURED_TEXT: Final[Mapping[str, Any]] = {"custom.cellOptions": {"type": "color-text"}}
WRAPPED_TEXT: Final[Mapping[str, Any]] = {"custom.cellOptions": {"type": "auto", "wrapText": True}}
GAUGE_CELL: Final[Mapping[str, Any]] = {"custom.cellOptions": {"type": "gauge", "mode": "basic"}, "min": 0, "max": 100}


class BoardBuilder:
    """Collects the panels of one board in one language."""

    def __init__(self, language: Language, api_url: str, map_token: str | None = None) -> None:
        """`api_url`: the address of the API as the viewer's browser reaches it; map layers come from there.

        `map_token` opens them, if they are not public.
        """
        self.language = language
        self._geo = f"{api_url}/geo"
        self._query = "" if map_token is None else f"?token={map_token}"
        self.panels: list[model.Panel] = []

    def layer_url(self, layer: str) -> str:
        """Where a map layer of the API comes from."""
        return f"{self._geo}/{layer}.geojson{self._query}"

    def localize(self, phrase: Phrase) -> str:
        return phrase.in_(self.language)

    def add_panel(  # noqa: PLR0913  (one parameter for each thing a panel must have)
        self,
        panel_builder: PanelBuilder,
        position: GridPosition,
        title: Phrase,
        description: Phrase,
        queries: Sequence[Query],
        *,
        unit: str,
        steps: Sequence[ThresholdStep] = PLAIN,
        overrides: Sequence[Override] = (),
        since: str | None = None,
        every: str | None = None,
        more: Mapping[str, Any] | None = None,
        transformations: Sequence[Transformation] = (),
    ) -> None:
        """Add a panel.

        `since`: time span of the panel (`15m`, `now/d`), if it is not the board's; its description must name it, since
        Grafana's badge with the span would cover the title. `every`: shortest interval to group by. `more`: field
        defaults by the SDK's names (`decimals`, `min_val`, `max_val`, `no_value`, `color`).

        Raises AttributeError for a name in `more` that the SDK does not have.
        """
        panel = panel_builder.build()
        if isinstance(panel.options, statetimeline_models.Options):
            panel.options.per_page = 0  # no pager below a few rows; the builder takes no 0
        panel.id_val = len(self.panels) + 1
        panel.title, panel.description = self.localize(title), self.localize(description)
        panel.datasource, panel.grid_pos = (
            DATA_SOURCE,
            model.GridPos(x=position.x, y=position.y, w=position.w, h=position.h),
        )
        panel.targets = list(queries)
        panel.time_from, panel.interval = since, every
        panel.hide_time_override = True if since else None
        panel.transformations = [
            model.DataTransformerConfig(
                name,
                options=dict(how),
                filter_val=model.MatcherConfig(id_val="byRefId", options=refs) if refs else None,
            )
            for name, how, refs in transformations
        ]
        fields = panel.field_config = panel.field_config or model.FieldConfigSource()
        defaults = fields.defaults
        defaults.unit, defaults.thresholds = unit, _thresholds(steps)
        defaults.decimals = 0 if unit == "none" else None  # a count
        for name, value in (more or {}).items():
            if not hasattr(defaults, name):
                raise AttributeError(f"{title.en}: the SDK's field options have no {name!r}")
            setattr(defaults, name, value)
        fields.overrides = [self._override(override, in_table=panel.type_val == "table") for override in overrides]
        self.panels.append(panel)

    def _override(self, override: Override, *, in_table: bool) -> model.DashboardFieldConfigSourceOverrides:
        properties: dict[str, Any] = {}
        if in_table and override.has_colours:
            properties |= COLOURED_TEXT  # a cell shows the colour of its value only where it is told to
        if override.title is not None:
            properties["displayName"] = self.localize(override.title)
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
            properties["links"] = [{"title": self.localize(title), "url": url} for title, url in override.links]
        properties |= override.more or {}
        return model.DashboardFieldConfigSourceOverrides(
            matcher=model.MatcherConfig(id_val="byRegexp" if override.regexp else "byName", options=override.name),
            properties=[model.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()],
        )

    def mapping(self, values: Mapping[str, tuple[Phrase, str | None]]) -> model.ValueMap:
        return model.ValueMap(
            {
                value: model.ValueMappingResult(text=self.localize(text), color=colour, index=index)
                for index, (value, (text, colour)) in enumerate(values.items())
            }
        )


class Figure(NamedTuple):
    """One number with what it means."""

    title: Phrase
    description: Phrase
    query: str
    unit: str
    steps: Sequence[ThresholdStep]
    more: Mapping[str, Any]
    """Further options of its panel, as `BoardBuilder.add_panel` takes them."""


def add_figures(builder: BoardBuilder, figures: Sequence[Figure]) -> None:
    """Add a row of at most six numbers at the top of a board."""
    for at, (title, description, query, unit, steps, more) in enumerate(figures):
        builder.add_panel(
            stat_panel(),
            GridPosition(4 * at, 0, 4, 4),
            title,
            description,
            [Query(query)],
            unit=unit,
            steps=steps,
            more=more,
        )


def value_mappings(
    texts: Mapping[Any, Phrase], colours: Mapping[str, str] | None = None
) -> dict[str, tuple[Phrase, str | None]]:
    """Value mappings of a closed list."""
    return {str(value): (text, (colours or {}).get(str(value))) for value, text in texts.items()}


def series_overrides(texts: Mapping[Any, Phrase], colours: Mapping[str, str]) -> list[Override]:
    """One override for each series of a closed list, with its name and colour."""
    return [Override(str(name), title=text, colour=colours.get(str(name))) for name, text in texts.items()]


def boolean_mapping(on: Phrase, off: Phrase, colour: str, off_colour: str) -> dict[str, tuple[Phrase, str | None]]:
    """Value mappings of a boolean."""
    return {"true": (on, colour), "false": (off, off_colour)}


def stat_panel() -> PanelBuilder:
    """One large number."""
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(common_models.BigValueColorMode.VALUE)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .text_mode(common_models.BigValueTextMode.VALUE)
    )


def line_panel(*, legend: bool = True, many: bool = False) -> PanelBuilder:
    """Curves. `many`: one for each device; the legend is a list beside them, the highest newest value first."""
    return _lines(legend=legend, many=many)


def bounded_line_panel() -> PanelBuilder:
    """A curve, with the panel's steps as dashed lines."""
    style = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
    return _lines(legend=True, many=False).thresholds_style(style)


def _lines(*, legend: bool, many: bool) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .line_width(1.5)
        .fill_opacity(0 if many else 8)
        .show_points(common_models.VisibilityMode.AUTO)
        .point_size(4)
        .span_nulls(300_000)
        .axis_soft_max(1)  # or the axis of a curve of zeros ends at 100
        .legend(_legend_of_many() if many else _legend(shown=legend))
        .tooltip(_tooltip())
    )


def bar_panel() -> PanelBuilder:
    """Stacked bars: amounts per interval."""
    return (
        timeseries.Panel()
        .max_data_points(_MAX_BARS)
        .draw_style(common_models.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .line_width(0)
        .stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
        .legend(_legend())
        .tooltip(_tooltip())
    )


def table_panel(*, sort: str | None = None) -> PanelBuilder:
    """A table. `sort`: the column to sort by, largest first."""
    panel = table.Panel().filterable(True).min_width(_COLUMN_PX).cell_height(common_models.TableCellHeight.SM)
    return panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)]) if sort else panel


def bar_chart_panel(*, stacked: bool = False, coloured_by: str | None = None) -> PanelBuilder:
    """Horizontal bars, one group for each row of a table. `coloured_by`: the column whose values have colours."""
    stacking = common_models.StackingMode.NORMAL if stacked else common_models.StackingMode.NONE
    panel = barchart.Panel() if coloured_by is None else barchart.Panel().color_by_field(coloured_by)
    return (
        panel.orientation(common_models.VizOrientation.HORIZONTAL)
        .stacking(stacking)
        .show_value(common_models.VisibilityMode.AUTO)
        .bar_width(0.8)
        .text(common.VizTextDisplayOptions().value_size(_BAR_TEXT_PX))
        .fill_opacity(85)
        .legend(_legend(shown=coloured_by is None))
        .tooltip(_tooltip())
    )


def gauge_panel() -> PanelBuilder:
    """A bar for the newest value of each series."""
    return (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .text(common.VizTextDisplayOptions().title_size(10).value_size(_BAR_TEXT_PX))  # larger names are cut
        .value_mode(common_models.BarGaugeValueMode.TEXT)
    )


def state_timeline_panel() -> PanelBuilder:
    """States over time, a row for each series."""
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


def _legend_of_many() -> Builder[common_models.VizLegendOptions]:
    return (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.TABLE)
        .placement(common_models.LegendPlacement.RIGHT)
        .show_legend(True)
        .calcs(["lastNotNull"])
        .sort_by("Last *")
        .sort_desc(True)
    )


def _tooltip() -> Builder[common_models.VizTooltipOptions]:
    return (
        common.VizTooltipOptions()
        .mode(common_models.TooltipDisplayMode.MULTI)
        .sort(common_models.SortOrder.DESCENDING)
        .hide_zeros(True)
    )


def _thresholds(steps: Sequence[ThresholdStep]) -> model.ThresholdsConfig:
    return model.ThresholdsConfig(
        model.ThresholdsMode.ABSOLUTE, [model.Threshold(value=value, color=colour) for value, colour in steps]
    )
