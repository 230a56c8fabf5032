"""The city's ledger: tonnes by stream, district, site and day, from weighing sessions; the programme's indicators."""

from typing import Any, Final

from grafana_foundation_sdk.models import dashboard as model

from devices.city.model import DeviceRole
from grafana.parts import frame, palette, variables
from grafana.parts.panels import (
    BY_NAME,
    GAUGE_CELL,
    HIDDEN,
    WRAPPED_TEXT,
    BoardBuilder,
    Figure,
    GridPosition,
    Override,
    Transformation,
    add_figures,
    bar_chart_panel,
    bar_panel,
    table_panel,
)
from grafana.parts.queries import CITY_LOADS, INDICATOR, Query, select_from, table_query
from grafana.parts.wording import STREAMS, Language, Phrase

CHOSEN: Final = frame.AREAS["ledger"]
_DESCRIPTION: Final = Phrase(
    "Tonnes of the city by weighing sessions, by stream, district, site and day, and the indicators of its programme.",
    "按过磅记录统计的全市吨数（类别、区县、场所、日期），以及方案指标。",
)
_IN: Final = f"{CITY_LOADS['flow']} = 'in'"
_SUM_KG: Final = f"(sum({CITY_LOADS['net_kg']}) + sum({CITY_LOADS['estimated_kg']}))"
_ALL_KG: Final = f"{CITY_LOADS['net_kg']} + {CITY_LOADS['estimated_kg']}"
_STREAMS: Final = {
    **STREAMS,
    "other": Phrase("another name", "其他名称"),
    "unknown": Phrase("not known", "不明"),
}
_TONNES: Final = Phrase("Received", "进场")
_PLAIN_WEIGHT: Final[dict[str, Any]] = {"decimals": 1, "no_value": "0"}
_SHARE: Final[dict[str, Any]] = {"decimals": 1}
_COUNT: Final[dict[str, Any]] = {"decimals": 0, "no_value": "0"}


def board(builder: BoardBuilder) -> model.Dashboard:
    """The board in one language."""
    language, roles = builder.language, (DeviceRole.WEIGHBRIDGE,)
    _figures(builder)
    _days(builder)
    _indicators(builder)
    _sums(builder)
    shown = frame.assemble(
        "ledger",
        builder,
        _DESCRIPTION,
        [
            variables.named_variable("district", language=language, roles=roles),
            variables.named_variable("site", "district", language=language, roles=roles),
        ],
        since="30d",
        refresh="5m",
    )
    # Rows of a day stand at midnight UTC, which in Asia/Shanghai is 8 o'clock of that day.
    shown.time = model.DashboardDashboardTime(from_val="now-30d", to="now/d")
    return shown


