"""Titles, findings and ruled-out sentences of `deposit_outside_hours`, in English and Chinese."""

from collections.abc import Sequence
from typing import Final

from devices.readings.streams import stream_name
from rules.alerts.model import Text
from rules.contract.wording import duration
from rules.detectors.deposit_outside_hours.parameters import DepositOutsideHoursParameters

OPENED: Final = Text(en="Its hours have begun", zh="投放时段已开始")
FREE: Final = Text(en="It no longer has deposit hours", zh="该点已不再设投放时段")
WHOLLY_OUTSIDE: Final = Text(
    en="No part of the time since the reading before lies within its hours", zh="自上一次读数以来的时间均不在投放时段内"
)


def title(point: Text, hours: str, deposits: int) -> Text:
    """`hours`: such as 06:30-09:00, 17:30-20:30."""
    return Text(
        en=f"{point.en}: deposits outside its hours {hours}: {deposits}",
        zh=f"{point.zh}：在投放时段{hours}之外投放，次数：{deposits}",
    )


def counted(deposits: int, compartments: Sequence[str]) -> Text:
    names = [stream_name(each) for each in compartments]
    return Text(
        en=f"Deposits counted outside its hours: {deposits}, compartments: {', '.join(name.en for name in names)}",
        zh=f"投放时段外计数的投放：{deposits}次，箱体：{'、'.join(name.zh for name in names)}",
    )


def first(first_min: int, last_min: int) -> Text:
    """`first_min`, `last_min`: minutes of the city's day between which the first deposit was made."""
    begin, end = _clock(first_min), _clock(last_min)
    return Text(
        en=f"The first was made between {begin} and {end} by the city's clocks",
        zh=f"首次投放发生于当地时间{begin}至{end}之间",
    )


def apart(apart_ms: int) -> Text:
    return Text(
        en=f"Its hours were {duration(apart_ms)} away at the nearest",
        zh=f"距最近的投放时段{duration(apart_ms, zh=True)}",
    )


def repeated(days: int, within_days: int) -> Text:
    return Text(en=f"It is so on {days} of the last {within_days} days", zh=f"最近{within_days}天中有{days}天如此")


def no_grace(limits: DepositOutsideHoursParameters) -> Text:
    grace_ms = limits.grace_s * 1000
    return Text(
        en=f"Not within {duration(grace_ms)} of its hours", zh=f"不在投放时段前后{duration(grace_ms, zh=True)}内"
    )


def not_emptied(limits: DepositOutsideHoursParameters) -> Text:
    return Text(
        en=f"Not counted while the level fell by {limits.emptied_points:g} percentage points, as at an emptying",
        zh=f"并非在满度下降{limits.emptied_points:g}个百分点（清运）期间计数",
    )


def quiet(quiet_ms: int) -> Text:
    return Text(
        en=f"No further deposit outside its hours for {duration(quiet_ms)}",
        zh=f"{duration(quiet_ms, zh=True)}内投放时段外无新的投放",
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
