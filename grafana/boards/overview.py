"""City overview: what an operations centre keeps on the wall."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from grafana.parts import frame, maps, palette, variables
from grafana.parts.alerts import column_looks, count_where, marker_looks, open_alerts, title_column
from grafana.parts.panels import BoardBuilder, GridPosition, Override, bars, columns, lines, listing, named, number
from grafana.parts.queries import (
    ALERT,
    ALERT_STATE,
    FILL,
    KINDS,
    POSITION,
    STATUS,
    WEIGHING,
    Query,
    always_there,
    health,
    rows,
    select_from,
)
from grafana.parts.wording import KINDS as KIND_NAMES
from grafana.parts.wording import RULES, SEVERITIES, Language, Text

AREA: Final = frame.AREAS["overview"]
_DESCRIPTION: Final = Text(
    "What comes in, what is wrong and where, how many trucks are out, how much was weighed today.",
    "数据接入、告警及其位置、出车数量、今日过磅吨数。",
)


def board(language: Language) -> model.Dashboard:
    """The board in one language."""
    house = BoardBuilder(language)
    _figures(house)
    _alerts(house)
    _data(house)
    return frame.board(
        "overview",
        house,
        _DESCRIPTION,
        [
            variables.chosen_tag("district", STATUS, language=language),
            variables.chosen_tag("fleet", STATUS, "district", language=language),
            variables.chosen_tag("site", STATUS, "district", language=language),
            variables.api_url(language),
        ],
        since="6h",
        refresh="30s",
    )


def _figures(house: BoardBuilder) -> None:
    is_open = f"{ALERT_STATE['open']} = 1"
    house.put(
        number(),
        GridPosition(0, 0, 3, 4),
        Text("P1 open", "P1 未处置"),
        Text(
            "Open alerts that want somebody now, of those that began in the time span. Anything but 0: see the table.",
            "所选时段内发生、需立即处置且仍未处置的告警数。不为 0 时请看下方列表。",
        ),
        [Query(count_where(is_open, f"{ALERT_STATE['severity']} = 'P1'", variables=AREA))],
        unit="none",
        steps=palette.NONE_IS_GOOD,
        more={"no_value": "0"},
    )
    house.put(
        number(),
        GridPosition(3, 0, 3, 4),
        Text("Alerts open", "未处置告警"),
        Text(
            "All open alerts that began in the time span. A growing number means that they are not being dealt with.",
            "所选时段内发生且仍未处置的全部告警。持续增加说明处置不及时。",
        ),
        [Query(count_where(is_open, variables=AREA))],
        unit="none",
        steps=palette.FEW_IS_GOOD,
        more={"no_value": "0"},
    )
    fastest = POSITION.select(
        f'max({POSITION["speed_kmh"]}) AS "top_kmh"', *POSITION.chosen("district", "fleet"), by=POSITION.by("device")
    )
    house.put(
        number(),
        GridPosition(6, 0, 3, 4),
        Text("Trucks out", "出车数"),
        Text(
            f"Trucks that drove faster than {palette.MOVING_KMH:.0f} km/h in the last 15 minutes. No value: none did.",
            f"最近 15 分钟内车速超过 {palette.MOVING_KMH:.0f} km/h 的车辆数。无值表示没有车辆出动。",
        ),
        [Query(select_from(fastest, 'count("top_kmh") AS "trucks"', f'"top_kmh" > {palette.MOVING_KMH:.0f}'))],
        unit="none",
        since="15m",
        more={"no_value": "0"},
    )
    house.put(
        number(),
        GridPosition(9, 0, 3, 4),
        Text("Tonnes today", "今日吨数"),
        Text(
            "Net weight of every ticket since midnight; the first weighing of a truck has no net weight yet. No "
            "value: no "
            "truck has left a weighbridge today.",
            "自零点起全部磅单净重之和；车辆首次过磅尚无净重。无值表示今日尚无车辆出磅。",
        ),
        [Query(WEIGHING.select(f'sum({WEIGHING["net_kg"]}) / 1000 AS "tonnes"', *WEIGHING.chosen("district", "site")))],
        unit="masst",
        since="now/d",
        more={"decimals": 1, "no_value": "0"},
    )
    levels = FILL.select(FILL.last("fill_pct"), *FILL.chosen("district", "site"), by=FILL.by("device", "compartment"))
    house.put(
        number(),
        GridPosition(12, 0, 3, 4),
        Text("Compartments full", "满溢箱体"),
        Text(
            f"Compartments of recycling points whose newest level is {palette.FILL_FULL_PCT:.0f} % or more, where "
            "`bin_overflow` alerts. Send a collection.",
            f"最新满溢度达到 {palette.FILL_FULL_PCT:.0f}% 及以上（满溢告警阈值）的回收点箱体数，请安排清运。",
        ),
        [Query(select_from(levels, 'count("fill_pct") AS "full"', f'"fill_pct" >= {palette.FILL_FULL_PCT:.0f}'))],
        unit="none",
        steps=palette.FEW_IS_GOOD,
        more={"no_value": "0"},
    )
    heard = STATUS.select(STATUS.last("session"), *STATUS.chosen(*AREA), by=STATUS.by("device"))
    house.put(
        number(),
        GridPosition(15, 0, 3, 4),
        Text("Devices heard", "在线设备"),
        Text(
            "Devices that sent a heartbeat in the last 15 minutes (one is due every 5). Fewer than usual: look for a "
            "network or broker outage before blaming drivers.",
            "最近 15 分钟内有心跳（每 5 分钟一次）的设备数。明显偏少时，请先排查网络或消息服务故障。",
        ),
        [Query(select_from(heard, 'count("session") AS "devices"'))],
        unit="none",
        steps=palette.SOME_IS_GOOD,
        since="15m",
        more={"no_value": "0"},
    )
    ledger = health("ledger")
    house.put(
        number(),
        GridPosition(18, 0, 3, 4),
        Text("Readings per second", "每秒读数"),
        Text(
            "Received by the whole city, whatever area is chosen. No value: ingestion does not report; see its board.",
            "全市每秒接收的读数（不受区域选择影响）。无值表示接入进程未上报，请查看数据接入健康。",
        ),
        [
            Query(
                ledger.select(
                    f"non_negative_derivative(last({ledger['received']}), 1s)", by=ledger.by(each_interval=True)
                )
            )
        ],
        unit="cps",
        every="1m",
    )
    consumer = health("consumer")
    house.put(
        number(),
        GridPosition(21, 0, 3, 4),
        Text("Data behind by", "数据滞后"),
        Text(
            "Age of the oldest message that recorder or judge has not dealt with, the worse of the two. Over a minute "
            "the "
            "boards and alerts no longer show the present: see ingestion health.",
            "记录与研判进程中最久未处理消息的时长（取较大者）。超过一分钟时看板与告警已非实时，请查看数据接入健康。",
        ),
        [Query(consumer.select(f"max({consumer['lag_s']})"))],
        unit="s",
        steps=palette.LAG_S_STEPS,
        since="1m",
        more={"decimals": 1},
    )


def _alerts(house: BoardBuilder) -> None:
    language = house.language
    began = ALERT_STATE.select(
        ALERT_STATE.columns("rule", "severity", "alert_id"), *ALERT_STATE.chosen(*AREA), rest="LIMIT 5000"
    )
    by_both = {
        "rule": {"operation": "groupby", "aggregations": []},
        "severity": {"operation": "groupby", "aggregations": []},
        "alert_id": {"operation": "aggregate", "aggregations": ["count"]},
    }
    matrix = {
        "columnField": "severity",
        "rowField": "rule",
        "valueField": "alert_id (count)",
        "emptyValue": "null",
    }
    house.put(
        columns(stacked=True),
        GridPosition(0, 4, 8, 10),
        Text("Alerts by rule and severity", "按规则与级别的告警"),
        Text(
            "Alerts that began in the time span, each counted once, under the severity it has now. Empty: nothing "
            "happened.",
            "所选时段内发生的告警，每条计一次，按其当前级别统计。空白表示没有告警。",
        ),
        [rows(began)],
        unit="none",
        overrides=[
            *named(SEVERITIES, palette.SEVERITY),
            Override("rule\\severity", title=Text("Rule", "规则"), mappings={k: (v, None) for k, v in RULES.items()}),
        ],
        transformations=[("groupBy", {"fields": by_both}), ("groupingToMatrix", matrix)],
    )
    first = f"{ALERT['revision']} = 1"
    house.put(
        bars(),
        GridPosition(8, 4, 8, 10),
        Text("Alerts raised", "告警数量"),
        Text(
            "New alerts over time, by rule; re-notifications are not counted. A sudden pile of one rule over many "
            "trucks is "
            "more often a closure or an outage than many offenders.",
            "各规则新发告警随时间的数量（不含重复提醒）。同一规则在多辆车上集中出现，多为封路或故障，而非集体违规。",
        ),
        [
            Query(
                ALERT.select(
                    f"count({ALERT['alert_id']})",
                    first,
                    *ALERT.chosen(*AREA),
                    by=ALERT.by("rule", each_interval=True, fill="0"),
                ),
                alias="$tag_rule",
            )
        ],
        unit="none",
        every="5m",
        overrides=named(RULES, palette.RULE),
        more={"decimals": 0},
    )
    places = ALERT_STATE.select(
        ALERT_STATE.columns("severity", "rule", "device", title_column(language), "lat", "lon"),
        f"{ALERT_STATE['open']} = 1",
        *ALERT_STATE.chosen(*AREA),
        rest="ORDER BY time DESC LIMIT 500",
    )
    house.put(
        maps.world(
            [
                *maps.surroundings(language),
                maps.markers(
                    house.say(Text("Open alerts", "未处置告警")),
                    {"field": "severity", "fixed": palette.GREY},
                    8,
                    label="device",
                ),
            ]
        ),
        GridPosition(16, 4, 8, 10),
        Text("Where alerts are open", "未处置告警位置"),
        Text(
            "Open alerts that name a place, coloured by severity, over sites and corridors. Empty: none is open, or "
            "none "
            "has a position. No sites: the API address (a variable in the menu) is not reachable from this browser.",
            "有位置的未处置告警，按级别着色，底图为场地与核准线路。空白表示没有未处置告警或均无位置；"
            "若无场地图层，请检查菜单中的 API 地址在本浏览器是否可达。",
        ),
        [rows(places)],
        unit="none",
        overrides=marker_looks(),
    )
    house.put(
        listing(),
        GridPosition(0, 14, 16, 10),
        Text("Open alerts", "未处置告警列表"),
        Text(
            "Newest first. The device's links lead to its truck, recycling point or station in the half hour round the "
            "alert; acknowledging and closing is done in the console. Empty: nothing is open.",
            "最新在前。点击设备可查看告警前后半小时内的车辆、回收点或场站；确认与关闭请在控制台操作。"
            "空白表示没有未处置告警。",
        ),
        [rows(open_alerts(language, *AREA))],
        unit="none",
        overrides=column_looks(language),
    )


def _data(house: BoardBuilder) -> None:
    rates = [
        Query(
            series.select(
                # Grafana knows how long its interval is; InfluxQL has no function that does.
                f"count({series[always_there(kind)]}) * 1000 / $__interval_ms",
                *series.chosen("district"),
                by=series.by(each_interval=True, fill="0"),
            ),
            alias=str(kind),
            ref=ref,
        )
        for ref, (kind, series) in zip("ABCDE", KINDS.items(), strict=True)
    ]
    house.put(
        lines(),
        GridPosition(16, 14, 8, 5),
        Text("Readings per second, by kind", "各类读数速率"),
        Text(
            "What was measured when, by device time: a blind zone's gap closes when its trucks upload. A kind at 0 "
            "that "
            "is usually not: its devices are cut off.",
            "按设备时间统计的各类读数速率；盲区缺口会在补传后补齐。某类读数降为 0 说明该类设备断联。",
        ),
        rates,
        unit="cps",
        every="1m",
        overrides=named({str(kind): text for kind, text in KIND_NAMES.items()}, palette.KIND),
        more={"min": 0},
    )
    refused = health("quarantine")
    consumer = health("consumer")
    house.put(
        lines(),
        GridPosition(16, 19, 8, 5),
        Text("Data health", "数据健康"),
        Text(
            "Seconds behind of recorder and judge, and readings refused per second. All should lie near 0; ingestion "
            "health "
            "says more.",
            "记录与研判滞后的秒数，以及每秒拒收的读数。均应接近 0，详情见数据接入健康。",
        ),
        [
            Query(
                consumer.select(f"max({consumer['lag_s']})", by=consumer.by("of", each_interval=True)),
                alias="$tag_of",
            ),
            Query(
                select_from(
                    refused.select(
                        f'non_negative_derivative(last({refused["readings"]}), 1s) AS "rate"',
                        by=refused.by("of", each_interval=True),
                    ),
                    'sum("rate")',
                    by="time($__interval) fill(none)",
                ),
                alias="refused",
                ref="B",
            ),
        ],
        unit="s",
        every="1m",
        overrides=[
            Override("recorder", title=Text("recorder behind", "记录滞后"), colour=palette.BLUE),
            Override("judge", title=Text("judge behind", "研判滞后"), colour=palette.ORANGE),
            Override("refused", title=Text("refused", "拒收"), unit="cps", colour=palette.VERMILLION),
        ],
        more={"min": 0},
    )
