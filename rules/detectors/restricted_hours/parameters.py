"""Thresholds of rule `restricted_hours`."""

from rules.contract.rule import Parameters


class RestrictedHoursParameters(Parameters):
    """The hours are those of the truck's permits (`hours` in permits.yaml). No standard sets these defaults: each has
    its reason.
    """

    min_kmh: float = 10.0
    """Slower is manoeuvring on a site.

    更慢是在场地内调车。"""
    driven_s: int = 120
    """Driven so long outside the hours: shorter is a move to another place to park.

    在时段外行驶这么久：更短是换个地方停车。"""
    readings: int = 3
    """In so many positions at least: one wrong speed proves nothing.

    至少有这么多次定位：单个错误车速不能说明问题。"""
    grace_s: int = 600
    """A haul that was begun in time may end so long after the hours.

    按时开始的趟次可以在时段结束后这么久内完成。"""
    parked_s: int = 300
    """Standing or slow for so long, the haul is over: shorter is a traffic light or a queue.

    停车或慢行这么久，趟次结束：更短是红灯或排队。"""
