"""Thresholds of rule `weighbridge_integrity`."""

from typing import ClassVar

from pydantic import Field

from rules.contract.rule import Parameters


class WeighbridgeIntegrityParameters(Parameters):
    """No standard sets these defaults: each has its reason."""

    city_wide: ClassVar[frozenset[str]] = frozenset({"shift_kg", "shift_trucks", "shift_errors", "tare_sigma_kg"})

    away_m: float = Field(300.0, ge=0)
    """A ticket while the truck is farther than this from the fence of the bridge's site: its plate stands for another
    weight. The registry knows sites, not plates of bridges; trucks queue up to here.

    出磅单时车辆距衡器所在场所围栏超过此值：其车牌代替了另一个重量。登记的是场所而非衡器位置；车辆排队可到此处。"""
    clock_s: int = Field(240, ge=0)
    """The truck was not there so long before and after the ticket: the clocks of bridge and truck may each be off by
    120 s before `device_clock` names them.

    磅单前后这么久车辆都不在场：衡器和车辆的时钟各可能偏差120 s，之后 `device_clock` 才会指出。"""
    reach_kmh: float = Field(60.0, gt=0)
    """Between two fixes, or before the first one, it may have driven to the bridge as fast as this, on average.

    两次定位之间或首次定位之前，车辆可能以此平均车速驶到衡器。"""
    printed_s: int = Field(600, ge=0)
    """A ticket may be printed so long after the weighing, when the truck has left.

    磅单可能在称重后这么久、车辆已离开时才打印。"""
    unseen_s: int = Field(600, gt=0)
    """After so long without a usable fix nobody knows where the truck was: not judged.

    这么久没有可用定位，就不知道车辆在哪里：不作判断。"""
    left_m: float = Field(100.0, ge=0)
    """A truck has left the site when it is farther than this from its fence.

    距场所围栏超过此值，车辆即已离场。"""
    twice_s: int = Field(300, ge=0)
    """Two loads within this time, whatever was seen of the truck: nobody leaves, loads and comes back so soon.

    这么久之内出现两次载货，不论看到车辆怎样：没有人能这么快离开、装货再返回。"""
    twice_load_kg: float = Field(1_000.0, ge=0)
    """Both weighings show a load of at least so much; trucks are also weighed empty.

    两次称重的载货都至少这么多；车辆也会空车过磅。"""
    least_tares: int = Field(5, ge=3)
    """A truck's tare is judged once it has so many earlier ones.

    车辆有这么多次以往皮重之后，才判断其皮重。"""
    of_tares: int = Field(15, ge=5)
    """And by so many of the last ones: after half as many, a new body is its usual tare.

    以最近这么多次皮重为准：过半之后，新车厢的皮重即为常用皮重。"""
    tare_kg: float = Field(300.0, gt=0)
    """A tare may lie so far from the median of the earlier ones: a tank of diesel, mud, a driver.

    皮重可偏离以往中位数这么多：一箱柴油、泥土、一名驾驶员。"""
    tare_mads: float = Field(4.0, gt=0)
    """Or so many of their scaled median absolute deviations, for a truck whose tares differ more.

    或偏离换算后绝对中位差的这么多倍，用于皮重差异较大的车辆。"""
    part_axle_pct: float = Field(80.0, gt=0, lt=100)
    """A weight below so much of the truck's usual tare: an axle stood beside the plate. One axle of the four of an
    empty tipper carries a fifth or more.

    重量低于常用皮重的这个百分比：有车轴停在秤台外。空自卸车四轴中的一轴承重五分之一以上。"""
    shift_kg: float = Field(60.0, gt=0)
    """Tares of a bridge lie so far, in the median of the trucks of a day, each by its last tare, from what these
    trucks weighed before: three divisions of a class III scale (e = 20 kg), above its error in service of 40 kg.

    衡器一天内各车最近一次皮重与各车以往重量之差，其中位数偏移这么多：相当于III级秤（e = 20 kg）的三个分度，大于使用
    中误差40 kg。"""
    shift_trucks: int = Field(5, ge=3)
    """Of so many trucks at least.

    至少有这么多辆车。"""
    shift_errors: float = Field(4.0, ge=0)
    """And so many standard errors of that median: tanks are not equally full.

    且为该中位数标准误的这么多倍：各车油箱不一样满。"""
    tare_sigma_kg: float = Field(60.0, gt=0)
    """Standard deviation of the tares of one truck, at least: a few tares that agree by chance show no smaller one. A
    third of a tank of diesel, or some mud.

    单车皮重标准差的下限：少数皮重碰巧一致，不会得出更小的值。相当于三分之一箱柴油，或一些泥土。"""
    manual_pct: float = Field(2.0, ge=0, le=100)
    """Above this share, in per cent, of the last `of_tickets` tickets of a bridge typed by hand. Below half of it the
    alert closes.

    衡器最近 `of_tickets` 张磅单中手工录入的百分比高于此值。低于其一半时告警关闭。"""
    manual_tickets: int = Field(5, ge=1)
    """At least so many were: one of ten is no habit.

    手工录入至少有这么多张：十张中有一张不算习惯。"""
    of_tickets: int = Field(300, ge=50, le=2_000)
    """A busy day of a bridge.

    衡器繁忙一天的磅单数。"""
    settle_s: int = Field(600, gt=0)
    """Weights of a truck while the scale moved, and none at rest for so long: it was never weighed.

    只有秤台未稳定时的重量，且这么久没有稳定重量：车辆从未真正称重。"""