def _figures(builder: BoardBuilder) -> None:
    chosen = CITY_LOADS.chosen(*CHOSEN)
    both = CITY_LOADS.select(
        f'sum({CITY_LOADS["net_kg"]}) AS "weighed", sum({CITY_LOADS["estimated_kg"]}) AS "guessed"', _IN, *chosen
    )
    sites = CITY_LOADS.select(f'sum({CITY_LOADS["loads"]}) AS "seen"', *chosen, by=CITY_LOADS.by("site"))
    figures = (
        Figure(
            Phrase("Received", "进场吨数"),
            Phrase(
                "Net weight that came to sites in the time span, estimates with it. Late and corrected tickets change "
                "the day that they belong to.",
                "时段内进场净重合计（含估算）。迟到与更正的磅单计入其所属日期。",
            ),
            select_from(both, '("weighed" + "guessed") / 1000 AS "tonnes"'),
            "masst",
            palette.PLAIN,
            _PLAIN_WEIGHT,
        ),
        Figure(
            Phrase("Weighed in full", "实测占比"),
            Phrase(
                "Share of that weight of which gross and tare were weighed. The rest has a registered or usual tare: "
                "below 90 % find out which weighbridge does not weigh empty trucks.",
                "其中毛重、皮重均为实测的占比；其余按登记或惯常皮重估算。低于 90% 请查明哪处地磅不称空车。",
            ),
            select_from(both, '100 * "weighed" / ("weighed" + "guessed") AS "share"'),
            "percent",
            ((None, palette.VERMILLION), (50, palette.ORANGE), (90, palette.GREEN)),
            _SHARE,
        ),
        Figure(
            Phrase("Loads", "车次"),
            Phrase("Loads that came to sites in the time span.", "时段内进入各场所的车次合计。"),
            select_from(
                CITY_LOADS.select(
                    f'sum({CITY_LOADS["loads"]}) AS "full", sum({CITY_LOADS["estimated"]}) AS "guessed", '
                    f'sum({CITY_LOADS["unknown"]}) AS "without"',
                    _IN,
                    *chosen,
                ),
                '"full" + "guessed" + "without" AS "loads"',
            ),
            "none",
            palette.PLAIN,
            _COUNT,
        ),
        Figure(
            Phrase("Without weight", "无净重"),
            Phrase(
                "Loads of which no net weight is known: one half of a ticket is missing, and the truck has no tare.",
                "净重不明的车次：缺少一半磅单，且车辆没有皮重。",
            ),
            CITY_LOADS.select(f'sum({CITY_LOADS["unknown"]}) AS "without"', *chosen),
            "none",
            palette.FEW_IS_GOOD,
            _COUNT,
        ),
        Figure(
            Phrase("Truck not known", "车辆不明"),
            Phrase(
                "Loads that wait for a person to say which truck it was (`haulwatch weighings unmatched`). Their "
                "weight counts, for no haulier.",
                "待人工认定车辆的车次（haulwatch weighings unmatched）；重量计入全市，不计入企业。",
            ),
            CITY_LOADS.select(f'sum({CITY_LOADS["waiting"]}) AS "waiting"', *chosen),
            "none",
            palette.FEW_IS_GOOD,
            _COUNT,
        ),
        Figure(
            Phrase("Sites that weigh", "过磅场所"),
            Phrase(
                "Sites with a weighing in the time span. If there are fewer than usual, a weighbridge is cut off.",
                "时段内有过磅记录的场所数；偏少说明有地磅断联。",
            ),
            select_from(sites, 'count("seen") AS "sites"'),
            "none",
            palette.SOME_IS_GOOD,
            _COUNT,
        ),
    )
    add_figures(builder, figures)


def _days(builder: BoardBuilder) -> None:
    builder.add_panel(
        bar_panel(),
        GridPosition(0, 4, 14, 10),
        Phrase("Tonnes received each day, by stream", "各类废弃物每日进场吨数"),
        Phrase(
            "By the day of the city's calendar in which the load was weighed. Another name: a ticket with a material "
            "that is no stream; not known: a ticket without one. Estimates with it. Empty: nothing was weighed.",
            "按全市日历中过磅完成之日统计（含估算）。“其他名称”为磅单物料不属于任何类别，“不明”为磅单未填。空白表示无过磅。",
        ),
        [
            Query(
                CITY_LOADS.select(
                    f"{_SUM_KG} / 1000",
                    _IN,
                    *CITY_LOADS.chosen(*CHOSEN),
                    by=CITY_LOADS.by("stream", each_interval=True),
                ),
                alias="$tag_stream",
            )
        ],
        unit="masst",
        every="1d",
        overrides=[Override(name, title=text) for name, text in _STREAMS.items()],
        more={"decimals": 1, "min_val": 0, "color": BY_NAME},
    )
    _grouped(
        builder,
        GridPosition(14, 4, 10, 10),
        Phrase("Tonnes by district", "各区县进场吨数"),
        Phrase(
            "Net weight that came to the sites of each district, estimates with it. Empty: nothing was weighed.",
            "各区县场所的进场净重（含估算）。空白表示无过磅。",
        ),
        "district_label_zh" if builder.language is Language.ZH else "district_label",
        Phrase("District", "区县"),
        palette.BLUE,
    )


