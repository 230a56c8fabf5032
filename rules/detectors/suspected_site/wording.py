"""Titles and findings of `suspected_site`, in English and Chinese."""

from collections.abc import Sequence
from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import length
from rules.detectors.suspected_site.parameters import SuspectedSiteParameters

NEVER_FINED: Final = Text(
    en="A place where loaded trucks stop is a reason to look, and proves nothing by itself",
    zh="多辆载货车辆停留只是核查线索，本身不构成证据",
)


def title(trucks: int, place: Text) -> Text:
    return Text(
        en=f"{trucks} loaded trucks stopped off their routes {place.en}: an unlicensed site?",
        zh=f"{trucks}辆载货车辆偏离线路停留（{place.zh}），疑似非法场地",
    )


def stops(trucks: int, count: int, names: Sequence[Text]) -> Text:
    return Text(
        en=f"{trucks} trucks, {count} stops within a day: {', '.join(name.en for name in names)}",
        zh=f"一天内{trucks}辆车停留{count}次：{'、'.join(name.zh for name in names)}",
    )


def ruled_out(limits: SuspectedSiteParameters) -> tuple[Text, ...]:
    site_m, route_m = limits.off_site_m, limits.off_corridor_m
    return (
        Text(
            en=f"No registered site within {length(site_m)}, no approved route of theirs within {length(route_m)}",
            zh=f"{length(site_m, zh=True)}内无登记场地，{length(route_m, zh=True)}内无其核准线路",
        ),
        NEVER_FINED,
    )
