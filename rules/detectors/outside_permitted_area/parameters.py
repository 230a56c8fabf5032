"""Thresholds of rule `outside_permitted_area`."""

from rules.contract.rule import Parameters


class OutsidePermittedAreaParameters(Parameters):
    """The areas are those of the truck's permits (`areas` in permits.yaml). No standard sets these defaults: each has
    its reason.
    """

    margin_m: float = 100.0
    """Farther than this, and the accuracy of the fix, beyond the border is outside: both sides of a border road are
    collected by one truck.

    越出边界超过此值加定位精度才算区外：边界道路两侧由同一辆车收集。"""
    stay_s: int = 120
    """Standing so long beside a source, or in all where the load rises: shorter is a traffic light.

    在收集点旁停这么久，或载重上升时累计停这么久：更短是红灯。"""
    near_m: float = 30.0
    """Beside a source: a truck stands on the road, the fence of a recycling point has a radius of 10 to 20 m.

    收集点旁：车辆停在路上，回收点的围栏半径为10至20 m。"""
    sources: int = 2
    """Stops at so many different sources confirm it without a weight: one may be a driver's rest.

    没有重量时，在这么多个不同收集点停车才能确认：一个可能是驾驶员休息。"""
    rise_kg: float = 500.0
    """A load that rises by so much, in steady weights, was collected: steady weights of one load differ by less.

    稳定重量增加这么多即为收集：同一载重的稳定重量相差更小。"""
    rise_share: float = 0.05
    """Or by this share of the permitted load where that is more: on-board scales err by some per cent of it.

    或增加核载的这个比例，取较大者：车载秤的误差为核载的百分之几。"""
    unchanged_kg: float = 300.0
    """A scale that shows a load, and less than this more than before the stop, says that nothing was taken there: six
    sigma of two weights of a truck at rest (50 kg each), and what a crew loads in a minute or two.

    秤显示有载重，而比停车前增加不足此值，说明没有在此收集：相当于静止车辆两次称重（各50 kg）的六倍标准差，也是一组工
    人一两分钟的装载量。"""
    weight_age_s: int = 180
    """A weight before the stop may be so old: three reports a minute apart, and too short to load inside the area.

    停车前的重量最多可以这么旧：间隔一分钟的三次上报，不够在区内装车。"""
    quiet_s: int = 1_800
    """So long without collecting, or inside its area again, it is over.

    这么久没有收集，或回到许可区域内这么久，事件结束。"""
