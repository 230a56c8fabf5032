"""What each indicator of the programme is: name, unit, formula and scope 统计范围、口径, in both languages. Data only.

Weights are net weights of weighing sessions of loads that came to a site. A load counts at the end of its way, where it
is treated or filled, so what passes a transfer station is counted once. Recyclables are weighed twice on their way, by
smart points and by sorting centres: the city's file says which of the two counts (`RecyclablesFrom`). What is fetched
from a recycling plant under another name than a stream's is a product, and does not count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from devices.city.sites import SiteKind
from rules.alerts.model import Text


class IndicatorId(StrEnum):
    """The indicators that telemetry can carry. The values are in files of cities and in stores, and stay."""

    CONSTRUCTION_RECYCLING = "construction_recycling"
    HOUSEHOLD_RECYCLING = "household_recycling"
    HOUSEHOLD_COLLECTED = "household_collected"
    RECYCLABLES_GROWTH = "recyclables_growth"
    INCINERATION_SHARE = "incineration_share"
    KITCHEN_SHARE = "kitchen_share"
    SLUDGE_RECYCLING = "sludge_recycling"
    SPOIL_INFLOW = "spoil_inflow"
    MANIFESTS_CLOSED = "manifests_closed"
    POINTS_REPORTING = "points_reporting"
    REPORTS_CLOSED = "reports_closed"


class Aim(StrEnum):
    """On which side of its target a value is good."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"


class RecyclablesFrom(StrEnum):
    """Where recyclables are weighed that count. What points collect goes on to sorting centres in most cities, so only
    a city in which it does not counts both.
    """

    SORTING_CENTRES = "sorting_centres"
    POINTS = "points"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Basket:
    """What is weighed: loads of some streams that come to sites of some kinds."""

    streams: frozenset[str]
    """As `devices.readings.streams` has them."""
    kinds: frozenset[SiteKind]


@dataclass(frozen=True, slots=True)
class Definition:
    """One indicator. `part` and `whole`: what is divided by what, if it is a share of weights; `whole` alone: an
    amount of weight.
    """

    name: Text
    unit: Text
    formula: Text
    scope: Text
    aim: Aim = Aim.AT_LEAST
    part: tuple[Basket, ...] = ()
    whole: tuple[Basket, ...] = ()
    has_recyclables: bool = False
    """Recyclables are in `part`, if there is one, and in `whole`."""

    def counting(self, source: RecyclablesFrom) -> "Definition":
        """The same with recyclables from there: without sorting centres, if only points count."""
        if source is not RecyclablesFrom.POINTS:
            return self
        part, whole = (tuple(one for one in some if one not in _RECYCLED) for some in (self.part, self.whole))
        return replace(self, part=part, whole=whole)


CONSTRUCTION: Final = frozenset({"construction", "spoil", "slurry", "site_waste", "demolition", "decoration"})
HOUSEHOLD: Final = frozenset({"residual", "kitchen", "hazardous"})
RECYCLABLES: Final = frozenset({"recyclable", "paper", "plastic", "metal", "glass", "textile"})
KITCHEN: Final = frozenset({"kitchen"})
SLUDGE: Final = frozenset({"sludge"})
WITH_MANIFEST: Final = CONSTRUCTION | KITCHEN | SLUDGE | {"medical", "hazardous"}
"""Streams whose trips the plans want under an electronic manifest."""

_PLANT: Final = frozenset({SiteKind.RECYCLING_PLANT})
_SORTING: Final = frozenset({SiteKind.SORTING_CENTRE})
_BURNT: Final = frozenset({SiteKind.INCINERATION_PLANT})
_TREATED: Final = frozenset({SiteKind.INCINERATION_PLANT, SiteKind.LANDFILL, SiteKind.RECYCLING_PLANT})
ENDS: Final = _TREATED | {SiteKind.DISPOSAL_SITE}
"""Kinds of site where the way of a load ends."""

_PERCENT: Final = Text(en="%", zh="%")
_YEARLY: Final = Text(en="10,000 t/year", zh="万吨/年")
_COLLECTED: Final = (Basket(HOUSEHOLD, _TREATED),)
_RECYCLED: Final = (Basket(RECYCLABLES, _SORTING),)

