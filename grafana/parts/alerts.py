"""What several boards show of alerts: how their columns look, and the links from one to its truck, point or station."""

from typing import Final

from grafana.parts import palette
from grafana.parts.frame import url
from grafana.parts.panels import COLOURED_CELL, HIDDEN, Override, said
from grafana.parts.queries import ALERT_STATE, Series
from grafana.parts.wording import OUTCOMES, PHASES, RULES, SEVERITIES, Language, Text

MARGIN_MS: Final = 1_800_000
"""What is shown before and after an alert's beginning when somebody follows its link."""

_TO_TRUCK: Final = Text("Truck: track, speed, load", "车辆：轨迹、速度、载重")
_TO_POINT: Final = Text("Recycling point: fill, temperature", "回收点：满溢度、温度")
_TO_STATION: Final = Text("Weighbridge or line", "地磅或处理线")
_TO_ENFORCEMENT: Final = Text("All alerts of this device", "该设备的全部告警")
_NOT_YET: Final = Text("open", "未处置")


def title_column(language: Language) -> str:
    return "title_zh" if language is Language.ZH else "title"


def around(series: Series) -> str:
    """Columns that a link takes its time span from."""
    opened = series["opened_at"]
    return f'{opened} - {MARGIN_MS} AS "from_ms", {opened} + {2 * MARGIN_MS} AS "until_ms"'


_AROUND: Final = (
    "var-device=${__data.fields.device}",
    "from=${__data.fields.from_ms.numeric}",
    "to=${__data.fields.until_ms.numeric}",
)


def column_looks(language: Language, *, links: bool = True) -> list[Override]:
    """Overrides for the columns of alert tables; `links`: the device leads to its boards."""
    to_boards = (
        (_TO_TRUCK, url("trucks", language, *_AROUND)),
        (_TO_POINT, url("recycling", language, *_AROUND)),
        (_TO_STATION, url("weighbridges", language, *_AROUND)),
    )
    return [
        Override("Time", title=Text("Since", "开始"), unit="dateTimeFromNow", more={"custom.width": 130}),
        Override(
            "severity",
            title=Text("Severity", "级别"),
            mappings=said(SEVERITIES, palette.SEVERITY),
            more={**COLOURED_CELL, "custom.width": 120},
        ),
        Override("rule", title=Text("Rule", "规则"), mappings=said(RULES), more={"custom.width": 150}),
        Override("phase", title=Text("Phase", "阶段"), mappings=said(PHASES), more={"custom.width": 100}),
        Override(
            "device",
            title=Text("Device", "设备"),
            links=to_boards if links else (),
            more={"custom.width": 130},
        ),
        Override(title_column(language), title=Text("What", "内容"), more={"custom.minWidth": 260}),
        Override(
            "outcome",
            title=Text("Outcome", "处置结果"),
            mappings={"none": (_NOT_YET, None)} | said(OUTCOMES, palette.OUTCOME),
            more={"custom.width": 150},
        ),
        Override(
            "acknowledged",
            title=Text("Seen", "已确认接收"),
            mappings={"1": (Text("yes", "是"), palette.GREEN), "0": (Text("no", "否"), palette.ORANGE)},
            more={"custom.width": 90},
        ),
        Override("from_ms", unit="dateTimeAsIso", more=HIDDEN),
        Override("until_ms", unit="dateTimeAsIso", more=HIDDEN),
    ]


def marker_looks() -> list[Override]:
    """Overrides for alerts on a map: severity gives the colour."""
    return [
        Override("severity", title=Text("Severity", "级别"), mappings=said(SEVERITIES, palette.SEVERITY)),
        Override("rule", title=Text("Rule", "规则"), mappings=said(RULES)),
    ]


def to_enforcement(language: Language) -> tuple[Text, str]:
    """The way back from a device's board to its alerts."""
    return _TO_ENFORCEMENT, url("enforcement", language, "var-device=${__data.fields.device}", "${__url_time_range}")


def open_alerts(language: Language, *variables: str) -> str:
    """Newest first, at most 200: more than anybody reads."""
    what = ALERT_STATE.columns("severity", "rule", "device", title_column(language), "phase", "acknowledged")
    return ALERT_STATE.select(
        f"{what}, {around(ALERT_STATE)}",
        f"{ALERT_STATE['open']} = 1",
        *ALERT_STATE.chosen(*variables),
        rest="ORDER BY time DESC LIMIT 200",
    )


def count_where(*conditions: str, variables: tuple[str, ...]) -> str:
    """How many alerts fit, of those that began in the time span."""
    return ALERT_STATE.select(
        f'count({ALERT_STATE["alert_id"]}) AS "alerts"', *conditions, *ALERT_STATE.chosen(*variables)
    )
