"""Indicators of weights: from summed loads to a value with its quality, or the reasons why there is none. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from devices.city.model import City, DeviceRole
from devices.city.sites import Site, SiteKind, Validity
from devices.readings.streams import STREAM_NAMES
from rules.alerts.model import Text
from rules.indicators import reasons
from rules.indicators.definitions import RECYCLABLES, Basket, Definition, IndicatorId, RecyclablesFrom
from rules.indicators.deposits import NO_DEPOSITS, Deposits
from rules.indicators.loads import DayLoads
from rules.indicators.model import IndicatorPart, IndicatorQuality, Withheld
from rules.indicators.programme import Needs, Target
from rules.weighing.balance import UNKNOWN
from rules.weighing.session import Flow

TONNES: Final = Text(en="t", zh="吨")
PERCENT: Final = Text(en="%", zh="%")
_A_DAY: Final = Text(en="t/day", zh="吨/日")
_HEAD: Final = Text(en="kg/day and head", zh="千克/人·日")
_KG: Final = 1_000.0
_KG_OF_UNIT: Final = 10_000_000.0
"""10,000 t."""
_DAYS_OF_YEAR: Final = 365
_DESTINATIONS: Final = {
    SiteKind.RECYCLING_PLANT: Text(en="to recycling plants", zh="进资源化利用厂"),
    SiteKind.INCINERATION_PLANT: Text(en="to incineration plants", zh="进焚烧厂"),
    SiteKind.LANDFILL: Text(en="to landfills", zh="进填埋场"),
    SiteKind.DISPOSAL_SITE: Text(en="to disposal sites", zh="进消纳场"),
}
PARTS_BY_KIND: Final = frozenset({IndicatorId.SLUDGE_RECYCLING, IndicatorId.CONSTRUCTION_RECYCLING})


class Span(NamedTuple):
    """Days, as far as they are over at the time of asking."""

    days: tuple[str, ...]
    """All, of the city's calendar."""
    over: frozenset[str]
    elapsed_days: float
    """Days since the beginning, with the part of today that has passed."""
    validity: Validity


