"""Titles, findings and ruled-out sentences of `forbidden_zone`, in English and Chinese."""

from rules.alerts.model import Text
from rules.contract.wording import duration, length
from rules.detectors.forbidden_zone.parameters import ForbiddenZoneParameters


def title(truck: Text, zone: Text, place: Text) -> Text:
    return Text(
        en=f"{truck.en} drove into the forbidden zone {zone.en}, {place.en}",
        zh=f"{truck.zh}闯入禁行区{zone.zh}，{place.zh}",
    )


def inside(inside_ms: int, inside_m: float, deepest_m: float) -> Text:
    """How long and how far it drove inside; `deepest_m`: how far it was from the edge at most."""
    return Text(
        en=f"It was inside for {duration(inside_ms)} and {length(inside_m)}, up to {length(deepest_m)} from its edge",
        zh=f"在区内{duration(inside_ms, zh=True)}、行驶{length(inside_m, zh=True)}，"
        f"距边界最远{length(deepest_m, zh=True)}",
    )


def ruled_out(limits: ForbiddenZoneParameters) -> tuple[Text, ...]:
    return (
        Text(
            en=f"In the corridor of no approved route of it ({length(limits.corridor_m)}, or the route's own width)",
            zh=f"不在其核准线路走廊内（{length(limits.corridor_m, zh=True)}，线路另有宽度的从其规定）",
        ),
        Text(
            en="It was inside by more than the accuracy of its fixes",
            zh="进入深度超出定位误差",
        ),
    )


def left(outside_ms: int) -> Text:
    return Text(en=f"It has been outside for {duration(outside_ms)}", zh=f"已驶出{duration(outside_ms, zh=True)}")
