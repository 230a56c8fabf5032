"""Titles, findings and ruled-out sentences of `left_jurisdiction`, in English and Chinese."""

from rules.alerts.model import Text
from rules.contract.wording import duration, length
from rules.detectors.left_jurisdiction.parameters import LeftJurisdictionParameters


def title(truck: Text, zone: Text, place: Text) -> Text:
    return Text(
        en=f"{truck.en} left the area of jurisdiction {zone.en}, {place.en}",
        zh=f"{truck.zh}驶离管辖区{zone.zh}，{place.zh}",
    )


def outside(outside_ms: int, outside_m: float, furthest_m: float) -> Text:
    """How long and how far it drove outside; `furthest_m`: how far it was from the border at most."""
    return Text(
        en=f"It was outside for {duration(outside_ms)} and {length(outside_m)}, "
        f"up to {length(furthest_m)} beyond the border",
        zh=f"在界外{duration(outside_ms, zh=True)}、行驶{length(outside_m, zh=True)}，"
        f"距边界最远{length(furthest_m, zh=True)}",
    )


def ruled_out(limits: LeftJurisdictionParameters) -> tuple[Text, ...]:
    return (
        Text(
            en=f"In the corridor of no approved route of it ({length(limits.corridor_m)}, or the route's own width)",
            zh=f"不在其核准线路走廊内（{length(limits.corridor_m, zh=True)}，线路另有宽度的从其规定）",
        ),
        Text(
            en=f"Every area of jurisdiction was more than {length(limits.beyond_m)} and the accuracy of its fixes away",
            zh=f"与各管辖区的距离均超过{length(limits.beyond_m, zh=True)}及定位误差",
        ),
    )


def returned(back_ms: int) -> Text:
    return Text(en=f"It has been back for {duration(back_ms)}", zh=f"已返回{duration(back_ms, zh=True)}")
