"""The frame of a board: name, links to the other boards and to the other language, time range, annotations."""

from collections.abc import Mapping, Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from grafana.parts.palette import SEVERITY
from grafana.parts.panels import DATA_SOURCE, BoardBuilder
from grafana.parts.queries import ALERT, Query
from grafana.parts.wording import SEVERITIES, Language, Phrase

NAMES: Final[Mapping[str, Phrase]] = {
    "overview": Phrase("City overview", "城市总览"),
    "trucks": Phrase("Trucks", "运输车辆"),
    "weighbridges": Phrase("Weighbridges and stations", "地磅与场站"),
    "ledger": Phrase("City ledger", "城市台账"),
    "manifests": Phrase("Manifests", "联单"),
    "recycling": Phrase("Recycling points", "回收点"),
    "enforcement": Phrase("Enforcement", "执法处置"),
    "ingestion": Phrase("Ingestion health", "数据接入健康"),
}
"""Titles by name of the board, in the order of the links."""
_LINKS: Final[Mapping[str, Phrase]] = {
    "overview": Phrase("Overview", "总览"),
    "trucks": Phrase("Trucks", "车辆"),
    "weighbridges": Phrase("Weighbridges", "地磅"),
    "ledger": Phrase("Ledger", "台账"),
    "manifests": Phrase("Manifests", "联单"),
    "recycling": Phrase("Recycling", "回收点"),
    "enforcement": Phrase("Enforcement", "执法"),
    "ingestion": Phrase("Ingestion", "接入"),
}
"""Short titles, so that variables, links and time fit into one row of 1,920 pixels."""

_NO_ROOM_FOR: Final[Mapping[str, frozenset[str]]] = {"enforcement": frozenset({"ledger", "ingestion"})}
"""Links that a board does without: its variables take the room. Every other board has them."""

AREAS: Final[Mapping[str, tuple[str, ...]]] = {
    "overview": ("district", "fleet", "site"),
    "trucks": ("district", "fleet"),
    "weighbridges": ("district", "site"),
    "ledger": ("district", "site"),
    "manifests": ("district", "fleet"),
    "recycling": ("district", "site"),
    "enforcement": ("district", "fleet", "site"),
    "ingestion": (),
}
"""Area variables of each board. A link between two boards keeps the variables that both have."""

TAG: Final = "haulwatch"
_TO_OTHER: Final = {Language.EN: "中文", Language.ZH: "English"}
_ALERTS: Final = Phrase("Alerts", "告警")


def uid(name: str, language: Language) -> str:
    """The uid of a board. Raises KeyError if there is no such board."""
    if name not in NAMES:
        raise KeyError(name)
    return _uid(name, language)


def _uid(name: str, language: Language) -> str:
    return f"{TAG}-{name}{'-zh' if language is Language.ZH else ''}"


def board_url(name: str, language: Language, *parameters: str) -> str:
    """The URL path of a board. `parameters`: query parameters such as `var-device=…`."""
    uid(name, language)  # raises KeyError for a board that does not exist
    return board_url_of(name, language, *parameters)


def board_url_of(name: str, language: Language, *parameters: str) -> str:
    """As `board_url`; `name` may be an expression of Grafana that gives the name of a board."""
    query_string = "&".join(parameters)
    return f"/d/{_uid(name, language)}{'?' + query_string if query_string else ''}"


def assemble(
    name: str,
    builder: BoardBuilder,
    description: Phrase,
    variables: Sequence[Builder[model.VariableModel]],
    *,
    since: str,
    refresh: str,
    annotations: Sequence[Builder[model.AnnotationQuery]] = (),
) -> model.Dashboard:
    """The complete board with the panels of `builder`."""
    language = builder.language
    board = (
        dashboard.Dashboard(f"{builder.localize(NAMES[name])} · Haulwatch")
        .uid(uid(name, language))
        .description(builder.localize(description))
        .tags([TAG, f"{TAG}-{language}"])
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .timezone("browser")
        .time(f"now-{since}", "now")
        .refresh(refresh)
        .variables(list(variables))
        .annotations(list(annotations))
        .links([*_board_links(name, language), _language_link(name, language)])
        .build()
    )
    board.panels = list(builder.panels)
    return board


def alert_annotations(builder: BoardBuilder, *where: str) -> list[Builder[model.AnnotationQuery]]:
    """Alert changes as annotations on every curve: one query per severity, in its colour."""
    title = "title_zh" if builder.language is Language.ZH else "title"
    columns = {"textColumn": title, "tagsColumn": "rule", "titleColumn": "", "timeEndColumn": ""}
    annotations: list[Builder[model.AnnotationQuery]] = []
    for severity, text in SEVERITIES.items():
        of_severity = f"{ALERT['severity']} = '{severity}'"
        query = ALERT.select(ALERT.columns(title, "rule", "phase"), of_severity, *where)
        annotations.append(
            dashboard.AnnotationQuery()
            .name(f"{builder.localize(_ALERTS)} {builder.localize(text)}")
            .datasource(DATA_SOURCE)
            .enable(True)
            .hide(True)  # no switch: four of them fill half a row of controls
            .icon_color(SEVERITY[severity])
            .target(Query(query, table=True, ref="Anno", annotation=columns))
        )
    return annotations


def _board_links(name: str, language: Language) -> list[Builder[model.DashboardLink]]:
    return [
        dashboard.DashboardLink(title.in_(language))
        .type(model.DashboardLinkType.LINK)
        .url(board_url(other, language, *(f"${{{area}:queryparam}}" for area in AREAS[name] if area in AREAS[other])))
        .keep_time(True)
        for other, title in _LINKS.items()
        if other != name and other not in _NO_ROOM_FOR.get(name, ())
    ]


def _language_link(name: str, language: Language) -> Builder[model.DashboardLink]:
    return (
        dashboard.DashboardLink(_TO_OTHER[language])
        .type(model.DashboardLinkType.LINK)
        .url(board_url(name, language.other))
        .icon("external link")
        .keep_time(True)
        .include_vars(True)
    )
