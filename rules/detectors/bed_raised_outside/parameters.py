"""Thresholds of rule `bed_raised_outside`."""

from rules.contract.rule import Parameters


class BedRaisedOutsideParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    hold_s: int = 5
    """Up so long: shorter is a test, or a bouncing switch.

    举升持续这么久才算：更短的是试举，或开关抖动。"""
    readings: int = 2
    """In so many positions in a row, all of them outside: one wrong place or switch proves nothing.

    至少连续这么多次定位，且都在场所外：单次位置或开关出错不能说明问题。"""
    fence_m: float = 50.0
    """Beyond the fence of every permitted site by this much and the fix's accuracy (at most 30 m): trucks tip in gates
    and lower their beds on the way out.

    超出所有核准场所围栏的距离，另加定位精度（最多30 m）：车辆常在大门处卸料，驶出时才落下车厢。"""
    down_s: int = 5
    """A bed that is down for so long ends it.

    车厢落下这么久，事件结束。"""
    driving_kmh: float = 10.0
    """Driving faster than this with the bed up, it hits bridges and cables: P1. Slower is creeping, so that the load
    spreads,

    车厢举升时车速高于此值，会撞上桥梁和架空线：P1。更慢则属蠕行摊料。"""
    driving_s: int = 10
    """for so long, in `readings` positions.

    须持续这么久，且有 `readings` 次定位为证。"""
