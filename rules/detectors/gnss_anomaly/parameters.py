"""Thresholds of rule `gnss_anomaly`."""

from typing import ClassVar

from pydantic import Field

from rules.contract.rule import Parameters


class GnssAnomalyParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    city_wide: ClassVar[frozenset[str]] = frozenset({"area_trucks", "area_m", "area_s"})

    teleport_m: float = Field(1_000.0, gt=0)
    """A fix this far from the one before, faster than any truck drives (42 m/s, `rules.tracking.motion`): reflections
    of signals in a street err by less.

    定位与前一次相距这么远，快于任何车辆（42 m/s，`rules.tracking.motion`）：街道中的信号反射误差没有这么大。"""
    teleport_fixes: int = Field(3, ge=2)
    """So many such fixes, or fixes that stay there: one or two are a spike, which tracking passes over.

    这样的定位或停留在新处的定位要有这么多次：一两次是毛刺，跟踪时略过。"""
    teleport_s: int = Field(300, gt=0)
    """Within so long: a terminal that shows two places in turn is one anomaly, a spike each hour is none.

    须在这么久之内：终端轮流显示两处是一次异常，每小时一次的毛刺不是。"""
    settle_s: int = Field(120, ge=0)
    """After a silence or a blind stretch the first fixes may be the last place that the terminal remembers, before its
    receiver finds the new one: a truck that was carried, or that switched on far from where it was switched off.

    静默或无定位之后，最初的定位可能是终端记住的最后位置，接收机尚未找到新位置：例如车辆被拖运，或在远离关机处开机。"""
    frozen_s: int = Field(180, gt=0)
    """The very same place for so long while the wheels turn. No later than `cannot_be_judged` finds it.

    车轮转动而位置在这么久内完全不变。不晚于 `cannot_be_judged` 发现的时间。"""
    frozen_readings: int = Field(3, ge=2)
    """In so many readings.

    须有这么多次读数。"""
    wheels_kmh: float = Field(10.0, gt=0)
    """By reported speed or odometer; receivers hold their place below.

    按上报车速或里程表；低于此值时接收机会保持原位。"""
    wheels_gap_s: int = Field(180, gt=0)
    """Between two readings farther apart nobody knows how long the wheels turned.

    两次读数相隔更久，就不知道车轮转动了多长时间。"""
    alarm_s: int = Field(120, ge=0)
    """The terminal reports its antenna open or short, or its receiver at fault, for so long,

    终端上报天线开路、短路或接收机故障，须持续这么久。"""
    alarm_readings: int = Field(3, ge=1)
    """and in so many readings in a row.

    且连续这么多次读数。"""
    good_s: int = Field(300, ge=0)
    """Good fixes for so long end it,

    正常定位持续这么久，事件结束。"""
    good_fixes: int = Field(3, ge=1)
    """and so many in a row.

    且连续有这么多次正常定位。"""
    area_trucks: int = Field(3, ge=2)
    """So many trucks with an anomaly at one place are an interference of the area, and not the drivers'.

    同一地点有这么多辆车异常，属区域干扰，不是驾驶员所为。"""
    area_m: float = Field(1_000.0, gt=0)
    """Within this distance of one another, before their places were wrong,

    各车在位置出错之前彼此相距在此范围内。"""
    area_s: int = Field(600, ge=0)
    """and begun within so long.

    且在这么久之内先后开始。"""
