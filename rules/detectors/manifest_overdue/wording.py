"""Titles, findings and ruled-out sentences of `manifest_overdue`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration
from rules.detectors.manifest_overdue.awaited import Awaited
from rules.manifests.model import Manifest, ManifestState, Outcome

RULED_OUT: Final = {
    Awaited.ARRIVAL: Text(
        en="It was not seen inside the fence of the disposal site, and not weighed there",
        zh="未见车辆进入处置场地围栏，也无该场地过磅记录",
    ),
    Awaited.WEIGHING: Text(
        en="Nothing was weighed or confirmed at the disposal site before it left",
        zh="车辆驶离处置场地前无过磅或确认记录",
    ),
    Awaited.RETURN: Text(en="It was not seen inside the fence of the source since", zh="此后未见车辆进入来源场地围栏"),
    Awaited.CONFIRMATION: Text(en="The source has not confirmed what was loaded", zh="来源方未确认装载量"),
}


def title(awaited: Awaited, truck: Text, number: str, site: Text) -> Text:
    """`site`: where the load goes to."""
    match awaited:
        case Awaited.ARRIVAL:
            return Text(
                en=f"{truck.en} has not arrived at {site.en} with manifest {number}",
                zh=f"{truck.zh}持联单{number}未到达{site.zh}",
            )
        case Awaited.WEIGHING:
            return Text(
                en=f"{truck.en} left {site.en} without a weighing for manifest {number}",
                zh=f"{truck.zh}持联单{number}驶离{site.zh}，未过磅",
            )
        case Awaited.RETURN:
            return Text(
                en=f"{truck.en} has not brought back the rejected load of manifest {number}",
                zh=f"{truck.zh}未将联单{number}的退运货物运回",
            )
        case Awaited.CONFIRMATION:
            return Text(
                en=f"{truck.en} left with manifest {number}, which its source has not confirmed",
                zh=f"{truck.zh}持联单{number}已驶离，来源方未确认",
            )


def late(late_ms: int, planned_ms: int) -> Text:
    """`planned_ms`: the time that the trip was to take."""
    return Text(
        en=f"Its trip of {duration(planned_ms)} should have ended {duration(late_ms)} before",
        zh=f"行程应在{duration(late_ms, zh=True)}前结束，计划用时{duration(planned_ms, zh=True)}",
    )


def left(ago_ms: int | None) -> Text:
    """`ago_ms`: since it left the source; None: it was not seen to leave."""
    if ago_ms is None:
        return Text(en="It was not seen to leave the source", zh="未见车辆驶离来源场地")
    return Text(en=f"It left the source {duration(ago_ms)} before", zh=f"{duration(ago_ms, zh=True)}前驶离来源场地")


def ended(manifest: Manifest | None) -> Text:
    """Why the alert ends."""
    if manifest is None:
        return Text(en="Its manifest is no longer followed", zh="该联单已不再跟踪")
    if manifest.stage is ManifestState.VOID:
        return Text(en="Its manifest is void", zh="联单已作废")
    if manifest.outcome == Outcome.RETURNED:
        return Text(en="The load is back at its source", zh="货物已退回来源场地")
    if manifest.stage is ManifestState.REJECTED:
        return Text(en="The disposal site did not take the load", zh="处置场地已退运")
    if manifest.arrived_at:
        return Text(en="The load has arrived", zh="货物已到达")
    return Text(en="Its manifest has another time now", zh="联单时间已变更")
