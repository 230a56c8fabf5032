"""Titles, findings and ruled-out sentences of `bed_raised_outside`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration, length
from rules.detectors.bed_raised_outside.parameters import BedRaisedOutsideParameters

STEADY: Final = Text(en="The lift switch is steady: it does not chatter", zh="举升开关信号稳定，无抖动")

IMPOSSIBLE: Final = Text(
    en="The switch shows the bed up through so much driving that the switch is at fault",
    zh="长时间行驶仍显示举升：开关故障",
)


def title(truck: Text, place: Text, *, drove: bool) -> Text:
    act_en, act_zh = ("drove with its bed raised", "举升状态下行驶") if drove else ("raised its bed", "举升车厢")
    return Text(
        en=f"{truck.en} {act_en} outside every permitted site, {place.en}",
        zh=f"{truck.zh}在许可场地外{act_zh}，{place.zh}",
    )


def up(up_ms: int) -> Text:
    return Text(en=f"The bed was up for {duration(up_ms)}", zh=f"举升持续{duration(up_ms, zh=True)}")


def drove(drove_ms: int, drove_m: float, peak_kmh: float) -> Text:
    """How long and how far it drove with the bed up; `peak_kmh`: its highest speed meanwhile."""
    return Text(
        en=f"It drove {length(drove_m)} in {duration(drove_ms)} with the bed up, at up to {peak_kmh:g} km/h",
        zh=f"举升状态下行驶{length(drove_m, zh=True)}、{duration(drove_ms, zh=True)}，最高时速{peak_kmh:g}公里",
    )


def outside(limits: BedRaisedOutsideParameters) -> Text:
    return Text(
        en=f"No site where it may raise its bed is within {length(limits.fence_m)} and the accuracy of the fix",
        zh=f"{length(limits.fence_m, zh=True)}及定位误差范围内无该车可举升的场地",
    )


def down(down_ms: int) -> Text:
    return Text(en=f"The bed has been down for {duration(down_ms)}", zh=f"车厢已放下{duration(down_ms, zh=True)}")
