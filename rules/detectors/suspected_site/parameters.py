"""Thresholds of rule `suspected_site`."""

from typing import ClassVar

from rules.contract.rule import Parameters


class SuspectedSiteParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    city_wide: ClassVar[frozenset[str]] = frozenset({"trucks", "within_m", "within_s"})

    trucks: int = 3
    """Loaded trucks that stopped at one place: two may be colleagues at lunch, three are a place where loads go. As
    many that were loaded there are a place where loads come from.

    在同一处停过的重车数：两辆可能是同事吃饭，三辆说明货物运到这里。同样多的车辆在此装货，说明货物从这里运出。"""
    within_m: float = 200.0
    """The same place: a tip is some 100 m wide, and each truck's receiver may be off by some tens of metres.

    同一处的范围：一处倾倒点约100 m宽，各车接收机可能偏差数十米。"""
    within_s: int = 86_400
    """Within a day: a place that is used once a week is not found by this.

    一天之内：每周使用一次的地点不会由此发现。"""
    stand_s: int = 120
    """Standing so long is a stop: the longest red light is shorter, and a tip takes one to three minutes.

    停车这么久才算：最长的红灯更短，倾倒需一至三分钟。"""
    off_corridor_m: float = 60.0
    """Farther than this from every approved route, as `route_deviation` has it: a jam on the route is no site. A
    route's own `corridor_m` goes before it.

    距所有核准线路都超过此值，与 `route_deviation` 一致：线路上的拥堵不是场所。线路自己的 `corridor_m` 优先。"""
    off_site_m: float = 50.0
    """Farther than this from every registered site: its queue stands in front of the gate.

    距所有登记场所都超过此值：排队的车停在大门前。"""