DEFINITIONS: Final[Mapping[IndicatorId, Definition]] = {
    IndicatorId.CONSTRUCTION_RECYCLING: Definition(
        Text(en="Construction-waste recycling rate", zh="建筑垃圾资源化利用率"),
        _PERCENT,
        Text(
            en="received by recycling plants ÷ received by all end sites × 100 %",
            zh="资源化利用厂接收量 ÷ 全部末端场所接收量 × 100%",
        ),
        Text(
            en="Spoil, slurry, site, demolition and decoration waste, weighed into recycling plants, disposal sites, "
            "landfills and incineration plants. Residue that a plant sends on counts once more where it ends, which "
            "lowers the rate.",
            zh="工程渣土、工程泥浆、工程垃圾、拆除垃圾、装修垃圾；按进入资源化利用厂、消纳场、填埋场、焚烧厂的过磅净重计。"
            "利用厂外运的残渣在最终去处再次计入，使比率偏低。",
        ),
        part=(Basket(CONSTRUCTION, _PLANT),),
        whole=(Basket(CONSTRUCTION, ENDS),),
    ),
    IndicatorId.HOUSEHOLD_RECYCLING: Definition(
        Text(en="Household-waste recycling rate", zh="生活垃圾回收利用率"),
        _PERCENT,
        Text(
            en="(recyclables + kitchen waste to recycling plants) ÷ (household waste collected + recyclables) × 100 %",
            zh="（可回收物量 + 进入资源化利用厂的厨余垃圾量） ÷ （生活垃圾清运量 + 可回收物量） × 100%",
        ),
        Text(
            en="Household waste without recyclables as weighed into incineration plants, landfills and recycling "
            "plants. Recyclables that are not weighed are missing.",
            zh="可回收物以外的生活垃圾按进入焚烧厂、填埋场、资源化利用厂的过磅净重计。未称重的可回收物不在其内。",
        ),
        part=(*_RECYCLED, Basket(KITCHEN, _PLANT)),
        whole=(*_RECYCLED, *_COLLECTED),
        has_recyclables=True,
    ),
    IndicatorId.HOUSEHOLD_COLLECTED: Definition(
        Text(en="Household waste collected", zh="生活垃圾清运量"),
        _YEARLY,
        Text(
            en="weight in the span ÷ days of the span × 365 ÷ 10,000",
            zh="时段内重量 ÷ 时段天数 × 365 ÷ 10000",
        ),
        Text(
            en="Residual, kitchen and hazardous household waste, weighed into incineration plants, landfills and "
            "recycling plants. Recyclables are not in it.",
            zh="其他垃圾、厨余垃圾、有害垃圾；按进入焚烧厂、填埋场、资源化利用厂的过磅净重计。不含可回收物。",
        ),
        aim=Aim.AT_MOST,
        whole=_COLLECTED,
    ),
    IndicatorId.RECYCLABLES_GROWTH: Definition(
        Text(en="Growth of recyclables", zh="再生资源回收增长率"),
        _PERCENT,
        Text(
            en="(weight in the span ÷ weight on the same days a year before − 1) × 100 %",
            zh="（时段内重量 ÷ 上年同期重量 − 1） × 100%",
        ),
        Text(
            en="Recyclables, paper, plastic, metal, glass and textiles.",
            zh="可回收物、纸类、塑料、金属、玻璃、织物。",
        ),
        whole=_RECYCLED,
        has_recyclables=True,
    ),
    IndicatorId.INCINERATION_SHARE: Definition(
        Text(en="Share of household waste incinerated", zh="生活垃圾焚烧占比"),
        _PERCENT,
        Text(
            en="received by incineration plants ÷ household waste collected × 100 %",
            zh="焚烧厂接收量 ÷ 生活垃圾清运量 × 100%",
        ),
        Text(
            en="Residual, kitchen and hazardous household waste, as in household waste collected.",
            zh="其他垃圾、厨余垃圾、有害垃圾，口径同生活垃圾清运量。",
        ),
        part=(Basket(HOUSEHOLD, _BURNT),),
        whole=_COLLECTED,
    ),
    IndicatorId.KITCHEN_SHARE: Definition(
        Text(en="Share of kitchen waste collected apart", zh="厨余垃圾分出占比"),
        _PERCENT,
        Text(en="kitchen waste ÷ household waste collected × 100 %", zh="厨余垃圾量 ÷ 生活垃圾清运量 × 100%"),
        Text(
            en="Kitchen waste on its own tickets, at the sites of household waste collected.",
            zh="磅单注明为厨余垃圾者，场所口径同生活垃圾清运量。",
        ),
        part=(Basket(KITCHEN, _TREATED),),
        whole=_COLLECTED,
    ),
    IndicatorId.SLUDGE_RECYCLING: Definition(
        Text(en="Sludge put to use", zh="污泥资源化利用率"),
        _PERCENT,
        Text(
            en="received by recycling plants ÷ received by all end sites × 100 %",
            zh="资源化利用厂接收量 ÷ 全部末端场所接收量 × 100%",
        ),
        Text(
            en="Sludge weighed into recycling plants, incineration plants, landfills and disposal sites; the parts "
            "show each destination.",
            zh="污泥；按进入资源化利用厂、焚烧厂、填埋场、消纳场的过磅净重计；另列各去向。",
        ),
        part=(Basket(SLUDGE, _PLANT),),
        whole=(Basket(SLUDGE, ENDS),),
    ),
    IndicatorId.SPOIL_INFLOW: Definition(
        Text(en="Inflow of spoil grounds", zh="消纳量"),
        _YEARLY,
        Text(
            en="weight in the span ÷ days of the span × 365 ÷ 10,000",
            zh="时段内重量 ÷ 时段天数 × 365 ÷ 10000",
        ),
        Text(
            en="Construction waste of all classes, weighed into disposal sites.",
            zh="各类建筑垃圾；按进入消纳场的过磅净重计。",
        ),
        aim=Aim.AT_MOST,
        whole=(Basket(CONSTRUCTION, frozenset({SiteKind.DISPOSAL_SITE})),),
    ),
    IndicatorId.MANIFESTS_CLOSED: Definition(
        Text(en="Trips with a closed manifest", zh="联单闭环率"),
        _PERCENT,
        Text(
            en="closed manifests ÷ (trips under a manifest + loads weighed without one) × 100 %",
            zh="已闭环联单数 ÷ （持联单运输趟次 + 无联单过磅趟次） × 100%",
        ),
        Text(
            en="Trips that began in the span and are over or late; void manifests do not count. Loads without a "
            "manifest: construction, kitchen, sludge, hazardous and medical waste weighed into end sites, less the "
            "manifests that were closed by a ticket there.",
            zh="时段内出发、已结束或已超时的趟次，作废联单不计。无联单趟次：建筑、厨余、污泥、有害、医疗类垃圾在末端场所的"
            "过磅次数，减去凭该处磅单确认的联单数。",
        ),
    ),
    IndicatorId.POINTS_REPORTING: Definition(
        Text(en="Smart points that report", zh="智能回收点在线率"),
        _PERCENT,
        Text(
            en="points heard in the last 24 h of the span or since ÷ registered points × 100 %",
            zh="时段最后24小时内或之后有上报的回收点数 ÷ 登记回收点数 × 100%",
        ),
        Text(
            en="Registered smart recycling points, by the newest reading of each. Of a span that ended more than 31 "
            "days ago there is no value: newest readings say nothing about it.",
            zh="登记的智能回收点，按各点最新一次上报判定。时段结束超过31天的不计算：最新上报已不能说明当时情况。",
        ),
    ),
    IndicatorId.REPORTS_CLOSED: Definition(
        Text(en="Closing rate of public reports", zh="举报案件办结率"),
        _PERCENT,
        Text(en="closed cases ÷ opened cases × 100 %", zh="办结数 ÷ 受理数 × 100%"),
        Text(
            en="Cases of public reports that were opened in the span, as they stand now; duplicates do not count.",
            zh="时段内受理的举报案件，按目前状态统计；重复案件不计。",
        ),
    ),
}
RECYCLABLES_SCOPE: Final[Mapping[RecyclablesFrom, Text]] = {
    RecyclablesFrom.SORTING_CENTRES: Text(
        en="Recyclables count as weighed into sorting centres; deposits at smart points do not.",
        zh="可回收物按进入分拣中心的过磅净重计，智能回收点投放量不计入。",
    ),
    RecyclablesFrom.POINTS: Text(
        en="Recyclables count as smart points weigh deposits; what is weighed into sorting centres does not.",
        zh="可回收物按智能回收点投放称重计，进入分拣中心的过磅量不计入。",
    ),
    RecyclablesFrom.BOTH: Text(
        en="Recyclables count as weighed into sorting centres, and as smart points weigh deposits: by the city's file "
        "none of these come to a sorting centre that weighs.",
        zh="可回收物按进入分拣中心的过磅净重与智能回收点投放称重合计：依城市文件，投放物不进入有地磅的分拣中心。",
    ),
}
"""What the scope of an indicator with recyclables says of them."""
