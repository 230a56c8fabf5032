"""Titles, findings and ruled-out sentences of `station_backlog`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import duration
from rules.detectors.station_backlog.parameters import StationBacklogParameters

NOT_ONE: Final = Text(en="Not one reading alone", zh="非单次读数")


def title(station: Text, *, stopped: bool) -> Text:
    if stopped:
        return Text(
            en=f"{station.en}: the line has stopped while trucks wait", zh=f"{station.zh}：生产线停机，车辆排队"
        )
    return Text(en=f"{station.en}: the hopper is full", zh=f"{station.zh}：料仓积压")


def over_title(station: Text) -> Text:
    return Text(en=f"{station.en}: the backlog is worked off", zh=f"{station.zh}：积压已消除")


def full(limits: StationBacklogParameters, full_ms: int, peak_pct: float) -> Text:
    return Text(
        en=f"The hopper has been at {limits.full_pct:g} % or more for {duration(full_ms)}, at up to {peak_pct:g} %",
        zh=f"料仓不低于{limits.full_pct:g}%已持续{duration(full_ms, zh=True)}，最高{peak_pct:g}%",
    )


def stopped(stopped_ms: int, most_trucks: int) -> Text:
    return Text(
        en=f"The line has stood still for {duration(stopped_ms)} while trucks wait, at most: {most_trucks}",
        zh=f"生产线停机且车辆排队已持续{duration(stopped_ms, zh=True)}，排队车辆最多：{most_trucks}",
    )


def cleared(limits: StationBacklogParameters) -> Text:
    return Text(
        en=f"The hopper is below {limits.clear_pct:g} %, and the line runs or nobody waits",
        zh=f"料仓低于{limits.clear_pct:g}%，生产线运行或无车辆排队",
    )
