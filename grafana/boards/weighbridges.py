"""Weighbridges and stations: tickets, tonnes by stream, what the lines take and what waits before them."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from grafana.parts import frame, palette, variables
from grafana.parts.panels import (
    BoardBuilder,
    GridPosition,
    Override,
    bars,
    columns,
    lines,
    listing,
    number,
    switch,
    timeline,
)
from grafana.parts.queries import STATUS, THROUGHPUT, WEIGHING, Query, rows, select_from
from grafana.parts.wording import Language, Text

CHOSEN: Final = (*frame.AREAS["weighbridges"], "device")
_DESCRIPTION: Final = Text(
    "Tickets and tonnes of the weighbridges; throughput, hopper and queue of sorting and transfer lines.",
    "地磅的磅单与吨数；分拣与转运线的处理量、料斗与排队情况。",
)
_YES: Final = Text("yes", "是")
_NO: Final = Text("no", "否")
_NET_T: Final = f"sum({WEIGHING['net_kg']}) / 1000"


def board(language: Language) -> model.Dashboard:
    """The board in one language."""
    house = BoardBuilder(language)
    _figures(house)
    _tonnes(house)
    _lines(house)
    _tickets(house)
    return frame.board(
        "weighbridges",
        house,
        _DESCRIPTION,
        [
            variables.chosen_tag("district", STATUS, language=language),
            variables.chosen_tag("site", STATUS, "district", language=language),
            variables.chosen_tag("device", STATUS, "district", "site", language=language),
        ],
        since="12h",
        refresh="1m",
    )


def _figures(house: BoardBuilder) -> None:
    chosen = WEIGHING.chosen(*CHOSEN)
    newest = THROUGHPUT.select(
        THROUGHPUT.last("rate_t_per_h", "queue_trucks", "running"),
        *THROUGHPUT.chosen(*CHOSEN),
        by=THROUGHPUT.by("device"),
    )
    out = f"{WEIGHING['direction']} = 'out'"
    by_hand = f"{WEIGHING['manual_entry']} = true"
    figures = (
        (
            Text("Tonnes", "吨数"),
            Text(
                "Net weight of all tickets in the time span. No value: no truck left a weighbridge.",
                "时段内全部磅单净重。无值表示没有车辆出磅。",
            ),
            WEIGHING.select(_NET_T, *chosen),
            "masst",
            palette.PLAIN,
            1,
        ),
        (
            Text("Tickets", "磅单数"),
            Text(
                "Trucks weighed out in the time span; each has one ticket.",
                "时段内出磅车次，每车次一张磅单。",
            ),
            WEIGHING.select(f"count({WEIGHING['gross_kg']})", out, *chosen),
            "none",
            palette.PLAIN,
            0,
        ),
        (
            Text("Entered by hand", "人工录入"),
            Text(
                "Weighings typed by a person instead of taken from the scale. More than 2 in 100 is worth a visit.",
                "人工录入而非采自秤台的过磅数；超过 2% 应实地核查。",
            ),
            WEIGHING.select(f"count({WEIGHING['gross_kg']})", by_hand, *chosen),
            "none",
            palette.FEW_IS_GOOD,
            0,
        ),
        (
            Text("Lines running", "运行线数"),
            Text(
                "Lines whose newest report says running. 0 in working hours: call the station.",
                "最新上报为运行中的处理线数；工作时段为 0 请联系场站。",
            ),
            select_from(newest, 'count("running") AS "lines"', '"running" = true'),
            "none",
            palette.SOME_IS_GOOD,
            0,
        ),
        (
            Text("Throughput, t/h", "处理量（吨/小时）"),
            Text(
                "Newest rate of all lines together, in tonnes an hour.",
                "全部处理线最新速率之和（吨/小时）。",
            ),
            select_from(newest, 'sum("rate_t_per_h") AS "rate"'),
            "suffix: t/h",
            palette.PLAIN,
            1,
        ),
        (
            Text("Trucks queueing", "排队车辆"),
            Text(
                "Newest count before all lines. Long queues with running lines: send trucks elsewhere.",
                "各线前最新排队车辆之和；线在运行而排队较长时应分流。",
            ),
            select_from(newest, 'sum("queue_trucks") AS "trucks"'),
            "none",
            ((None, palette.GREEN), (10.0, palette.ORANGE), (25.0, palette.VERMILLION)),
            0,
        ),
    )
    for at, (title, description, query, unit, steps, decimals) in enumerate(figures):
        house.put(
            number(),
            GridPosition(4 * at, 0, 4, 4),
            title,
            description,
            [Query(query)],
            unit=unit,
            steps=steps,
            more={"decimals": decimals, "no_value": "0"},
        )


def _tonnes(house: BoardBuilder) -> None:
    chosen = WEIGHING.chosen(*CHOSEN)
    house.put(
        bars(),
        GridPosition(0, 4, 14, 9),
        Text("Tonnes by weighbridge", "各地磅吨数"),
        Text(
            "Net weight per interval, by weighbridge. A bridge that falls to nothing while its neighbours work: see "
            "whether "
            "it is broken or trucks go round it.",
            "各地磅每个时间间隔的净重。某地磅归零而其他正常时，请核查是否故障或车辆绕磅。",
        ),
        [Query(WEIGHING.select(_NET_T, *chosen, by=WEIGHING.by("device", each_interval=True)), alias="$tag_device")],
        unit="masst",
        every="30m",
        more={"decimals": 1, "min": 0, "color": model.FieldColor(mode=_SHADES, fixed_color=palette.BLUE)},
    )
    streams = WEIGHING.select(
        WEIGHING.columns("material", "net_kg"), f"{WEIGHING['net_kg']} > 0", *chosen, rest="LIMIT 20000"
    )
    summed = {
        "material": {"operation": "groupby", "aggregations": []},
        "net_kg": {"operation": "aggregate", "aggregations": ["sum"]},
    }
    house.put(
        columns(),
        GridPosition(14, 4, 10, 9),
        Text("Tonnes by stream", "各类废弃物吨数"),
        Text(
            "Net weight by waste stream, as the sites name it, added up in the browser from at most 20,000 tickets: "
            "choose "
            "a shorter time span for more. Empty: no ticket in the time span.",
            "按场站填报的废弃物类别统计净重（由浏览器汇总，最多 20000 张磅单，更多时请缩短时段）。"
            "空白表示该时段无磅单。",
        ),
        [rows(streams)],
        unit="masskg",
        overrides=[
            Override("material", title=Text("Stream", "类别")),
            Override("net_kg (sum)", title=Text("Net weight", "净重"), colour=palette.GREEN),
        ],
        transformations=[("groupBy", {"fields": summed})],
    )


_SHADES: Final = model.FieldColorModeId.SHADES
"""Shades of one colour: devices have no order, and twenty hues say nothing."""


def _lines(house: BoardBuilder) -> None:
    chosen = THROUGHPUT.chosen(*CHOSEN)
    by_line = THROUGHPUT.by("device", each_interval=True)

    def curve(what: str) -> list[Query]:
        return [Query(THROUGHPUT.select(what, *chosen, by=by_line), alias="$tag_device")]

    house.put(
        lines(),
        GridPosition(0, 13, 8, 8),
        Text("Throughput of each line", "各线处理量"),
        Text(
            "Mean rate per interval. A slow decline over days is wear; a sudden 0 with trucks queueing is a stop.",
            "每个间隔的平均速率。多日缓慢下降为磨损；排队时骤降为 0 为停机。",
        ),
        curve(f"mean({THROUGHPUT['rate_t_per_h']})"),
        unit="suffix: t/h",
        every="1m",
        more={"decimals": 1, "min": 0, "color": model.FieldColor(mode=_SHADES, fixed_color=palette.PURPLE)},
    )
    house.put(
        lines(by_value=True),
        GridPosition(8, 13, 8, 8),
        Text("Hopper fill", "料斗料位"),
        Text(
            f"At {palette.HOPPER_FULL_PCT:.0f} % the hopper is full, below {palette.HOPPER_CLEAR_PCT:.0f} % it is"
            " at ease. Before it is full: slow the intake or start the second line.",
            f"达到 {palette.HOPPER_FULL_PCT:.0f}% 为满仓，低于 {palette.HOPPER_CLEAR_PCT:.0f}% 为正常；"
            "请提前放缓进料或启用备用线。",
        ),
        curve(f"mean({THROUGHPUT['hopper_pct']})"),
        unit="percent",
        steps=palette.HOPPER_STEPS,
        every="1m",
        more={"decimals": 0, "min": 0, "max": 100, "color": _BY_VALUE},
    )
    house.put(
        timeline(),
        GridPosition(16, 13, 8, 8),
        Text("Lines running", "各线运行状态"),
        Text(
            "When each line ran. Gaps: it did not report.",
            "各线的运行时段；空缺表示未上报。",
        ),
        curve(f"last({THROUGHPUT['running']})"),
        unit="none",
        every="1m",
        overrides=[
            Override(".*", title=None, mappings=switch(_YES, _NO, palette.GREEN, palette.VERMILLION), regexp=True)
        ],
    )


_BY_VALUE: Final = model.FieldColor(mode=model.FieldColorModeId.THRESHOLDS)


def _tickets(house: BoardBuilder) -> None:
    shown = (
        "ticket",
        "direction",
        "plate",
        "material",
        "gross_kg",
        "tare_kg",
        "net_kg",
        "stable",
        "manual_entry",
        "manifest",
    )
    tickets = WEIGHING.select(
        WEIGHING.columns("device", "site", *shown), *WEIGHING.chosen(*CHOSEN), rest="ORDER BY time DESC LIMIT 500"
    )
    house.put(
        listing(),
        GridPosition(0, 21, 24, 11),
        Text("Weighings", "过磅记录"),
        Text(
            "Newest first, at most 500. Not settled or entered by hand is marked: such a ticket does not stand in a "
            "hearing "
            "without the video. Empty: nothing was weighed.",
            "最新在前，最多 500 条。未稳定或人工录入的记录已标注，此类磅单须结合视频方可作为证据。空白表示无过磅。",
        ),
        [rows(tickets)],
        unit="masskg",
        overrides=[
            Override("Time", title=Text("When", "时间"), unit="dateTimeAsLocal"),
            Override("device", title=Text("Weighbridge", "地磅")),
            Override("site", title=Text("Site", "场地")),
            Override("ticket", title=Text("Ticket", "磅单号"), more={"custom.minWidth": 220}),
            Override(
                "direction",
                title=Text("Direction", "进出"),
                mappings={"in": (Text("in", "进"), None), "out": (Text("out", "出"), None)},
            ),
            Override("plate", title=Text("Plate", "车牌")),
            Override("material", title=Text("Stream", "类别")),
            Override("gross_kg", title=Text("Gross", "毛重"), more={"decimals": 0}),
            Override("tare_kg", title=Text("Tare", "皮重"), more={"decimals": 0}),
            Override("net_kg", title=Text("Net", "净重"), more={"decimals": 0}),
            Override(
                "stable", title=Text("Settled", "稳定"), mappings=switch(_YES, _NO, palette.GREEN, palette.ORANGE)
            ),
            Override(
                "manual_entry",
                title=Text("By hand", "人工录入"),
                mappings=switch(_YES, _NO, palette.VERMILLION, palette.GREY),
            ),
            Override("manifest", title=Text("Manifest", "联单")),
        ],
    )
