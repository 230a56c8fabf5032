"""Titles, findings and ruled-out sentences of `speeding`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration, length

BORNE_OUT: Final = Text(
    en="The way between its positions bears the speed out: the meter is not broken",
    zh="定位点间行驶距离与速度相符，测速装置无故障",
)


def not_one(readings: int) -> Text:
    return Text(
        en=f"Not one reading alone: at least {readings} positions in a row were above it",
        zh=f"非单点数据：连续至少{readings}次定位超限",
    )


def title(truck: Text, place: Text, peak_kmh: float, limit_kmh: float) -> Text:
    return Text(
        en=f"{truck.en} drove {peak_kmh:g} km/h where {limit_kmh:g} km/h is the limit, {place.en}",
        zh=f"{truck.zh}时速{peak_kmh:g}公里，限速{limit_kmh:g}公里，{place.zh}",
    )


def above(over_ms: int, over_m: float, over_pct: float) -> Text:
    """How long and how far it drove above the limit; `over_pct`: by how much at most."""
    return Text(
        en=f"It drove above the limit for {duration(over_ms)} and {length(over_m)}, by up to {over_pct:g} %",
        zh=f"超速行驶{duration(over_ms, zh=True)}、{length(over_m, zh=True)}，最高超限{over_pct:g}%",
    )


def limit_of_route(route: Text) -> Text:
    return Text(en=f"The limit is that of its approved route {route.en}", zh=f"限速依据核准线路“{route.zh}”")


def limit_of_all(limit_kmh: float) -> Text:
    return Text(en=f"The limit for all roads is {limit_kmh:g} km/h", zh=f"所有道路限速{limit_kmh:g}公里")


def below(below_ms: int) -> Text:
    return Text(
        en=f"It has driven below the limit for {duration(below_ms)}", zh=f"已低于限速{duration(below_ms, zh=True)}"
    )
