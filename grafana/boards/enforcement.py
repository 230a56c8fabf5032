"""Enforcement: open alerts and their age, time to acknowledge and to close, outcomes, suspected sites."""

from typing import Final

from grafana_foundation_sdk.models import dashboard as model

from grafana.parts import frame, palette, suspected, variables
from grafana.parts.alerts import (
    LATE_NOTE,
    SHELVED_NOTE,
    column_overrides,
    label_column,
    open_alerts,
    open_count,
    open_figure,
    title_column,
)
from grafana.parts.panels import (
    BoardBuilder,
    Figure,
    GridPosition,
    Override,
    Transformation,
    add_figures,
    bar_chart_panel,
    bar_panel,
    bounded_line_panel,
    line_panel,
    series_overrides,
    table_panel,
    value_mappings,
)
from grafana.parts.queries import ALERT, ALERT_STATE, Query, health, table_query
from grafana.parts.wording import LASTING, OUTCOMES, RULES, SINCE, Phrase

CHOSEN: Final = (*frame.AREAS["enforcement"], "rule", "device")
_DESCRIPTION: Final = Phrase(
    "Open alerts and their age, time to acknowledge and to close, outcomes and the share of false alarms.",
    "未处置告警及其时长、确认接收与处置用时、处置结果及误报率。",
)
_NARROW: Final = {"custom.width": 90}
_OUTCOME: Final = Phrase("Outcome", "处置结果")
_HANDLED: Final = f"{ALERT_STATE['handled']} = 1"
_SHARE_STEPS: Final = ((None, palette.GREEN), (5.0, palette.ORANGE), (20.0, palette.VERMILLION))
_RATE: Final = health("alerts")
_RATE_STEPS: Final = ((None, palette.GREEN), (1.0, palette.ORANGE), (10.0, palette.VERMILLION))
"""Per operator and ten minutes: acceptable on average, and a flood (ISA-18.2, IEC 62682)."""
_WAIT_STEPS: Final = ((None, palette.GREEN), (600.0, palette.ORANGE), (1800.0, palette.VERMILLION))
"""Orange from 10 minutes; red from 30 minutes, when the alert is sent again."""


def board(builder: BoardBuilder) -> model.Dashboard:
    """The board in one language."""
    language = builder.language
    _figures(builder)
    builder.add_panel(
        table_panel(),
        GridPosition(0, 4, 24, 11),
        Phrase("Open alerts", "未处置告警"),
        Phrase(
            "Alerts that are neither over nor closed by a person, however long ago they began, newest first. The links "
            "of a device open its boards around the time of the alert. Acknowledge and close alerts in the console. "
            f"{SHELVED_NOTE.en} {LATE_NOTE.en} Empty: no alert is open.",
            "尚未结束也未人工关闭的全部告警，不限发生时间，最新在前。点击设备可查看告警前后半小时；确认与关闭请在控制台操作。"
            f"{SHELVED_NOTE.zh}{LATE_NOTE.zh}空白表示没有未处置告警。",
        ),
        [table_query(open_alerts(language, *CHOSEN))],
        unit="none",
        overrides=column_overrides(language),
    )
    _over_time(builder)
    _by_rule(builder)
    _suspected_sites(builder)
    _alarm_rate(builder)
    return frame.assemble(
        "enforcement",
        builder,
        _DESCRIPTION,
        [
            variables.named_variable("district", language=language),
            variables.named_variable("fleet", "district", language=language),
            variables.named_variable("site", "district", language=language),
            variables.rule_variable(language),
            variables.named_variable("device", *frame.AREAS["enforcement"], language=language),
        ],
        since="7d",
        refresh="30s",
    )


