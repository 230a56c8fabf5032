"""Manifests: how many trips are under way, closed, late or do not match, and which."""

from typing import Any, Final

from grafana_foundation_sdk.models import dashboard as model

from devices.city.model import DeviceRole
from grafana.parts import frame, names, palette, variables
from grafana.parts.panels import (
    HIDDEN,
    BoardBuilder,
    Figure,
    GridPosition,
    Override,
    Transformation,
    add_figures,
    bar_chart_panel,
    bar_panel,
    table_panel,
    value_mappings,
)
from grafana.parts.queries import MANIFEST, Query, select_from, table_query
from grafana.parts.wording import MANIFEST_STATES, STREAMS, Language, Phrase

CHOSEN: Final = frame.AREAS["manifests"]
_DESCRIPTION: Final = Phrase(
    "Electronic manifests by state: trips under way, closed, overdue, and loads that do not match.",
    "电子联单按状态统计：运输中、已闭环、超时及重量不符。",
)
_STATE: Final = Phrase("State", "状态")
_COUNT: Final[dict[str, Any]] = {"decimals": 0, "no_value": "0"}
_SHARE: Final[dict[str, Any]] = {"decimals": 1}
_ON_THEIR_WAY: Final = f"sum({MANIFEST['open']}) - sum({MANIFEST['overdue']}) - sum({MANIFEST['discrepancy']})"
"""Open ones that are neither late nor do not match."""


def board(builder: BoardBuilder) -> model.Dashboard:
    """The board in one language."""
    language, roles = builder.language, (DeviceRole.TRUCK,)
    _figures(builder)
    _course(builder)
    _attention(builder)
    _newest(builder)
    return frame.assemble(
        "manifests",
        builder,
        _DESCRIPTION,
        [
            variables.named_variable("district", language=language, roles=roles),
            variables.named_variable("fleet", "district", language=language, roles=roles),
        ],
        since="7d",
        refresh="1m",
    )


def _figures(builder: BoardBuilder) -> None:
    chosen = MANIFEST.chosen(*CHOSEN)
    counted = MANIFEST.select(
        f'sum({MANIFEST["closed"]}) AS "closed", count({MANIFEST["number"]}) AS "all", '
        f'sum({MANIFEST["void"]}) AS "void"',
        *chosen,
    )
    figures = (
        Figure(
            Phrase("Issued", "开具"),
            Phrase(
                "Manifests that were issued in the time span, as judgement has them: some seconds after the desk.",
                "时段内开具的联单（按研判结果，较办理略有延迟）。",
            ),
            MANIFEST.select(f'count({MANIFEST["number"]}) AS "issued"', *chosen),
            "none",
            palette.PLAIN,
            _COUNT,
        ),
        Figure(
            Phrase("Closed", "已闭环占比"),
            Phrase(
                "Share of the manifests of the time span that are closed; void ones do not count. Trips that are under "
                "way count as not closed yet. The indicator of the programme counts loads without a manifest as well.",
                "时段内开具的联单中已闭环的占比；作废不计，运输中计为未闭环。方案指标“联单闭环率”另计无联单过磅趟次。",
            ),
            select_from(counted, '100 * "closed" / ("all" - "void") AS "share"'),
            "percent",
            palette.PLAIN,
            _SHARE,
        ),
        Figure(
            Phrase("Open now", "当前未闭环"),
            Phrase(
                "Manifests that are neither closed nor void, whenever they were issued.",
                "当前既未闭环也未作废的联单，不限开具时间。",
            ),
            MANIFEST.select(f'sum({MANIFEST["open"]}) AS "open"', *chosen, always=True),
            "none",
            palette.PLAIN,
            _COUNT,
        ),
        Figure(
            Phrase("Overdue now", "当前超时"),
            Phrase(
                "Loads that have not arrived by their plan and its grace, whenever they were issued. Call the driver.",
                "超过计划与宽限仍未到达的联单，不限开具时间；请联系驾驶员。",
            ),
            MANIFEST.select(f'sum({MANIFEST["overdue"]}) AS "overdue"', *chosen, always=True),
            "none",
            palette.NONE_IS_GOOD,
            _COUNT,
        ),
        Figure(
            Phrase("Not matching", "重量不符"),
            Phrase(
                "Manifests whose two weights differ by more than scales explain, whenever they were issued. An officer "
                "settles or corrects them.",
                "两次重量之差超出衡器误差的联单，不限开具时间；由执法人员结案或更正。",
            ),
            MANIFEST.select(f'sum({MANIFEST["discrepancy"]}) AS "differs"', *chosen, always=True),
            "none",
            palette.NONE_IS_GOOD,
            _COUNT,
        ),
        Figure(
            Phrase("Void", "作废"),
            Phrase("Manifests of the time span that were made void.", "时段内开具后作废的联单。"),
            MANIFEST.select(f'sum({MANIFEST["void"]}) AS "void"', *chosen),
            "none",
            palette.FEW_IS_GOOD,
            _COUNT,
        ),
    )
    add_figures(builder, figures)


