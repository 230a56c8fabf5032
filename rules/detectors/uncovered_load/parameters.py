"""Thresholds of rule `uncovered_load`."""

from rules.contract.rule import Parameters


class UncoveredLoadParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    min_kmh: float = 10.0
    """Slower is manoeuvring, where nothing is blown off the load.

    更慢是调车，货物不会被吹落。"""
    hold_s: int = 30
    """Driven so long without a break: longer than a driver takes to close the cover while he rolls off.

    不间断行驶这么久：比驾驶员起步时合上篷布所需更久。"""
    readings: int = 3
    """In so many positions at least, however long they are apart: one wrong value proves nothing.

    至少有这么多次定位，无论相隔多久：单个错误值不能说明问题。"""
    site_m: float = 200.0
    """Metres around every site where covers are opened and closed; the accuracy of the fix (at most 30 m) is added.

    在各场所周围这么多米内可开合篷布；另加定位精度（最多30 m）。"""
    closed_s: int = 10
    """A cover that is closed for so long ends it: shorter, and a bouncing switch would end and begin it again.

    篷布关闭这么久，事件结束：更短则抖动的开关会使其反复开始和结束。"""
    fast_kmh: float = 20.0
    """Beyond this speed, in `fast_readings` positions, the load is blown onto the road: P2 instead of P3.

    有 `fast_readings` 次定位超过此车速，货物会被吹到路上：P2而非P3。"""
    fast_readings: int = 2
    """One speed alone may be the receiver's.

    单个车速可能是接收机误差。"""