def _figures(builder: BoardBuilder) -> None:
    chosen = ALERT_STATE.chosen(*CHOSEN)
    figures = (
        Figure(
            Phrase("Open", "未处置"),
            Phrase(
                "Alerts that are neither over nor closed by a person, however long ago they began.",
                "尚未结束也未人工关闭的告警数，不限发生时间。",
            ),
            open_count(variables=CHOSEN),
            "none",
            palette.FEW_IS_GOOD,
            {"no_value": "0"},
        ),
        Figure(
            Phrase("Open P1", "P1 未处置"),
            Phrase(
                "Of these, alerts that need action now. If this is not 0, send somebody or record why not.",
                "其中需立即处置的数量。不为 0 须有人出动或说明原因。",
            ),
            open_count(f"{ALERT_STATE['severity']} = 'P1'", variables=CHOSEN),
            "none",
            palette.NONE_IS_GOOD,
            {"no_value": "0"},
        ),
        Figure(
            Phrase("Not acknowledged", "无人接收"),
            Phrase(
                "Open alerts that nobody has acknowledged. They are sent again every 30 minutes.",
                "尚无人确认接收的未处置告警，每 30 分钟再次提醒。",
            ),
            open_count(f"{ALERT_STATE['acknowledged']} = 0", variables=CHOSEN),
            "none",
            palette.NONE_IS_GOOD,
            {"no_value": "0"},
        ),
        Figure(
            Phrase("Oldest open", "最早未处置"),
            Phrase(
                "When the oldest open alert began. Close alerts that are dealt with, or this figure means nothing.",
                "最早的未处置告警开始时间。已解决的请及时关闭。",
            ),
            open_figure(f"min({ALERT_STATE['opened_at']})", variables=CHOSEN),
            SINCE[builder.language],
            palette.PLAIN,
            {"no_value": "–"},
        ),
        Figure(
            Phrase("Acknowledged in", "接收用时"),
            Phrase(
                "Median time from notification to acknowledgement, for alerts of the time span that were "
                "acknowledged. Unacknowledged alerts are not included.",
                "时段内已确认告警从通知到确认接收的用时中位数，不含尚未确认的告警。",
            ),
            ALERT_STATE.select(f"median({ALERT_STATE['acknowledge_s']})", *chosen),
            LASTING[builder.language],
            _WAIT_STEPS,
            {"no_value": "–"},
        ),
        Figure(
            Phrase("False alarms", "误报率"),
            Phrase(
                "Share of false alarms among the alerts that a person closed. Above 5 %, check the rule's parameters "
                "or the sensor. With few closed alerts the share means little.",
                "人工关闭的告警中误报所占比例。超过 5% 请检查规则参数或传感器；样本少时意义不大。",
            ),
            ALERT_STATE.select(f"mean({ALERT_STATE['false_alarm']}) * 100", _HANDLED, *chosen),
            "percent",
            _SHARE_STEPS,
            {"no_value": "–"},
        ),
    )
    add_figures(builder, figures)


