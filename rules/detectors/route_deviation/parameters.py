"""Thresholds of rule `route_deviation`."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from rules.alerts.model import Text
from rules.contract.rule import Parameters, WrongParameter


class RouteDeviationParameters(Parameters):
    """Distances are in metres from the nearest approved route, less the error of the receiver: the accuracy of the fix,
    or what the track showed while the truck was on its route, whichever is larger.

    No standard sets these defaults: each has its reason.
    """

    city_wide: ClassVar[frozenset[str]] = frozenset({"closure_trucks", "closure_min", "closure_m"})

    enter_m: float = 60.0
    """Beyond this a truck may have left: the drawn line, the width of the road and the receiver's error stay within.

    超过此距离，车辆可能已驶离：线路绘制、道路宽度和接收机误差都在此范围内。"""
    leave_m: float | None = None
    """Below this it is back; None: 7/12 of `enter_m`, 35 m of 60 m, so that a truck between the two does not flap.

    低于此值即为返回；不填则为 `enter_m` 的7/12，即60 m时为35 m，使处于两者之间的车辆不反复告警。"""
    accuracy_credit_m: float = 30.0
    """At most this much error of the receiver is taken off a distance.

    从距离中最多扣除这么多接收机误差。"""
    min_moving_fixes: int = 3
    """Fixes beyond the corridor to which it had moved: one or two may be outliers.

    驶出走廊之后的定位次数：一两次可能是离群点。"""
    twice_m: float = Field(60.0, gt=0)
    """A fix so far beyond the corridor counts twice, a nearer one by its share: two at 30 m beyond, or one at 60 m and
    one at its edge, are as good as three there. One alone is never enough: outliers are of any size.

    超出走廊这么远的定位计两次，较近的按比例计：两次超出30 m，或一次超出60 m加一次在边缘，等同于三次在边缘。单独一次
    永远不够：离群点可大可小。"""
    outliers: float = 0.6
    """Of a receiver that showed a single outlier within some 50 fixes, and within the first 5 fixes of one, each fix
    counts once, however far. An outlier counts 1 % less after every fix.

    接收机约50次定位内出现过一个离群点，以及最初5次定位之内，每次定位无论多远只计一次。离群点的影响每次定位递减1 %。"""
    min_off_s: int = 45
    """Seconds beyond; shorter excursions are fuel stations and turnings.

    在走廊外的秒数；更短的是加油站和掉头。"""
    drift_m: float = Field(30.0, ge=0)
    """Error of a receiver among high houses, 1 sigma across the road; it drifts

    高楼间接收机的误差，垂直道路方向1倍标准差；该误差会漂移。"""
    drift_s: float = Field(300.0, gt=0)
    """over so many seconds.

    上述误差漂移的时间尺度。"""
    sharp_sigmas: float = 4.5
    """A truck that went aside by so many sigmas of that drift in its time has really gone there.

    偏出幅度达到同一时间内漂移的这么多倍标准差，即为真正驶离。"""
    sure_m_s: float = 1_600.0
    """Of one that went aside slower, metres beyond the corridor times seconds there, such as 25 m for 64 s. With less,
    a drifting error may explain what is seen,

    缓慢偏出的车辆：超出走廊的米数乘以秒数，例如25 m持续64 s。低于此值，所见可能只是漂移误差。"""
    unsure_off_s: int = 240
    """but not for so many seconds.

    但漂移不会持续这么多秒。"""
    min_driven_m: float = 150.0
    """Metres driven beyond: more than a yard or a lay-by.

    在走廊外行驶的米数：大于场院或路侧停车带。"""
    long_off_s: int = 90
    """Seconds that are enough for a slow truck, where `long_driven_m` is not reached.

    行驶未达 `long_driven_m` 的慢车，这么多秒就够。"""
    long_driven_m: float = 400.0
    """Metres that are enough for a fast one, where `long_off_s` is not reached: no longer a way around an obstacle.

    时间未达 `long_off_s` 的快车，这么多米就够：已不是绕过障碍。"""
    fast_m: float = 300.0
    """So far off is no error of map or receiver: `fast_s` is then enough.

    偏出这么远不会是地图或接收机误差：此时 `fast_s` 就够。"""
    fast_s: int = 20
    """Three fixes at the usual 10 s. Likewise enough for a fast truck that drove `long_driven_m`, `twice_m` beyond the
    corridor on average and seen in `min_moving_fixes` fixes.

    按通常10 s间隔为三次定位。快车平均超出走廊 `twice_m`、行驶了 `long_driven_m` 且有 `min_moving_fixes` 次定位时也
    够。"""
    back_fixes: int = 3
    """Fixes in a row below `leave_m` that end it: one good fix among bad ones ends nothing.

    连续这么多次定位低于 `leave_m`，事件结束：坏定位中的一次好定位不能结束。"""
    back_s: int = 30
    """Or two such fixes this many seconds apart, for devices that report seldom.

    或两次这样的定位相隔这么多秒，用于上报稀疏的设备。"""
    ends_m: float = 200.0
    """Around origin and destination nothing is judged: trucks queue, turn and look for the gate there.

    起点和终点周围不作判断：车辆在那里排队、掉头、找入口。"""
    minor_detour_m: float = 500.0
    """Metres driven off the corridor from which an unloaded truck's alert is P2 instead of P3.

    空车在走廊外行驶达到此距离，告警由P3升为P2。"""
    far_off_m: float = 1_000.0
    """So far off a loaded truck's alert is P1: no detour around road works leads there.

    重车偏出这么远，告警为P1：绕行施工路段不会到那里。"""
    stop_s: int = 90
    """A truck standing this long off the corridor has stopped there; the longest common red light is shorter. A loaded
    one has then left its route, however near.

    在走廊外停这么久即为停车；常见的最长红灯更短。重车则无论多近都算驶离线路。"""
    unseen_m: float = 600.0
    """Metres that the odometer counts in a gap beyond those along the route: more than a turn at the next junction, and
    an odometer often counts in steps of 100 m.

    缺口内里程表比沿线路多出的米数：大于到下一路口掉头；里程表常以100 m为步长。"""
    odometer_error_pct: float = 5.0
    """Of what an odometer counts: worn and changed tyres.

    里程表计数的误差：轮胎磨损和更换。"""
    closure_trucks: int = 3
    """Trucks that leave one route at one place: two may be colleagues, three are a closed road.

    在同一处离开同一线路的车辆数：两辆可能是同行，三辆说明道路封闭。"""
    closure_min: int = 30
    """Minutes within which they leave it: trucks of one route pass a place some minutes apart.

    这些车辆在这么多分钟内离开：同一线路的车辆通过一处相隔数分钟。"""
    closure_m: float = 300.0
    """The same place: at 10 s between fixes two trucks on one road are first seen off it up to 200 m apart.

    同一处的范围：定位间隔10 s时，同路两车首次偏离的位置可相差200 m。"""

    @model_validator(mode="after")
    def _ends_before_it_begins(self) -> Self:
        if self.leave_m is not None and not 0 < self.leave_m < self.enter_m:
            both = f"leave_m ({self.leave_m:g})", f"enter_m ({self.enter_m:g})"
            raise WrongParameter(
                Text(
                    en=f"{both[0]} must be above 0 and below {both[1]}, or left out",
                    zh=f"{both[0]} 须大于0且小于 {both[1]}，或不填",
                )
            )
        return self

    @property
    def back_share(self) -> float:
        """`leave_m` as a share of `enter_m`, for routes with a corridor of their own."""
        return 7 / 12 if self.leave_m is None else self.leave_m / self.enter_m
