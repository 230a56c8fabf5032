"""Titles, findings and ruled-out sentences of `manifest_overdue`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration
from rules.manifests.model import Manifest, ManifestState

NOT_ARRIVED: Final = Text(
    en="It was not seen inside the fence of the disposal site, and not weighed there",
    zh="未见车辆进入处置场地围栏，也无该场地过磅记录",
)


def title(truck: Text, number: str, site: Text) -> Text:
    return Text(
        en=f"{truck.en} has not arrived at {site.en} with manifest {number}",
        zh=f"{truck.zh}持联单{number}未到达{site.zh}",
    )


def late(late_ms: int, planned_ms: int) -> Text:
    """`planned_ms`: the time that the trip was to take."""
    return Text(
        en=f"It should have arrived {duration(late_ms)} before, after a trip of {duration(planned_ms)}",
        zh=f"应在{duration(late_ms, zh=True)}前到达，计划用时{duration(planned_ms, zh=True)}",
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
    if manifest.arrived_at:
        return Text(en="The load has arrived", zh="货物已到达")
    if manifest.stage is ManifestState.VOID:
        return Text(en="Its manifest is void", zh="联单已作废")
    if manifest.stage is ManifestState.REJECTED:
        return Text(en="The disposal site did not take the load", zh="处置场地已退运")
    return Text(en="Its manifest has another time now", zh="联单时间已变更")
