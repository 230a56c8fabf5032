"""Titles, findings and ruled-out sentences of `restricted_hours`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration, length
from rules.detectors.restricted_hours.parameters import RestrictedHoursParameters

OPENED: Final = Text(en="Its permitted hours have begun", zh="许可时段已开始")
FREE: Final = Text(en="Its permits no longer restrict the hours", zh="其许可已不限制时段")
NO_PERMIT: Final = Text(en="No other valid permit of it allows this time", zh="无其他有效许可准许该时段")


def title(truck: Text, hours: str, place: Text) -> Text:
    """`hours`: such as 22:00-06:00."""
    return Text(
        en=f"{truck.en} hauled outside its permitted hours {hours}, {place.en}",
        zh=f"{truck.zh}在许可时段{hours}之外运输，{place.zh}",
    )


def driven(driven_ms: int, driven_m: float) -> Text:
    return Text(
        en=f"It drove {length(driven_m)} in {duration(driven_ms)} outside its hours",
        zh=f"在许可时段外行驶{length(driven_m, zh=True)}、{duration(driven_ms, zh=True)}",
    )


def no_grace(limits: RestrictedHoursParameters) -> Text:
    grace_ms = limits.grace_s * 1000
    return Text(
        en=f"It is not a haul begun in time that ends within {duration(grace_ms)}",
        zh=f"并非时段内起运且在{duration(grace_ms, zh=True)}内结束的运输",
    )


def parked(parked_ms: int) -> Text:
    return Text(en=f"It has been parked for {duration(parked_ms)}", zh=f"已停车{duration(parked_ms, zh=True)}")