def _over_time(builder: BoardBuilder) -> None:
    chosen = ALERT_STATE.chosen(*CHOSEN)
    builder.add_panel(
        bar_panel(),
        GridPosition(0, 15, 8, 9),
        Phrase("Alerts by rule", "各规则告警"),
        Phrase(
            "Alerts by the time they began, each counted once. Empty: none in the time span.",
            "按开始时间统计的告警，每条计一次。空白表示时段内无告警。",
        ),
        [
            Query(
                ALERT_STATE.select(
                    f"count({ALERT_STATE['alert_id']})",
                    *chosen,
                    by=ALERT_STATE.by("rule", each_interval=True, fill="0"),
                ),
                alias="$tag_rule",
            )
        ],
        unit="none",
        every="1h",
        overrides=series_overrides(RULES, palette.RULE),
        more={"decimals": 0},
    )
    builder.add_panel(
        line_panel(),
        GridPosition(8, 15, 8, 9),
        Phrase("Time to acknowledge and to close", "接收与处置用时"),
        Phrase(
            "Medians, and the 90th percentile of acknowledging, by the time the alert began. If they rise, there are "
            "too few people or too many false alarms. Empty: nobody acknowledged or closed an alert.",
            "按告警开始时间统计的用时中位数及接收用时第 90 百分位。上升说明人手不足或无效告警过多。"
            "空白表示无人确认或关闭。",
        ),
        [
            Query(
                ALERT_STATE.select(what, *chosen, by=ALERT_STATE.by(each_interval=True)),
                alias=name,
                ref=ref,
            )
            for ref, name, what in (
                ("A", "acknowledge_p50", f"median({ALERT_STATE['acknowledge_s']})"),
                ("B", "acknowledge_p90", f"percentile({ALERT_STATE['acknowledge_s']}, 90)"),
                ("C", "handle_p50", f"median({ALERT_STATE['handle_s']})"),
            )
        ],
        unit=LASTING[builder.language],
        every="1h",
        overrides=[
            Override("acknowledge_p50", title=Phrase("acknowledged, median", "接收，中位数"), colour=palette.BLUE),
            Override("acknowledge_p90", title=Phrase("acknowledged, p90", "接收，P90"), colour=palette.SKY),
            Override("handle_p50", title=Phrase("closed, median", "处置，中位数"), colour=palette.ORANGE),
        ],
        more={"min_val": 0},
    )
    closed = ALERT_STATE.select(
        ALERT_STATE.columns("outcome", "alert_id"), _HANDLED, *chosen, rest="ORDER BY time DESC LIMIT 5000"
    )
    counted = {
        "outcome": {"operation": "groupby", "aggregations": []},
        "alert_id": {"operation": "aggregate", "aggregations": ["count"]},
    }
    builder.add_panel(
        bar_chart_panel(coloured_by="outcome"),
        GridPosition(16, 15, 8, 9),
        Phrase("Outcomes", "处置结果"),
        Phrase(
            "Outcomes of the alerts that people closed, at most the newest 5,000. If there are many device faults, "
            "repair the devices before enforcing. Empty: nobody closed an alert.",
            "人工关闭告警的处置结果，最多统计最新 5000 条。设备故障较多时请先维修。空白表示尚无人工关闭的告警。",
        ),
        [table_query(closed)],
        unit="none",
        overrides=[
            Override("outcome", title=_OUTCOME, mappings=value_mappings(OUTCOMES, palette.OUTCOME)),
            Override("alert_id (count)", title=Phrase("Alerts", "告警")),
        ],
        transformations=[Transformation("groupBy", {"fields": counted})],
        more={"min_val": 0},
    )


def _by_rule(builder: BoardBuilder) -> None:
    language = builder.language
    sums = ", ".join(
        f'sum({ALERT_STATE[name]}) AS "{name}"' for name in ("open", "acknowledged", "handled", "false_alarm")
    )
    builder.add_panel(
        table_panel(sort=builder.localize(_OPEN_COLUMN)),
        GridPosition(0, 24, 9, 9),
        Phrase("Summary by rule", "各规则汇总"),
        Phrase(
            "Alerts of the time span by rule: how many are open, acknowledged and closed by a person, and how many "
            "of the closed ones were false alarms. Rules with many false alarms cost trust. Empty: no alerts.",
            "各规则时段内的告警数、未处置、已接收、人工关闭及其中误报数。误报多的规则得不偿失。空白表示无告警。",
        ),
        [
            table_query(
                ALERT_STATE.select(
                    f'count({ALERT_STATE["alert_id"]}) AS "alerts", {sums}',
                    *ALERT_STATE.chosen(*CHOSEN),
                    by=ALERT_STATE.by("rule"),
                )
            )
        ],
        unit="none",
        overrides=[
            Override("Time", more={"custom.hidden": True}),
            Override(
                "rule", title=Phrase("Rule", "规则"), mappings=value_mappings(RULES), more={"custom.minWidth": 130}
            ),
            Override("alerts", title=Phrase("Alerts", "告警"), more=_NARROW),
            Override("open", title=_OPEN_COLUMN, more={"custom.width": 115}),
            Override("acknowledged", title=Phrase("Seen", "已接收"), more=_NARROW),
            Override("handled", title=Phrase("Handled", "人工关闭"), more={"custom.width": 150}),
            Override("false_alarm", title=Phrase("False", "误报"), more=_NARROW),
        ],
    )
    changes = ALERT.select(
        ALERT.columns("severity", "rule", "phase", label_column(language), title_column(language), "learned_at"),
        *ALERT.chosen(*CHOSEN),
        rest="ORDER BY time DESC LIMIT 200",
    )
    builder.add_panel(
        table_panel(),
        GridPosition(9, 24, 15, 9),
        Phrase("Latest changes", "最新变化"),
        Phrase(
            "Every change that judgement made, newest first: suspected, confirmed, worse, over, amended. "
            f"{LATE_NOTE.en} Empty: no changes.",
            f"研判的全部变化（疑似、确认、升级、结束、更正），最新在前。{LATE_NOTE.zh}空白表示无变化。",
        ),
        [table_query(changes)],
        unit="none",
        overrides=[
            *(override for override in column_overrides(language, links=False) if override.name != "Time"),
            Override("Time", title=Phrase("When", "时间"), unit="dateTimeAsIso", more={"custom.width": 170}),
        ],
    )