class Found(NamedTuple):
    """A value, or why there is none; and what it is made of."""

    value: float | None
    withheld: tuple[Withheld, ...]
    parts: tuple[IndicatorPart, ...]
    quality: IndicatorQuality


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What a basket holds, kg, by kind of site."""

    by_kind: dict[SiteKind, float]

    @property
    def kg(self) -> float:
        return round(sum(self.by_kind.values()), 3)


class WeightIndicator:
    """One indicator of weights of one city in one span."""

    def __init__(
        self,
        definition: Definition,
        target: Target,
        needs: Needs,
        city: City,
        span: Span,
        source: RecyclablesFrom = RecyclablesFrom.SORTING_CENTRES,
        deposits: Deposits = NO_DEPOSITS,
    ) -> None:
        """`source`: where recyclables are weighed that count. `deposits`: of the span; they are shown anyway."""
        definition = definition.counting(source)
        self._definition, self._target, self._needs, self._city, self._span = definition, target, needs, city, span
        self._deposits = deposits.of(RECYCLABLES & frozenset(target.streams) if target.streams else RECYCLABLES)
        self._counts_deposits = definition.has_recyclables and source is not RecyclablesFrom.SORTING_CENTRES
        self._points = self._registered_points() if self._counts_deposits else {}
        self._baskets = (*definition.part, *definition.whole)
        versions = (*city.sites.values(), *city.past_sites)
        self._sites = {site.id for site in versions if self._counts(site)}

    def share(self, loads: Sequence[DayLoads], by_kind: bool) -> Found:
        """Part of whole, %."""
        parts, whole = self._weighed(self._definition.part, loads), self._weighed(self._definition.whole, loads)
        deposited_kg = self._deposits.kg if self._counts_deposits else 0.0
        part_kg, whole_kg = round(parts.kg + deposited_kg, 3), round(whole.kg + deposited_kg, 3)
        quality = self._quality(loads, self._deposits)
        held = [*self._withheld(quality)]
        if not held and whole_kg <= 0:
            held.append(reasons.no_loads())
        shown = [
            IndicatorPart(id="part", name=_PART, value=_tonnes(part_kg), unit=TONNES),
            IndicatorPart(id="whole", name=_WHOLE, value=_tonnes(whole_kg), unit=TONNES),
            *self._deposited(self._deposits),
        ]
        if by_kind:
            shown += [
                IndicatorPart(id=str(kind), name=_DESTINATIONS[kind], value=_tonnes(kg), unit=TONNES)
                for kind, kg in sorted(whole.by_kind.items())
            ]
        value = None if held else percent(part_kg, whole_kg)
        return Found(value, tuple(held), tuple(shown), quality)

    def amount(self, loads: Sequence[DayLoads], population: int | None = None) -> Found:
        """Weight at the pace of the span, 10,000 t a year."""
        whole, quality = self._weighed(self._definition.whole, loads), self._quality(loads, NO_DEPOSITS)
        held = [*self._withheld(quality)]
        days = self._span.elapsed_days
        daily_kg = whole.kg / days if days > 0 else 0.0
        shown = [
            IndicatorPart(id="whole", name=_WEIGHED, value=_tonnes(whole.kg), unit=TONNES),
            IndicatorPart(id="daily", name=_DAILY, value=round(daily_kg / _KG, 3), unit=_A_DAY),
        ]
        if population is not None:
            shown.append(
                IndicatorPart(id="per_head", name=_PER_HEAD, value=round(daily_kg / population, 3), unit=_HEAD)
            )
        value = None if held or days <= 0 else round(daily_kg * _DAYS_OF_YEAR / _KG_OF_UNIT, 2)
        return Found(value, tuple(held), tuple(shown), quality)

    def growth(self, loads: Sequence[DayLoads], base: "WeightIndicator", base_loads: Sequence[DayLoads]) -> Found:
        """Weight of the days that are over, over that of the days of `base`, less one, %."""
        loads = [one for one in loads if one.day in self._span.over]
        deposits = self._deposits.on(self._span.over)
        now_kg, before_kg = self._whole_kg(loads, deposits), base._whole_kg(base_loads, base._deposits)
        quality = self._quality(loads, deposits)
        held = [*self._withheld(quality)]
        base_held = [*base._withheld(base._quality(base_loads, base._deposits))]
        if not base_held and before_kg <= 0:
            base_held.append(reasons.no_loads())
        if base_held and not held:
            held.append(reasons.base(base_held))
        shown = (
            IndicatorPart(id="whole", name=_WEIGHED, value=_tonnes(now_kg), unit=TONNES),
            IndicatorPart(id="base", name=_BASE, value=_tonnes(before_kg), unit=TONNES),
            *self._deposited(deposits),
        )
        value = None if held else round(100 * (now_kg / before_kg - 1), 2)
        return Found(value, tuple(held), shown, quality)

    def _whole_kg(self, loads: Sequence[DayLoads], deposits: Deposits) -> float:
        weighed = self._weighed(self._definition.whole, loads).kg
        return round(weighed + deposits.kg, 3) if self._counts_deposits else weighed

    def _deposited(self, deposits: Deposits) -> Iterable[IndicatorPart]:
        """What was deposited at points: a part where it counts, else beside the others, if there is any."""
        if self._definition.has_recyclables and (self._counts_deposits or deposits.days):
            name = _DEPOSITED if self._counts_deposits else _DEPOSITED_TOO
            yield IndicatorPart(id="deposited", name=name, value=_tonnes(deposits.kg), unit=TONNES)

    def _registered_points(self) -> dict[str, str]:
        """Ids of the smart points of the span whose deposits count, with those of their sites."""
        return {
            device.id: device.site_id or ""
            for device in self._city.devices.values()
            if device.role is DeviceRole.RECYCLING_POINT
            and device.validity.overlaps(self._span.validity)
            and (self._target.sites is None or device.site_id in self._target.sites)
        }

    def _counts(self, site: Site) -> bool:
        """A version of a site is one of those that the definition, and the city's file, name."""
        if self._target.sites is not None and site.id not in self._target.sites:
            return False
        if not site.validity.overlaps(self._span.validity):
            return False
        streams = frozenset(site.streams)
        return any(
            site.kind in basket.kinds and (not streams or not streams.isdisjoint(basket.streams))
            for basket in self._baskets
        )

    def _streams(self, basket: Basket) -> frozenset[str]:
        return basket.streams & frozenset(self._target.streams) if self._target.streams else basket.streams

    def _takes(self, basket: Basket, one: DayLoads) -> bool:
        return (
            one.flow is Flow.IN
            and one.kind in basket.kinds
            and one.site in self._sites
            and one.stream in self._streams(basket)
        )

    def _weighed(self, baskets: Iterable[Basket], loads: Sequence[DayLoads]) -> _Weighed:
        found: dict[SiteKind, float] = {}
        for basket in baskets:
            for one in loads:
                if one.kind is not None and self._takes(basket, one):
                    found[one.kind] = round(found.get(one.kind, 0.0) + one.net_kg, 3)
        return _Weighed(found)

    def _quality(self, loads: Sequence[DayLoads], deposits: Deposits) -> IndicatorQuality:
        """Of the loads that count, and of those that would if their stream were known; of the deposits that count."""
        deposits = deposits if self._counts_deposits else NO_DEPOSITS
        kinds = frozenset[SiteKind]().union(*(basket.kinds for basket in self._baskets))
        here = [one for one in loads if one.kind in kinds and one.site in self._sites]
        lost = [one for one in here if one.flow is Flow.IN and _is_lost(one)]
        counted = [one for one in here if any(self._takes(basket, one) for basket in self._baskets)]
        with_data = {one.day for one in here} | {one.day for one in deposits.days}
        kg = sum(one.net_kg for one in counted)
        weighed_kg = sum(one.net_kg for one in counted if one.is_weighed)
        with_scale = self._sites_with_scale({one.site for one in here})
        return IndicatorQuality(
            loads=_count(counted) + _count(lost),
            weighed_pct=percent(weighed_kg, kg) if kg > 0 else None,
            estimated=_count(one for one in counted if one.is_known and not one.is_weighed),
            without_net=_count(one for one in counted if not one.is_known),
            without_stream=_count(lost),
            waiting=_count(one for one in counted if one.waits),
            days=len(self._span.over),
            days_without_data=len(self._span.over - with_data),
            sites=len(self._sites),
            sites_without_scale=len(self._sites - with_scale),
            deposits=deposits.count,
            points=len(self._points),
            points_without_deposits=len(self._points.keys() - deposits.points),
        )

    def _sites_with_scale(self, weighed_at: set[str]) -> set[str]:
        """Those with a registered weighbridge in the span, and those where loads were weighed."""
        bridges = {
            device.site_id
            for device in self._city.devices.values()
            if device.role is DeviceRole.WEIGHBRIDGE
            and device.site_id
            and device.validity.overlaps(self._span.validity)
        }
        return bridges | weighed_at

    def _withheld(self, quality: IndicatorQuality) -> Iterable[Withheld]:
        """Why the data cannot carry a value."""
        needs = self._needs
        strange = sorted(set(self._target.sites or ()) - self._sites - set(self._points.values()))
        if strange:
            yield reasons.unknown_sites(strange)
        if self._counts_deposits and not quality.points:
            yield reasons.no_points()
            return
        if self._baskets and not quality.sites:
            yield reasons.no_sites()
            return
        if quality.sites and _share(quality.sites - quality.sites_without_scale, quality.sites) < needs.sites_pct:
            yield reasons.sites_without_scale(quality.sites_without_scale, quality.sites)
        with_deposits = quality.points - quality.points_without_deposits
        if quality.points and _share(with_deposits, quality.points) < needs.sites_pct:
            yield reasons.points_without_deposits(quality.points_without_deposits, quality.points)
        if self._baskets and not quality.loads:
            yield reasons.no_loads()
            return
        if quality.days and _share(quality.days - quality.days_without_data, quality.days) < needs.days_pct:
            yield reasons.days_without_data(quality.days_without_data, quality.days)
        unknown = quality.without_net + quality.without_stream
        if quality.loads and _share(quality.loads - unknown, quality.loads) < needs.known_pct:
            yield reasons.unknown_loads(unknown, quality.loads)
        elif quality.weighed_pct is not None and quality.weighed_pct < needs.weighed_pct:
            yield reasons.estimates(quality.weighed_pct)


