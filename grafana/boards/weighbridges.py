"""Weighbridges and stations: tickets, tonnes by stream, throughput and queues of the lines."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from devices.city.model import DeviceRole
from devices.readings.tickets import TicketState
from grafana.parts import frame, names, palette, variables
from grafana.parts.panels import (
    BY_NAME,
    HIDDEN,
    BoardBuilder,
    Figure,
    GridPosition,
    Override,
    Transformation,
    add_figures,
    bar_chart_panel,
    bar_panel,
    boolean_mapping,
    line_panel,
    state_timeline_panel,
    table_panel,
    value_mappings,
)
from grafana.parts.queries import THROUGHPUT, WEIGHING, Query, select_from, table_query
from grafana.parts.wording import STREAMS, Phrase

CHOSEN: Final = (*frame.AREAS["weighbridges"], "device")
_DESCRIPTION: Final = Phrase(
    "Tickets and tonnes of the weighbridges; throughput, hopper and queue of sorting and transfer lines.",
    "地磅的磅单与吨数；分拣与转运线的处理量、料斗与排队情况。",
)
_YES: Final = Phrase("yes", "是")
_NO: Final = Phrase("no", "否")
_ROLES: Final = (DeviceRole.WEIGHBRIDGE, DeviceRole.STATION_LINE)
_NET_T: Final = f"sum({WEIGHING['counted_kg']}) / 1000"


def board(builder: BoardBuilder) -> model.Dashboard:
    """The board in one language."""
    language = builder.language
    _figures(builder)
    _tonnes(builder)
    _lines(builder)
    _tickets(builder)
    return frame.assemble(
        "weighbridges",
        builder,
        _DESCRIPTION,
        [
            variables.named_variable("district", language=language, roles=_ROLES),
            variables.named_variable("site", "district", language=language, roles=_ROLES),
            variables.named_variable("device", "district", "site", language=language, roles=_ROLES),
        ],
        since="12h",
        refresh="1m",
    )


def _figures(builder: BoardBuilder) -> None:
    chosen = WEIGHING.chosen(*CHOSEN)
    newest = THROUGHPUT.select(
        THROUGHPUT.newest("rate_t_per_h", "queue_trucks", "running"),
        *THROUGHPUT.chosen(*CHOSEN),
        by=THROUGHPUT.by("device"),
    )
    by_hand = f"{WEIGHING['manual_entry']} = true"
    figures = (
        Figure(
            Phrase("Tonnes", "吨数"),
            Phrase(
                "Net weight of all tickets in the time span. Each ticket counts once, if its scale was at rest and "
                "its weights agree; the table says why a weighing does not count. No value: no truck left a "
                "weighbridge.",
                "时段内全部磅单净重。每张磅单仅计一次，且须读数稳定、毛皮净重相符；未计入的原因见下表。"
                "无值表示没有车辆出磅。",
            ),
            WEIGHING.select(_NET_T, *chosen),
            "masst",
            palette.PLAIN,
            {"decimals": 1, "no_value": "0"},
        ),
        Figure(
            Phrase("Tickets", "磅单数"),
            Phrase(
                "Tickets whose net weight counts, in the time span: repeated ones once, corrected ones once.",
                "时段内计入净重的磅单数；重复与更正的磅单均只计一次。",
            ),
            WEIGHING.select(f"sum({WEIGHING['counted']})", *chosen),
            "none",
            palette.PLAIN,
            {"decimals": 0, "no_value": "0"},
        ),
        Figure(
            Phrase("Entered by hand", "人工录入"),
            Phrase(
                "Weighings entered by a person instead of read from the scale. If there are more than 2 in 100, "
                "inspect the weighbridge.",
                "人工录入而非采自秤台的过磅数；超过 2% 应实地核查。",
            ),
            WEIGHING.select(f"count({WEIGHING['gross_kg']})", by_hand, *chosen),
            "none",
            palette.FEW_IS_GOOD,
            {"decimals": 0, "no_value": "0"},
        ),
        Figure(
            Phrase("Lines running", "运行线数"),
            Phrase(
                "Lines whose newest report says running. If this is 0 in working hours, call the station.",
                "最新上报为运行中的处理线数；工作时段为 0 请联系场站。",
            ),
            select_from(newest, 'count("running") AS "lines"', '"running" = true'),
            "none",
            palette.SOME_IS_GOOD,
            {"decimals": 0, "no_value": "0"},
        ),
        Figure(
            Phrase("Throughput", "处理量"),
            Phrase(
                "Newest rate of all lines together, in tonnes per hour.",
                "全部处理线最新速率之和（吨/小时）。",
            ),
            select_from(newest, 'sum("rate_t_per_h") AS "rate"'),
            "suffix:t/h",
            palette.PLAIN,
            {"decimals": 1, "no_value": "0"},
        ),
        Figure(
            Phrase("Trucks queueing", "排队车辆"),
            Phrase(
                "Newest number of trucks that wait at all lines. If queues are long while the lines run, send trucks "
                "elsewhere.",
                "各线前最新排队车辆之和；线在运行而排队较长时应分流。",
            ),
            select_from(newest, 'sum("queue_trucks") AS "trucks"'),
            "none",
            ((None, palette.GREEN), (10.0, palette.ORANGE), (25.0, palette.VERMILLION)),
            {"decimals": 0, "no_value": "0"},
        ),
    )
    add_figures(builder, figures)


def _tonnes(builder: BoardBuilder) -> None:
    chosen = WEIGHING.chosen(*CHOSEN)
    builder.add_panel(
        bar_panel(),
        GridPosition(0, 4, 14, 9),
        Phrase("Tonnes by weighbridge", "各地磅吨数"),
        Phrase(
            "Net weight per interval, by weighbridge. If one falls to 0 while the others work, check whether it is "
            "broken or trucks bypass it.",
            "各地磅每个时间间隔的净重。某地磅归零而其他正常时，请核查是否故障或车辆绕磅。",
        ),
        [
            table_query(WEIGHING.select(f'{_NET_T} AS "Value"', *chosen, by=WEIGHING.by("device", each_interval=True))),
            names.names(builder.language, *CHOSEN),
        ],
        transformations=names.curve_of_each_device(builder.language),
        unit="masst",
        every="30m",
        overrides=[names.curve_name(builder.language)],
        more={"decimals": 1, "min_val": 0, "color": BY_NAME},
    )
    streams = WEIGHING.select(
        f'{WEIGHING["material"]}, {WEIGHING["counted_kg"]} / 1000 AS "tonnes"',
        f"{WEIGHING['counted_kg']} > 0",
        *chosen,
        rest="LIMIT 20000",
    )
    summed = {
        "material": {"operation": "groupby", "aggregations": []},
        "tonnes": {"operation": "aggregate", "aggregations": ["sum"]},
    }
    builder.add_panel(
        bar_chart_panel(),
        GridPosition(14, 4, 10, 9),
        Phrase("Tonnes by stream", "各类废弃物吨数"),
        Phrase(
            "Net weight by waste stream, as the sites name it. The browser adds up at most 20,000 tickets: if there "
            "are more, choose a shorter time span. Empty: no ticket in the time span.",
            "按场站填报的废弃物类别统计净重（由浏览器汇总，最多 20000 张磅单，更多时请缩短时段）。"
            "空白表示该时段无磅单。",
        ),
        [table_query(streams)],
        unit="masst",
        overrides=[
            Override("material", title=Phrase("Stream", "类别"), mappings=value_mappings(STREAMS)),
            Override("tonnes (sum)", title=Phrase("Net weight", "净重"), colour=palette.GREEN),
        ],
        transformations=[Transformation("groupBy", {"fields": summed})],
    )


def _lines(builder: BoardBuilder) -> None:
    chosen = THROUGHPUT.chosen(*CHOSEN)
    by_line = THROUGHPUT.by("device", each_interval=True)

    def curve(what: str) -> list[Query]:
        values = table_query(THROUGHPUT.select(f'{what} AS "Value"', *chosen, by=by_line))
        return [values, names.names(builder.language, *CHOSEN)]

    each_line = names.curve_of_each_device(builder.language)

    builder.add_panel(
        line_panel(),
        GridPosition(0, 13, 8, 8),
        Phrase("Throughput of each line", "各线处理量"),
        Phrase(
            "Mean rate per interval. A slow decline over days is wear. A sudden 0 while trucks wait is a standstill.",
            "每个间隔的平均速率。多日缓慢下降为磨损；排队时骤降为 0 为停机。",
        ),
        curve(f"mean({THROUGHPUT['rate_t_per_h']})"),
        transformations=each_line,
        unit="suffix:t/h",
        every="1m",
        overrides=[names.curve_name(builder.language)],
        more={"decimals": 1, "min_val": 0, "color": BY_NAME},
    )
    builder.add_panel(
        line_panel(),
        GridPosition(8, 13, 8, 8),
        Phrase("Hopper fill", "料斗料位"),
        Phrase(
            f"Fill level of each hopper: full at {palette.HOPPER_FULL_PCT:.0f} %, normal below "
            f"{palette.HOPPER_CLEAR_PCT:.0f} %. Before it is full, slow the intake or start the second line.",
            f"达到 {palette.HOPPER_FULL_PCT:.0f}% 为满仓，低于 {palette.HOPPER_CLEAR_PCT:.0f}% 为正常；"
            "请提前放缓进料或启用备用线。",
        ),
        curve(f"mean({THROUGHPUT['hopper_pct']})"),
        transformations=each_line,
        unit="percent",
        every="1m",
        overrides=[names.curve_name(builder.language)],
        more={"decimals": 0, "min_val": 0, "max_val": 100, "color": BY_NAME},
    )
    builder.add_panel(
        state_timeline_panel(),
        GridPosition(16, 13, 8, 8),
        Phrase("Lines running", "各线运行状态"),
        Phrase(
            "When each line ran. Gaps: the line did not report.",
            "各线的运行时段；空缺表示未上报。",
        ),
        curve(f"last({THROUGHPUT['running']})"),
        transformations=each_line,
        unit="none",
        every="1m",
        overrides=[
            names.curve_name(builder.language),
            Override(
                ".*", title=None, mappings=boolean_mapping(_YES, _NO, palette.GREEN, palette.VERMILLION), regexp=True
            ),
        ],
    )


_TICKET_STATES: Final = {
    str(state): (phrase, palette.GREEN if state is TicketState.COUNTED else colour)
    for state, phrase, colour in (
        (TicketState.COUNTED, Phrase("yes", "是"), None),
        (TicketState.UNSETTLED, Phrase("no: scale not at rest", "否：未稳定"), palette.ORANGE),
        (TicketState.NO_NET, Phrase("no net weight yet", "尚无净重"), None),
        (TicketState.TARE_ABOVE_GROSS, Phrase("no: tare above gross", "否：皮重大于毛重"), palette.VERMILLION),
        (TicketState.NET_DIFFERS, Phrase("no: net is not gross less tare", "否：净重不符"), palette.VERMILLION),
        (TicketState.REPEATED, Phrase("no: sent before", "否：重复上报"), None),
        (TicketState.REPLACED, Phrase("no: corrected later", "否：已更正"), None),
        (TicketState.OVERUSED, Phrase("no: number used too often", "否：磅单号重复使用"), palette.ORANGE),
    )
}


def _tickets(builder: BoardBuilder) -> None:
    shown = (
        "ticket",
        "direction",
        "plate",
        "material",
        "gross_kg",
        "tare_kg",
        "net_kg",
        "ticket_state",
        "stable",
        "manual_entry",
        "manifest",
    )
    tickets = WEIGHING.select(
        WEIGHING.columns("device", *shown), *WEIGHING.chosen(*CHOSEN), rest="ORDER BY time DESC LIMIT 500"
    )
    builder.add_panel(
        table_panel(),
        GridPosition(0, 21, 24, 11),
        Phrase("Weighings", "过磅记录"),
        Phrase(
            "Newest first, at most 500. Column Counts says whether the tonnes include a weighing, or why not. Tickets "
            "with an unsettled weight or a manual entry are marked: as evidence they need the video. Empty: nothing "
            "was weighed.",
            "最新在前，最多 500 条。“计入”一列说明该次过磅是否计入吨数及未计入的原因。未稳定或人工录入的记录已标注，"
            "此类磅单须结合视频方可作为证据。空白表示无过磅。",
        ),
        [table_query(tickets), names.names(builder.language, *CHOSEN)],
        transformations=names.join_names("Time", names.name_column(builder.language), of=WEIGHING),
        unit="suffix:kg",
        overrides=[
            Override("Time", title=Phrase("When", "时间"), unit="dateTimeAsIso", more={"custom.width": 170}),
            Override("device", more=HIDDEN),
            Override(
                names.name_column(builder.language), title=Phrase("Weighbridge", "地磅"), more={"custom.width": 210}
            ),
            Override("ticket", title=Phrase("Ticket", "磅单号"), more={"custom.width": 240}),
            Override(
                "direction",
                title=Phrase("Direction", "进出"),
                mappings={"in": (Phrase("in", "进"), None), "out": (Phrase("out", "出"), None)},
                more={"custom.width": 110},
            ),
            Override("plate", title=Phrase("Plate", "车牌"), more={"custom.width": 120}),
            Override(
                "material", title=Phrase("Stream", "类别"), mappings=value_mappings(STREAMS), more={"custom.width": 160}
            ),
            Override("gross_kg", title=Phrase("Gross", "毛重"), more={"decimals": 0, "custom.width": 110}),
            Override("tare_kg", title=Phrase("Tare", "皮重"), more={"decimals": 0, "custom.width": 110}),
            Override("net_kg", title=Phrase("Net", "净重"), more={"decimals": 0, "custom.width": 110}),
            Override("ticket_state", title=Phrase("Counts", "计入"), mappings=_TICKET_STATES),
            Override(
                "stable",
                title=Phrase("Stable", "稳定"),
                mappings=boolean_mapping(_YES, _NO, palette.GREEN, palette.ORANGE),
                more={"custom.width": 100},
            ),
            Override(
                "manual_entry",
                title=Phrase("By hand", "人工录入"),
                mappings=boolean_mapping(_YES, _NO, palette.VERMILLION, palette.GREY),
                more={"custom.width": 110},
            ),
            Override("manifest", title=Phrase("Manifest", "联单")),
        ],
    )