def _course(builder: BoardBuilder) -> None:
    by_time = MANIFEST.by(each_interval=True)
    builder.add_panel(
        bar_panel(),
        GridPosition(0, 4, 14, 10),
        Phrase("Manifests by time of issue", "联单按开具时间"),
        Phrase(
            "What became of the manifests of each interval. If the overdue ones rise, look at routes and queues; if "
            "those that do not match rise, at weighbridges. Empty: no manifest was issued.",
            "各时段开具的联单目前的去向。超时上升请查线路与排队；重量不符上升请查地磅。空白表示未开具联单。",
        ),
        [
            Query(MANIFEST.select(what, *MANIFEST.chosen(*CHOSEN), by=by_time), alias=name, ref=ref)
            for ref, name, what in (
                ("A", "closed", f"sum({MANIFEST['closed']})"),
                ("B", "open", _ON_THEIR_WAY),
                ("C", "overdue", f"sum({MANIFEST['overdue']})"),
                ("D", "discrepancy", f"sum({MANIFEST['discrepancy']})"),
            )
        ],
        unit="none",
        every="1h",
        overrides=[
            Override("closed", title=Phrase("closed", "已闭环"), colour=palette.GREEN),
            Override("open", title=Phrase("open, in order", "未闭环（正常）"), colour=palette.BLUE),
            Override("overdue", title=Phrase("overdue", "超时"), colour=palette.VERMILLION),
            Override("discrepancy", title=Phrase("not matching", "不符"), colour=palette.ORANGE),
        ],
        more={"min_val": 0, "decimals": 0},
    )
    fields = {
        "state": {"operation": "groupby", "aggregations": []},
        "number": {"operation": "aggregate", "aggregations": ["count"]},
    }
    builder.add_panel(
        bar_chart_panel(coloured_by="state"),
        GridPosition(14, 4, 10, 10),
        Phrase("Manifests by state", "联单按状态"),
        Phrase(
            "Of the manifests that were issued in the time span, at most the newest 20,000. Empty: there are none.",
            "时段内开具的联单，最多统计最新 20000 份。空白表示没有联单。",
        ),
        [
            table_query(
                MANIFEST.select(
                    MANIFEST.columns("state", "number"),
                    *MANIFEST.chosen(*CHOSEN),
                    rest="ORDER BY time DESC LIMIT 20000",
                )
            )
        ],
        unit="none",
        overrides=[
            Override("state", title=_STATE, mappings=value_mappings(MANIFEST_STATES, palette.MANIFEST)),
            Override("number (count)", title=Phrase("Manifests", "联单")),
        ],
        transformations=[Transformation("groupBy", {"fields": fields})],
        more={"min_val": 0, "decimals": 0},
    )


def _attention(builder: BoardBuilder) -> None:
    wanted = f"({MANIFEST['overdue']} = 1 OR {MANIFEST['discrepancy']} = 1)"
    _table(
        builder,
        GridPosition(0, 14, 24, 9),
        Phrase("Overdue and not matching", "超时与重量不符"),
        Phrase(
            "Whenever they were issued, the newest 200 first. The number leads to the manifest in the console and in "
            "`haulwatch manifest show`. Empty: none.",
            "不限开具时间，最新 200 份。可凭联单号在控制台或 haulwatch manifest show 中查看。空白表示没有。",
        ),
        MANIFEST.select(_columns(builder), wanted, *MANIFEST.chosen(*CHOSEN), rest=_NEWEST_200, always=True),
    )


def _newest(builder: BoardBuilder) -> None:
    _table(
        builder,
        GridPosition(0, 23, 24, 10),
        Phrase("Newest manifests", "最新联单"),
        Phrase("The newest 200 of the time span. Empty: none was issued.", "时段内最新 200 份。空白表示未开具。"),
        MANIFEST.select(_columns(builder), *MANIFEST.chosen(*CHOSEN), rest=_NEWEST_200),
    )


_NEWEST_200: Final = "ORDER BY time DESC LIMIT 200"


def _sites(builder: BoardBuilder) -> tuple[str, str]:
    return ("source_zh", "destination_zh") if builder.language is Language.ZH else ("source", "destination")


def _columns(builder: BoardBuilder) -> str:
    shown = ("number", "state", *_sites(builder), "stream", "sent_kg", "net_kg", "arrive_by")
    return MANIFEST.columns("device", *shown)


def _table(builder: BoardBuilder, position: GridPosition, title: Phrase, description: Phrase, query: str) -> None:
    source, destination = _sites(builder)
    name = names.name_column(builder.language)
    builder.add_panel(
        table_panel(),
        position,
        title,
        description,
        [table_query(query), names.names(builder.language, *CHOSEN)],
        transformations=names.join_names("Time", name, of=MANIFEST),
        unit="suffix:kg",
        overrides=[
            Override("Time", title=Phrase("Issued", "开具时间"), unit="dateTimeAsIso", more={"custom.width": 170}),
            Override("device", more=HIDDEN),
            Override(name, title=Phrase("Truck", "车辆"), more={"custom.width": 120}),
            Override("number", title=Phrase("Manifest", "联单号"), more={"custom.width": 180}),
            Override("state", title=_STATE, mappings=value_mappings(MANIFEST_STATES, palette.MANIFEST)),
            Override(source, title=Phrase("From", "来源")),
            Override(destination, title=Phrase("To", "去向")),
            Override("stream", title=Phrase("Stream", "类别"), mappings=value_mappings(STREAMS)),
            Override("sent_kg", title=Phrase("Sent", "发出"), more={"decimals": 0, "custom.width": 110}),
            Override("net_kg", title=Phrase("Arrived", "到达"), more={"decimals": 0, "custom.width": 110}),
            Override(
                "arrive_by", title=Phrase("By plan", "计划到达"), unit="dateTimeAsIso", more={"custom.width": 170}
            ),
        ],
    )
