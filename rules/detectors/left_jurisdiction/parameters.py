"""Thresholds of rule `left_jurisdiction`."""

from rules.contract.rule import Parameters


class LeftJurisdictionParameters(Parameters):
    """Areas of jurisdiction are those of `zones.geojson`; without any, no truck is judged. No standard sets these
    defaults: each has its reason.
    """

    beyond_m: float = 200.0
    """So far outside every area of jurisdiction it counts: borders are drawn roughly, and roads run along them.

    在所有辖区之外这么远才算：边界画得粗略，且有道路沿边界而行。"""

    fixes: int = 3
    """Fixes that are beyond it by more than their accuracy (at most 30 m): one wrong place proves nothing.

    越界距离超过自身精度（最多30 m）的定位次数：单次错误位置不能说明问题。"""
    hold_s: int = 60
    """Outside for so long; less is a corner that was cut. Likewise back, to end it.

    在辖区外这么久；更短的是抄近路擦过边角。结束时返回同样要这么久。"""
    driven_m: float = 500.0
    """Two fixes are enough once it has driven so far outside: terminals that report each minute give no third one.

    在辖区外行驶这么远，两次定位就够：每分钟上报一次的终端给不出第三次。"""
    back_m: float = 50.0
    """So much nearer than `beyond_m`, in `fixes` fixes and for `hold_s`, it is back.

    比 `beyond_m` 近这么多，有 `fixes` 次定位并持续 `hold_s`，即为返回。"""
    corridor_m: float = 60.0
    """An approved route within so much lets the truck leave: its permit has allowed the haul to another area. A route's
    own `corridor_m` goes before it.

    这么近处有核准线路则允许驶出：其核准已准许运往另一辖区。线路自己的 `corridor_m` 优先。"""
