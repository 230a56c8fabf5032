"""Alerts on several boards: overrides of their columns, queries, and links to truck, recycling point or station."""

from typing import Final

from grafana.parts import palette
from grafana.parts.frame import board_url, board_url_of
from grafana.parts.panels import COLOURED_CELL, HIDDEN, WRAPPED_TEXT, Override, value_mappings
from grafana.parts.queries import ALERT_STATE, Series
from grafana.parts.wording import OUTCOMES, PHASES, RULES, SEVERITIES, SINCE, Language, Phrase

MARGIN_MS: Final = 1_800_000
"""A link from an alert shows this time before the alert began, and twice this time after it."""

_TO_ITS_BOARD: Final = Phrase("Its board, around the alert", "查看该设备看板（告警前后）")
_TO_ENFORCEMENT: Final = Phrase("All alerts of this device", "该设备的全部告警")
_OPEN: Final = Phrase("open", "未处置")
_WHAT: Final = Phrase("What", "内容")
_WHO: Final = Phrase("Who", "对象")
_NO: Final = Phrase("–", "–")
LATE_NOTE: Final = Phrase(
    "Learned of late: its readings were uploaded later, so nobody could know before that moment.",
    "“迟到获知”表示数据补传，在此时刻之前无从知晓。",
)
SHELVED_NOTE: Final = Phrase(
    "Shelved: a person keeps it from calling people until then.", "“搁置至”表示有人将其搁置，在此之前不再通知。"
)
"""For the descriptions of tables with these columns."""


def title_column(language: Language) -> str:
    return "title_zh" if language is Language.ZH else "title"


def time_span_columns(series: Series) -> str:
    """Columns that give a link its time span."""
    opened = series["opened_at"]
    return f'{opened} - {MARGIN_MS} AS "from_ms", {opened} + {2 * MARGIN_MS} AS "until_ms"'


def label_column(language: Language) -> str:
    """The column with what people call the subject of an alert."""
    return "label_zh" if language is Language.ZH else "label"


_TIME_SPAN: Final = (
    "var-device=${__data.fields.device}",
    "from=${__data.fields.from_ms.numeric}",
    "to=${__data.fields.until_ms.numeric}",
)


def column_overrides(language: Language, *, links: bool = True) -> list[Override]:
    """Overrides for the columns of alert tables. `links`: the device column links to the boards of the device."""
    device_links = ((_TO_ITS_BOARD, board_url_of("${__data.fields.board}", language, *_TIME_SPAN)),)
    return [
        Override("Time", title=Phrase("Since", "开始"), unit=SINCE[language], more={"custom.width": 115}),
        Override(
            "severity",
            title=Phrase("Severity", "级别"),
            mappings=value_mappings(SEVERITIES, palette.SEVERITY),
            more={**COLOURED_CELL, "custom.width": 110},
        ),
        Override("rule", title=Phrase("Rule", "规则"), mappings=value_mappings(RULES), more={"custom.width": 135}),
        Override("phase", title=Phrase("Phase", "阶段"), mappings=value_mappings(PHASES), more={"custom.width": 100}),
        Override(
            label_column(language),
            title=_WHO,
            links=device_links if links else (),
            more={"custom.width": 180},
        ),
        Override("device", more=HIDDEN),
        Override("board", more=HIDDEN),
        Override(title_column(language), title=_WHAT, more={**WRAPPED_TEXT, "custom.minWidth": 220}),
        Override(
            "outcome",
            title=Phrase("Outcome", "处置结果"),
            mappings={"none": (_OPEN, None)} | value_mappings(OUTCOMES, palette.OUTCOME),
            more={"custom.width": 150},
        ),
        Override(
            "acknowledged",
            title=Phrase("Seen", "已接收"),
            mappings={"1": (Phrase("yes", "是"), palette.GREEN), "0": (Phrase("no", "否"), palette.ORANGE)},
            more={"custom.width": 90, "custom.align": "left"},
        ),
        Override(
            "shelved_until",
            title=Phrase("Shelved until", "搁置至"),
            unit=SINCE[language],
            mappings={"0": (_NO, None)},
            more={"custom.width": 125},
        ),
        Override(
            "learned_at",
            title=Phrase("Learned of late", "迟到获知"),
            unit=SINCE[language],
            mappings={"0": (_NO, None)},
            more={"custom.width": 135},
        ),
        Override("from_ms", unit="dateTimeAsIso", more=HIDDEN),
        Override("until_ms", unit="dateTimeAsIso", more=HIDDEN),
    ]


def marker_overrides() -> list[Override]:
    """Overrides for alerts on a map, which are coloured by severity."""
    return [
        Override("severity", title=Phrase("Severity", "级别"), mappings=value_mappings(SEVERITIES, palette.SEVERITY)),
        Override("rule", title=Phrase("Rule", "规则"), mappings=value_mappings(RULES)),
        *(Override(name, title=_WHO) for name in ("label", "label_zh")),
        *(Override(name, title=_WHAT) for name in ("title", "title_zh")),
    ]


def enforcement_link(language: Language) -> tuple[Phrase, str]:
    """The link from the board of a device to its alerts."""
    return _TO_ENFORCEMENT, board_url(
        "enforcement", language, "var-device=${__data.fields.device}", "${__url_time_range}"
    )


_IS_OPEN: Final = f"{ALERT_STATE['open']} = 1"
"""With this condition a query asks always: an alert stays on the wall until it is dealt with, however long ago it
began."""


def open_alerts(language: Language, *variables: str) -> str:
    """A query of the open alerts, newest first, at most 200."""
    shown_columns = ALERT_STATE.columns(
        "severity", "rule", label_column(language), title_column(language), "phase", "acknowledged", "shelved_until",
        "learned_at", "device", "board",
    )  # fmt: skip
    return _of_open(f"{shown_columns}, {time_span_columns(ALERT_STATE)}", *variables, limit=200)


def open_places(language: Language, *variables: str) -> str:
    """A query of the places of the open alerts, for a map, at most 500."""
    return _of_open(
        ALERT_STATE.columns("lat", "lon", "severity", "rule", label_column(language), title_column(language)),
        *variables,
    )


def _of_open(what: str, *variables: str, limit: int = 500) -> str:
    return ALERT_STATE.select(
        what, _IS_OPEN, *ALERT_STATE.chosen(*variables), rest=f"ORDER BY time DESC LIMIT {limit}", always=True
    )


def open_figure(what: str, *conditions: str, variables: tuple[str, ...]) -> str:
    """A query of one figure over the open alerts that match the conditions."""
    return ALERT_STATE.select(what, _IS_OPEN, *conditions, *ALERT_STATE.chosen(*variables), always=True)


def open_count(*conditions: str, variables: tuple[str, ...]) -> str:
    """A query of the number of open alerts that match the conditions."""
    return open_figure(f'count({ALERT_STATE["alert_id"]}) AS "alerts"', *conditions, variables=variables)
