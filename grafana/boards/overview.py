"""City overview: the board for the wall display of an operations centre."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from grafana.parts import frame, maps, palette, suspected, variables
from grafana.parts.alerts import (
    LATE_NOTE,
    SHELVED_NOTE,
    column_overrides,
    label_column,
    marker_overrides,
    open_alerts,
    open_count,
    open_places,
)
from grafana.parts.panels import (
    PER_SECOND,
    BoardBuilder,
    GridPosition,
    Override,
    Transformation,
    bar_chart_panel,
    bar_panel,
    line_panel,
    series_overrides,
    stat_panel,
    table_panel,
)
from grafana.parts.queries import (
    ALERT,
    ALERT_STATE,
    FILL,
    KINDS,
    POSITION,
    STATUS,
    WEIGHING,
    Query,
    health,
    required_field,
    select_from,
    table_query,
)
from grafana.parts.wording import KINDS as KIND_NAMES
from grafana.parts.wording import RULES, SEVERITIES, Phrase

AREA: Final = frame.AREAS["overview"]
_DESCRIPTION: Final = Phrase(
    "Incoming data, open alerts and their positions, trucks on the road, tonnes weighed today.",
    "数据接入、告警及其位置、出车数量、今日过磅吨数。",
)


def board(builder: BoardBuilder) -> model.Dashboard:
    """The board in one language."""
    language = builder.language
    _figures(builder)
    _alerts(builder)
    _data(builder)
    return frame.assemble(
        "overview",
        builder,
        _DESCRIPTION,
        [
            variables.named_variable("district", language=language),
            variables.named_variable("fleet", "district", language=language),
            variables.named_variable("site", "district", language=language),
        ],
        since="6h",
        refresh="30s",
    )


def _figures(builder: BoardBuilder) -> None:
    builder.add_panel(
        stat_panel(),
        GridPosition(0, 0, 3, 4),
        Phrase("P1 open", "P1 未处置"),
        Phrase(
            "Open alerts that need action now, however long ago they began. If this is not 0, see the table.",
            "需立即处置且仍未处置的告警数，不限发生时间。不为 0 时请看下方列表。",
        ),
        [Query(open_count(f"{ALERT_STATE['severity']} = 'P1'", variables=AREA))],
        unit="none",
        steps=palette.NONE_IS_GOOD,
        more={"no_value": "0"},
    )
    builder.add_panel(
        stat_panel(),
        GridPosition(3, 0, 3, 4),
        Phrase("Alerts open", "未处置告警"),
        Phrase(
            "All open alerts, however long ago they began. A growing number means that nobody deals with them.",
            "仍未处置的全部告警，不限发生时间。持续增加说明处置不及时。",
        ),
        [Query(open_count(variables=AREA))],
        unit="none",
        steps=palette.FEW_IS_GOOD,
        more={"no_value": "0"},
    )
    fastest = POSITION.select(
        f'max({POSITION["speed_kmh"]}) AS "top_kmh"', *POSITION.chosen("district", "fleet"), by=POSITION.by("device")
    )
    builder.add_panel(
        stat_panel(),
        GridPosition(6, 0, 3, 4),
        Phrase("Trucks out", "出车数"),
        Phrase(
            f"Trucks that drove faster than {palette.MOVING_KMH:.0f} km/h in the last 15 minutes. No value: no truck "
            "did.",
            f"最近 15 分钟内车速超过 {palette.MOVING_KMH:.0f} km/h 的车辆数。无值表示没有车辆出动。",
        ),
        [Query(select_from(fastest, 'count("top_kmh") AS "trucks"', f'"top_kmh" > {palette.MOVING_KMH:.0f}'))],
        unit="none",
        since="15m",
        more={"no_value": "0"},
    )
    builder.add_panel(
        stat_panel(),
        GridPosition(9, 0, 3, 4),
        Phrase("Net today", "今日吨数"),
        Phrase(
            "Net weight of all tickets since midnight. Each ticket counts once, if its scale was at rest and its "
            "weights agree. No value: no truck has left a weighbridge today.",
            "自零点起全部磅单净重之和；每张磅单仅计一次，且须读数稳定、毛皮净重相符。无值表示今日尚无车辆出磅。",
        ),
        [
            Query(
                WEIGHING.select(
                    f'sum({WEIGHING["counted_kg"]}) / 1000 AS "tonnes"', *WEIGHING.chosen("district", "site")
                )
            )
        ],
        unit="masst",
        since="now/d",
        more={"decimals": 1, "no_value": "0"},
    )
    levels = FILL.select(FILL.newest("fill_pct"), *FILL.chosen("district", "site"), by=FILL.by("device", "compartment"))
    builder.add_panel(
        stat_panel(),
        GridPosition(12, 0, 3, 4),
        Phrase("Bins full", "满溢箱体"),
        Phrase(
            f"Compartments of recycling points whose newest level is {palette.FILL_FULL_PCT:.0f} % or more. Send a "
            "collection vehicle. The alerts of `bin_overflow` are by the level of each point (`overflow_at_pct`).",
            f"最新满溢度达到 {palette.FILL_FULL_PCT:.0f}% 及以上的回收点箱体数，请安排清运。"
            "满溢告警按各回收点自身阈值（overflow_at_pct）触发。",
        ),
        [Query(select_from(levels, 'count("fill_pct") AS "full"', f'"fill_pct" >= {palette.FILL_FULL_PCT:.0f}'))],
        unit="none",
        steps=palette.FEW_IS_GOOD,
        more={"no_value": "0"},
    )
    heard = STATUS.select(STATUS.newest("online"), *STATUS.chosen(*AREA), by=STATUS.by("device"))
    builder.add_panel(
        stat_panel(),
        GridPosition(15, 0, 3, 4),
        Phrase("Devices on", "在线设备"),
        Phrase(
            "Devices that sent a heartbeat in the last 15 minutes (one is due every 5) and have not shut down since. "
            "If there are fewer than usual, first look for an outage of network or broker.",
            "最近 15 分钟内有心跳（每 5 分钟一次）且未关机的设备数。明显偏少时，请先排查网络或消息服务故障。",
        ),
        [Query(select_from(heard, 'count("online") AS "devices"', '"online" = true'))],
        unit="none",
        steps=palette.SOME_IS_GOOD,
        since="15m",
        more={"no_value": "0"},
    )
    ledger = health("ledger")
    builder.add_panel(
        stat_panel(),
        GridPosition(18, 0, 3, 4),
        Phrase("Readings in", "每秒读数"),
        Phrase(
            "Readings received from the whole city, whatever area is chosen. No value: ingestion does not report; "
            "see board Ingestion health.",
            "全市每秒接收的读数（不受区域选择影响）。无值表示接入进程未上报，请查看数据接入健康。",
        ),
        [
            Query(
                ledger.select(
                    f"non_negative_derivative(last({ledger['received']}), 1s)", by=ledger.by(each_interval=True)
                )
            )
        ],
        unit=PER_SECOND,
        every="1m",
        more={"decimals": 1},
    )
    consumer = health("consumer")
    builder.add_panel(
        stat_panel(),
        GridPosition(21, 0, 3, 4),
        Phrase("Data lag", "数据滞后"),
        Phrase(
            "Age of the oldest message that recorder or judge has not processed, in whole seconds; the larger of the "
            "two. Above a minute, boards and alerts no longer show the present: see board Ingestion health.",
            "记录与研判进程中最久未处理消息的时长（取较大者）。超过一分钟时看板与告警已非实时，请查看数据接入健康。",
        ),
        [Query(consumer.select(f"ceil(max({consumer['lag_s']}))"))],
        unit="s",
        steps=palette.LAG_S_STEPS,
        since="1m",
        more={"decimals": 0},
    )


def _alerts(builder: BoardBuilder) -> None:
    language = builder.language
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
    builder.add_panel(
        bar_chart_panel(stacked=True),
        GridPosition(0, 4, 8, 10),
        Phrase("Alerts by rule and severity", "按规则与级别的告警"),
        Phrase(
            "Alerts that began in the time span, each counted once, by its current severity. Empty: no alerts.",
            "所选时段内发生的告警，每条计一次，按其当前级别统计。空白表示没有告警。",
        ),
        [table_query(began)],
        unit="none",
        overrides=[
            *series_overrides(SEVERITIES, palette.SEVERITY),
            Override("rule\\severity", title=Phrase("Rule", "规则"), mappings={k: (v, None) for k, v in RULES.items()}),
        ],
        transformations=[Transformation("groupBy", {"fields": by_both}), Transformation("groupingToMatrix", matrix)],
    )
    first = f"{ALERT['revision']} = 1"
    builder.add_panel(
        bar_panel(),
        GridPosition(8, 4, 8, 10),
        Phrase("Alerts raised", "告警数量"),
        Phrase(
            "New alerts over time, by rule; repeated notifications are not counted. Many alerts of one rule at once, "
            "for many trucks, usually mean a road closure or an outage and not many offences.",
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
        overrides=series_overrides(RULES, palette.RULE),
        more={"decimals": 0},
    )
    # Trucks as small dots: so the map shows the city where no alert is open, too.
    trucks = builder.localize(Phrase("Trucks", "车辆"))
    located = POSITION.select(
        POSITION.newest("lat", "lon"),
        *POSITION.chosen("district", "fleet"),
        f"{POSITION['located']} = true",
        by=POSITION.by("device"),
    )
    builder.add_panel(
        maps.map_panel(
            fit=trucks,
            layers=[
                *maps.area_layers(builder),
                maps.marker_layer(trucks, {"fixed": palette.GREY}, 3, ref="B"),
                suspected.layer(builder, "C"),
                maps.marker_layer(
                    builder.localize(Phrase("Open alerts", "未处置告警")),
                    {"field": "severity", "fixed": palette.GREY},
                    8,
                    label=label_column(builder.language),
                    ref="A",
                ),
            ],
        ),
        GridPosition(16, 4, 8, 10),
        Phrase("Where alerts are open", "未处置告警位置"),
        maps.described(
            Phrase(
                "Open alerts with a position, coloured by severity; grey dots are trucks where they were last located. "
                + suspected.NOTE.en,
                "有位置的未处置告警，按级别着色；灰点为各车辆最近一次定位。" + suspected.NOTE.zh,
            )
        ),
        [
            table_query(open_places(language, *AREA), "A"),
            table_query(located, "B"),
            table_query(suspected.suspected_places(), "C"),
        ],
        unit="none",
        overrides=[*marker_overrides(), *suspected.overrides(), *maps.NOT_IN_TOOLTIP],
    )
    builder.add_panel(
        table_panel(),
        GridPosition(0, 14, 16, 12),
        Phrase("Open alerts", "未处置告警列表"),
        Phrase(
            "All open alerts, newest first. The link of a device opens its board (truck, recycling point or station) "
            "around the time of the alert. Acknowledge and close alerts in the console. "
            f"{SHELVED_NOTE.en} {LATE_NOTE.en} Empty: no alert is open.",
            "全部未处置告警，最新在前。点击设备可查看告警前后半小时内的车辆、回收点或场站；确认与关闭请在控制台操作。"
            f"{SHELVED_NOTE.zh}{LATE_NOTE.zh}空白表示没有未处置告警。",
        ),
        [table_query(open_alerts(language, *AREA))],
        unit="none",
        overrides=column_overrides(language),
    )


def _data(builder: BoardBuilder) -> None:
    rates = [
        Query(
            series.select(
                # Grafana knows the length of its interval; InfluxQL has no function for it.
                f"count({series[required_field(kind)]}) * 1000 / $__interval_ms",
                *series.chosen("district"),
                by=series.by(each_interval=True, fill="0"),
            ),
            alias=str(kind),
            ref=ref,
        )
        for ref, (kind, series) in zip("ABCDE", KINDS.items(), strict=True)
    ]
    builder.add_panel(
        line_panel(),
        GridPosition(16, 14, 8, 6),
        Phrase("Readings per second, by kind", "各类读数速率"),
        Phrase(
            "Readings by device time: a gap from a blind zone closes when the trucks upload. If a kind falls to 0 "
            "unexpectedly, its devices are cut off.",
            "按设备时间统计的各类读数速率；盲区缺口会在补传后补齐。某类读数降为 0 说明该类设备断联。",
        ),
        rates,
        unit=PER_SECOND,
        every="1m",
        overrides=series_overrides({str(kind): text for kind, text in KIND_NAMES.items()}, palette.KIND),
        more={"min_val": 0},
    )
    refused = health("quarantine")
    consumer = health("consumer")
    builder.add_panel(
        line_panel(),
        GridPosition(16, 20, 8, 6),
        Phrase("Data health", "数据健康"),
        Phrase(
            "Lag of recorder and judge in seconds, and refused readings per second. All should be near 0; for "
            "details see board Ingestion health.",
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
            Override("recorder", title=Phrase("recorder lag", "记录滞后"), colour=palette.BLUE),
            Override("judge", title=Phrase("judge lag", "研判滞后"), colour=palette.ORANGE),
            Override("refused", title=Phrase("refused", "拒收"), unit=PER_SECOND, colour=palette.VERMILLION),
        ],
        more={"min_val": 0},
    )