def _suspected_sites(builder: BoardBuilder) -> None:
    shown = (
        "state", "kind", "lat", "lon", "radius_m", "trucks", "visits", "days", "busiest_hour", "last_seen", "site_id",
    )  # fmt: skip
    builder.add_panel(
        table_panel(),
        GridPosition(0, 33, 24, 8),
        Phrase("Suspected sites", "疑似非法场地"),
        Phrase(
            "Places outside every registered site where trucks stopped, raised their beds or tipped within 30 days, "
            "newest proposal first. A proposal accuses nobody: go there at its busiest hour, then accept or dismiss it "
            "(`haulwatch sites`). A stop in an accepted dump scores more. Empty: no place is suspected.",
            "近30天内车辆在登记场地之外停留、举升或倾倒的聚集地点，最新在前。仅为核查线索，不构成认定；请按高峰时段现场核查后认定或排除"
            "（haulwatch sites）。已认定的黑消纳场计入非法倾倒评分。空白表示无疑似地点。",
        ),
        [table_query(suspected.suspected(*shown))],
        unit="none",
        overrides=[
            Override("Time", title=Phrase("Proposed", "提出时间"), unit="dateTimeAsIso", more={"custom.width": 170}),
            *suspected.overrides(),
            Override("lat", title=Phrase("Latitude", "纬度"), unit="degree", more={"decimals": 5}),
            Override("lon", title=Phrase("Longitude", "经度"), unit="degree", more={"decimals": 5}),
            Override("radius_m", title=Phrase("Radius", "半径"), unit="lengthm"),
            Override("busiest_hour", title=Phrase("Busiest hour", "高峰时段")),
            Override("last_seen", title=Phrase("Last visit", "最近一次"), unit=SINCE[builder.language]),
            Override("site_id", title=Phrase("Id", "编号"), more={"custom.width": 170}),
        ],
    )


def _alarm_rate(builder: BoardBuilder) -> None:
    builder.add_panel(
        bounded_line_panel(),
        GridPosition(0, 41, 24, 8),
        Phrase("Alerts that called an operator in ten minutes", "每名值班员十分钟内收到的告警"),
        Phrase(
            "Alerts of the whole city that were published within ten minutes, for each operator (setting "
            "HAULWATCH_ALERT_OPERATORS). By ISA-18.2 about 1 is acceptable (first line); more than 10 are a flood, in "
            "which alerts are missed (second line): shelve what is known, and correct the rules that call most. Gaps: "
            "the judge does not run.",
            "全市十分钟内发布的告警数除以值班人数（设置 HAULWATCH_ALERT_OPERATORS）。"
            "按 ISA-18.2，约 1 条可接受（第一条线）；超过 10 条为告警泛滥，容易漏看（第二条线）："
            "请搁置已知告警，并修正报警最多的规则。断线表示研判进程未运行。",
        ),
        [
            Query(
                _RATE.select(f"max({_RATE['called_per_operator']})", by=_RATE.by(each_interval=True)),
                alias="called_per_operator",
            )
        ],
        unit="none",
        every="1m",
        steps=_RATE_STEPS,
        overrides=[
            Override("called_per_operator", title=Phrase("alerts per operator", "每人告警数"), colour=palette.BLUE)
        ],
        more={"min_val": 0},
    )


_OPEN_COLUMN: Final = Phrase("Open", "未处置")