def _is_lost(one: DayLoads) -> bool:
    """Nobody knows its stream. Under another name a recycling plant weighs its products."""
    if one.stream == UNKNOWN:
        return True
    return one.stream not in STREAM_NAMES and one.kind is not SiteKind.RECYCLING_PLANT


def percent(part: float, whole: float) -> float:
    """Rounded to two decimals, but never up to 100 while some is missing."""
    if part >= whole:
        return round(100 * part / whole, 2)
    return min(round(100 * part / whole, 2), 99.99)


def _share(part: int, whole: int) -> float:
    return 100 * part / whole


def _tonnes(kg: float) -> float:
    return round(kg / _KG, 3)


def _count(loads: Iterable[DayLoads]) -> int:
    return sum(one.loads for one in loads)


_PART: Final = Text(en="part", zh="分子")
_WHOLE: Final = Text(en="whole", zh="分母")
_WEIGHED: Final = Text(en="weighed", zh="过磅量")
_DAILY: Final = Text(en="a day", zh="日均")
_PER_HEAD: Final = Text(en="a day and head", zh="人均每日")
_BASE: Final = Text(en="a year before", zh="上年同期")
_DEPOSITED: Final = Text(en="of this deposited at smart points", zh="其中智能回收点投放")
_DEPOSITED_TOO: Final = Text(en="deposited at smart points, does not count", zh="智能回收点投放（不计入）")
