"""Thresholds of rule `mixed_haulage`, and the streams that may share a haul."""

from typing import Annotated, Final

from pydantic import AfterValidator

from devices.readings.streams import STREAM_NAMES
from rules.alerts.model import Text
from rules.contract.rule import Parameters, WrongParameter


def _known(word: str) -> str:
    if word not in STREAM_NAMES:
        there = ", ".join(STREAM_NAMES)
        raise WrongParameter(
            Text(en=f"{word!r} is no waste stream: there are {there}", zh=f"{word!r} 不是废弃物类别：可用的有 {there}")
        )
    return word


_MAY_MIX: Final = [
    ["recyclable", "paper", "plastic", "metal", "glass", "textile"],
    ["construction", "spoil"],
    ["construction", "slurry"],
    ["construction", "site_waste", "demolition"],
    ["construction", "decoration"],
]


class MixedHaulageParameters(Parameters):
    """Streams are those of sites (`streams` in sites.geojson) and tickets. The city plans forbid mixed haulage and name
    the streams, but no standard lists which pairs may share a haul: each default has its reason.
    """

    may_mix: list[list[Annotated[str, AfterValidator(_known)]]] = _MAY_MIX
    """Groups of streams that may share a haul; a stream always shares with itself, all others may not be mixed.
    Recyclables are sorted again. `construction` may be any of its classes; of these only site waste and demolition
    waste go to the same plant. Kitchen, residual, hazardous and medical waste and sludge go with nothing.

    可同车运输的类别组合；同一类别总可同车，其余均不得混运。可回收物之后还会分拣。`construction` 可为其任一细类；其中
    只有工地垃圾和拆除垃圾运往同一工厂。厨余、其他、有害、医疗垃圾和污泥不得与任何类别混运。"""
    stay_s: int = 120
    """Standing so long beside a source is collecting: shorter is a traffic light.

    在收集点旁停这么久即为收集：更短是红灯。"""
    near_m: float = 30.0
    """Beside a source: a truck stands on the road, the fence of a recycling point has a radius of 10 to 20 m.

    收集点旁：车辆停在路上，回收点的围栏半径为10至20 m。"""
    rise_kg: float = 500.0
    """A load that rises by so much at a stop was collected there: steady weights of one load differ by less.

    停车时载重增加这么多，说明在此收集：同一载重的稳定重量相差更小。"""
    rise_share: float = 0.05
    """Or by this share of the permitted load where that is more: on-board scales err by some per cent of it.

    或增加核载的这个比例，取较大者：车载秤的误差为核载的百分之几。"""
    unchanged_kg: float = 300.0
    """A scale that showed what was taken elsewhere in this haul, and shows less than this more here, says that nothing
    was taken: six sigma of two weights of a truck at rest (50 kg each), and what a crew loads in a minute or two.

    秤在本趟其他地方显示了收集量，而在此处增加不足此值，说明没有收集：相当于静止车辆两次称重（各50 kg）的六倍标准差，
    也是一组工人一两分钟的装载量。"""
    weight_age_s: int = 180
    """A weight before a stop may be so old: three reports a minute apart.

    停车前的重量最多可以这么旧：间隔一分钟的三次上报。"""
    ticket_within_m: float = 300.0
    """A ticket counts if the truck was so near to the site of the bridge: plates are typed, and typed wrong.

    车辆距衡器所在场所这么近，磅单才算数：车牌是手工输入的，会输错。"""
    tip_s: int = 60
    """So long in a site where trucks tip ends the haul when it leaves: shorter is a gate that was closed.

    在可卸料的场所停留这么久后驶离，本趟结束：更短可能是大门未开。"""
    haul_s: int = 43_200
    """What was collected longer ago is no part of the haul: one shift, in which it was emptied somewhere.

    更早收集的不属于本趟：一个班次之内必已在某处卸空。"""