def _sums(builder: BoardBuilder) -> None:
    _grouped(
        builder,
        GridPosition(0, 24, 12, 10),
        Phrase("Tonnes by site", "各场所进场吨数"),
        Phrase(
            "Net weight that came to each site, estimates with it. Empty: nothing was weighed.",
            "各场所进场净重（含估算）。空白表示无过磅。",
        ),
        "label_zh" if builder.language is Language.ZH else "label",
        Phrase("Site", "场所"),
        palette.GREEN,
    )
    builder.add_panel(
        bar_panel(),
        GridPosition(12, 24, 12, 10),
        Phrase("In and out each day", "每日进出吨数"),
        Phrase(
            "Net weight that came to sites and that left them, of all chosen sites together, estimates with it. "
            "Empty: nothing was weighed.",
            "所选全部场所的进场与出场净重（含估算）。空白表示无过磅。",
        ),
        [
            Query(
                CITY_LOADS.select(
                    f"{_SUM_KG} / 1000",
                    *CITY_LOADS.chosen(*CHOSEN),
                    by=CITY_LOADS.by("flow", each_interval=True),
                ),
                alias="$tag_flow",
            )
        ],
        unit="masst",
        every="1d",
        overrides=[
            Override("in", title=Phrase("in", "进"), colour=palette.BLUE),
            Override("out", title=Phrase("out", "出"), colour=palette.ORANGE),
        ],
        more={"decimals": 1, "min_val": 0},
    )


def _grouped(
    builder: BoardBuilder,
    position: GridPosition,
    title: Phrase,
    description: Phrase,
    column: str,
    column_title: Phrase,
    colour: str,
) -> None:
    """Tonnes received, summed in the browser by a field: a name is no tag."""
    fields = {
        column: {"operation": "groupby", "aggregations": []},
        "tonnes": {"operation": "aggregate", "aggregations": ["sum"]},
    }
    rows = CITY_LOADS.select(
        f'{CITY_LOADS[column]}, ({_ALL_KG}) / 1000 AS "tonnes"', _IN, *CITY_LOADS.chosen(*CHOSEN), rest="LIMIT 50000"
    )
    builder.add_panel(
        bar_chart_panel(),
        position,
        title,
        description,
        [table_query(rows)],
        unit="masst",
        overrides=[
            Override(column, title=column_title),
            Override("tonnes (sum)", title=_TONNES, colour=colour),
        ],
        transformations=[Transformation("groupBy", {"fields": fields})],
    )


def _indicators(builder: BoardBuilder) -> None:
    chinese = builder.language is Language.ZH
    name, unit, why = (f"{column}_zh" if chinese else column for column in ("name", "unit", "why"))

    def newest(*columns: str) -> str:
        return INDICATOR.select(INDICATOR.newest("shown", *columns), by=INDICATOR.by("indicator"))

    def of(state: int, *columns: str) -> Query:
        listed = ", ".join(INDICATOR[column] for column in columns)
        return table_query(select_from(newest(*columns), listed, f'"shown" = {state}'))

    hidden = Override("Time", more=HIDDEN)
    title = Override(name, title=Phrase("Indicator", "指标"))
    builder.add_panel(
        table_panel(),
        GridPosition(0, 14, 14, 10),
        Phrase("Indicators over the last 30 days", "近 30 天方案指标"),
        Phrase(
            "The whole city, whatever is chosen above, computed each hour. Done: how far from the baseline to the "
            "target. Formulas and scope: `haulwatch ledger indicators --csv`, and the console.",
            "全市口径，不受上方筛选影响，每小时计算。“完成”为自基期值至目标值的进度。"
            "公式与统计口径见 haulwatch ledger indicators --csv 及控制台。",
        ),
        [of(1, name, "value", unit, "baseline", "target", "progress_pct")],
        unit="none",
        overrides=[
            hidden,
            title,
            Override("value", title=Phrase("Value", "数值"), unit="short", more={"decimals": 2}),
            Override(unit, title=Phrase("Unit", "单位")),
            Override("baseline", title=Phrase("Baseline", "基期"), unit="short", more={"decimals": 2}),
            Override("target", title=Phrase("Target", "目标"), unit="short", more={"decimals": 2}),
            Override("progress_pct", title=Phrase("Done", "完成"), unit="percent", more={**GAUGE_CELL, "decimals": 0}),
        ],
        more={"decimals": 0},
    )
    builder.add_panel(
        table_panel(),
        GridPosition(14, 14, 10, 10),
        Phrase("Indicators without a value", "无法计算的指标"),
        Phrase(
            "The data of the last 30 days cannot carry these, for the reasons given. Empty: all have a value.",
            "近 30 天数据不足以计算的指标及原因。空白表示全部可算。",
        ),
        [of(0, name, why)],
        unit="none",
        overrides=[hidden, title, Override(why, title=Phrase("Why", "原因"), more=WRAPPED_TEXT)],
        more={"decimals": 0},
    )
