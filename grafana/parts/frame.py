"""What every board has round its panels: name, links to its sisters and to the other language, time, annotations."""

from collections.abc import Mapping, Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from grafana.parts.palette import SEVERITY
from grafana.parts.panels import DATA_SOURCE, BoardBuilder
from grafana.parts.queries import ALERT, Query
from grafana.parts.wording import SEVERITIES, Language, Text

NAMES: Final[Mapping[str, Text]] = {
    "overview": Text("City overview", "城市总览"),
    "trucks": Text("Trucks", "运输车辆"),
    "weighbridges": Text("Weighbridges and stations", "地磅与场站"),
    "recycling": Text("Recycling points", "回收点"),
    "enforcement": Text("Enforcement", "执法处置"),
    "ingestion": Text("Ingestion health", "数据接入健康"),
}
"""In the order they are linked."""

AREAS: Final[Mapping[str, tuple[str, ...]]] = {
    "overview": ("district", "fleet", "site"),
    "trucks": ("district", "fleet"),
    "weighbridges": ("district", "site"),
    "recycling": ("district", "site"),
    "enforcement": ("district", "fleet", "site"),
    "ingestion": (),
}
"""Which area each board lets its viewer choose; what two boards share goes along from one to the other."""

TAG: Final = "haulwatch"
_TO_OTHER: Final = {Language.EN: "中文", Language.ZH: "English"}
_ALERTS: Final = Text("Alerts", "告警")


def uid(name: str, language: Language) -> str:
    """Raises KeyError for a board there is not."""
    if name not in NAMES:
        raise KeyError(name)
    return f"{TAG}-{name}{'-zh' if language is Language.ZH else ''}"


def url(name: str, language: Language, *parameters: str) -> str:
    """Of another board; `parameters` such as `var-device=…`."""
    asked = "&".join(parameters)
    return f"/d/{uid(name, language)}{'?' + asked if asked else ''}"


def board(
    name: str,
    house: BoardBuilder,
    description: Text,
    variables: Sequence[Builder[model.VariableModel]],
    *,
    since: str,
    refresh: str,
    annotations: Sequence[Builder[model.AnnotationQuery]] = (),
) -> model.Dashboard:
    """The board with the panels put into `house`."""
    language = house.language
    made = (
        dashboard.Dashboard(f"{house.say(NAMES[name])} · Haulwatch")
        .uid(uid(name, language))
        .description(house.say(description))
        .tags([TAG, f"{TAG}-{language}"])
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .timezone("browser")
        .time(f"now-{since}", "now")
        .refresh(refresh)
        .variables(list(variables))
        .annotations(list(annotations))
        .links([*_sisters(name, language), _other_language(name, language)])
        .build()
    )
    made.panels = list(house.panels)
    return made


def alert_annotations(house: BoardBuilder, *where: str) -> list[Builder[model.AnnotationQuery]]:
    """Alert changes as marks on every curve, one query for each severity, in its colour."""
    title = "title_zh" if house.language is Language.ZH else "title"
    columns = {"textColumn": title, "tagsColumn": "rule", "titleColumn": "", "timeEndColumn": ""}
    built: list[Builder[model.AnnotationQuery]] = []
    for severity, text in SEVERITIES.items():
        of_severity = f"{ALERT['severity']} = '{severity}'"
        query = ALERT.select(ALERT.columns(title, "rule", "phase"), of_severity, *where)
        built.append(
            dashboard.AnnotationQuery()
            .name(f"{house.say(_ALERTS)} {house.say(text)}")
            .datasource(DATA_SOURCE)
            .enable(True)
            .icon_color(SEVERITY[severity])
            .target(Query(query, table=True, ref="Anno", annotation=columns))
        )
    return built


def _sisters(name: str, language: Language) -> list[Builder[model.DashboardLink]]:
    return [
        dashboard.DashboardLink(title.in_(language))
        .type(model.DashboardLinkType.LINK)
        .url(url(other, language, *(f"${{{area}:queryparam}}" for area in AREAS[name] if area in AREAS[other])))
        .icon("dashboard")
        .keep_time(True)
        for other, title in NAMES.items()
        if other != name
    ]


def _other_language(name: str, language: Language) -> Builder[model.DashboardLink]:
    return (
        dashboard.DashboardLink(_TO_OTHER[language])
        .type(model.DashboardLinkType.LINK)
        .url(url(name, language.other))
        .icon("external link")
        .keep_time(True)
        .include_vars(True)
    )
