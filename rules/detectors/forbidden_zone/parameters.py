"""Thresholds of rule `forbidden_zone`."""

from rules.contract.rule import Parameters


class ForbiddenZoneParameters(Parameters):
    """Zones are those of `zones.geojson`. No standard sets these defaults: each has its reason."""

    fixes: int = 3
    """Fixes that are inside by more than their accuracy (at most 30 m): one wrong place proves nothing.

    在区域内、且深入距离超过自身精度（最多30 m）的定位次数：单次错误位置不能说明问题。"""
    hold_s: int = 60
    """Inside for so long; less is a corner that was cut. Likewise outside, to end it.

    在区域内这么久；更短的是抄近路擦过边角。结束时在区域外同样要这么久。"""
    driven_m: float = 500.0
    """Two fixes are enough once it has driven so far inside: terminals that report each minute give no third one.

    在区域内行驶这么远，两次定位就够：每分钟上报一次的终端给不出第三次。"""
    back_m: float = 50.0
    """Outside by so much, in `fixes` fixes and for `hold_s`, ends it.

    驶出这么远，有 `fixes` 次定位并持续 `hold_s`，事件结束。"""
    corridor_m: float = 60.0
    """An approved route within so much lets the truck pass: its permit has allowed the zone. A route's own `corridor_m`
    goes before it.

    这么近处有核准线路则允许通过：其核准已准许进入该区。线路自己的 `corridor_m` 优先。"""
