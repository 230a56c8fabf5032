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


def title(trucks: int, place: Text, *, came_empty: bool) -> Text:
    """`came_empty`: the trucks were loaded there."""
    if came_empty:
        return Text(
            en=f"{trucks} empty trucks were loaded off their routes {place.en}: an unlicensed construction site?",
            zh=f"{trucks}辆空车偏离线路装载（{place.zh}），疑似黑工地",
        )
    return Text(
        en=f"{trucks} loaded trucks stopped off their routes {place.en}: an unlicensed site?",
        zh=f"{trucks}辆载货车辆偏离线路停留（{place.zh}），疑似非法场地",
    )


def stops(trucks: int, count: int, names: Sequence[Text], *, came_empty: bool) -> Text:
    en, zh = ("stops, empty before and loaded after,", "空车进重车出") if came_empty else ("stops", "停留")
    return Text(
        en=f"{trucks} trucks, {count} {en} within a day: {', '.join(name.en for name in names)}",
        zh=f"一天内{trucks}辆车{zh}{count}次：{'、'.join(name.zh for name in names)}",
    )


def ruled_out(limits: SuspectedSiteParameters) -> tuple[Text, ...]:
    site_m, route_m = limits.off_site_m, limits.off_corridor_m
    return (
        Text(
            en=f"No registered site within {length(site_m)}, and in the corridor of no approved route of theirs"
            f" ({length(route_m)}, or the route's own width)",
            zh=f"{length(site_m, zh=True)}内无登记场地，且不在其核准线路走廊内"
            f"（{length(route_m, zh=True)}，线路另有宽度的从其规定）",
        ),
        NEVER_FINED,
    )
