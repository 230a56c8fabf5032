"""Thresholds of rule `stopped_loaded`."""

from typing import ClassVar

from rules.contract.rule import Parameters


class StoppedLoadedParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    city_wide: ClassVar[frozenset[str]] = frozenset({"jam_trucks", "jam_m", "jam_over_s"})

    hold_s: int = 600
    """Standing so long: what a trunk road allows. A city's files do not say which roads are streets in town, where
    300 s are enough.

    停车这么久：干线道路允许的时间。城市数据不说明哪些道路是城区街道，那里300 s就够。"""
    off_corridor_s: int = 180
    """Standing so long off every approved route: there is no traffic light of the route to wait at.

    在所有核准线路之外停这么久：那里没有线路上的红灯可等。"""
    off_corridor_m: float = 60.0
    """Metres, less the accuracy of the fix (at most 30 m), as `route_deviation` begins a deviation. A route's
    own `corridor_m` goes before it.

    减去定位精度（最多30 m）后的距离，与 `route_deviation` 开始判偏离一致。线路自己的 `corridor_m` 优先。"""
    readings: int = 3
    """In so many positions at least, however long they are apart: one wrong load or place proves nothing.

    至少有这么多次定位，无论相隔多久：单个错误的载重或位置不能说明问题。"""
    fence_m: float = 20.0
    """Beyond a fence by this much and the fix's accuracy (at most 30 m) is outside a site.

    超出围栏这么远再加定位精度（最多30 m）即为场所外。"""
    queue_m: float = 1_000.0
    """So near a gate where it may load or tip, a truck on its route is in the queue.

    在线路上且距可装卸的入口这么近的车辆是在排队。"""
    gate_m: float = 200.0
    """So near such a gate also off its route: trucks turn and look for the gate there, as in `route_deviation`.

    距此类入口这么近时，线路之外也算：车辆在那里掉头、找入口，与 `route_deviation` 一致。"""
    jam_trucks: int = 3
    """So many trucks that stand near each other are in a jam: two may be colleagues.

    彼此靠近停着的车辆有这么多即为拥堵：两辆可能是同行。"""
    jam_m: float = 300.0
    """Near each other: some thirty lorries in a lane.

    彼此靠近的范围：一条车道上约三十辆货车。"""
    jam_from_s: int = 120
    """Standing so long counts for a jam: shorter is a red light.

    停车这么久才计入拥堵：更短是红灯。"""
    jam_over_s: int = 300
    """So long after a jam nothing is published: it dissolves from its head.

    拥堵之后这么久内不发布：拥堵从前端开始消散。"""
    away_m: float = 100.0
    """So far from the place, less the accuracy of the fix, in two positions, it has left.

    两次定位距停车处（减去定位精度）都这么远，即已驶离。"""
    leave_kmh: float = 10.0
    """Or it drives faster than this

    或车速高于此值。"""
    leave_s: int = 20
    """for so long.

    并持续这么久。"""
