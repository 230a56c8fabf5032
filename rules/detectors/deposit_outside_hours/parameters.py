"""Thresholds of rule `deposit_outside_hours`."""

from rules.contract.rule import Parameters


class DepositOutsideHoursParameters(Parameters):
    """The hours are those of the point's site (`deposit_hours` in sites.geojson). No standard sets these defaults: each
    has its reason.
    """

    grace_s: int = 600
    """A deposit so long before or after the hours is none outside: people wait at the lid, and clocks differ.

    投放时段前后这么久以内的投放不算时段外：有人在箱口等候，时钟也有差异。"""
    quiet_s: int = 1_800
    """So long without another deposit outside the hours, the incident is over: deposits nearer than that are one.

    这么久没有新的时段外投放，事件结束：间隔更短的投放属于同一事件。"""
    emptied_points: float = 10.0
    """Deposits counted while the level fell by so many percentage points are not judged: the crew that empties a
    compartment opens its lid.

    液位下降这么多个百分点期间计到的投放不作判断：清运人员打开了箱盖。"""
    repeat_days: int = 3
    """Outside the hours on so many days, the severity rises: nobody supervises the point, it was no single haste.

    有这么多天出现时段外投放，级别升高：该点无人看管，并非一时匆忙。"""
    repeat_within_days: int = 7
    """Of so many days, the present one included: one week, so that each weekday counts once.

    统计这么多天，含当天：一周，使每个星期几各计一次。"""
