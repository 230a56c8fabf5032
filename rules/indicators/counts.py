"""Indicators of counts: trips with a closed manifest, smart points that report, closed reports. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from devices.city.model import City, DeviceRole
from devices.city.sites import version_at
from rules.alerts.model import Text
from rules.cases.indicators import Figures
from rules.indicators import reasons
from rules.indicators.definitions import ENDS, WITH_MANIFEST
from rules.indicators.loads import DayLoads
from rules.indicators.model import IndicatorPart, Withheld
from rules.indicators.trips import Trip, over_or_late
from rules.indicators.weights import percent
from rules.weighing.session import Flow

TELLS_MS: Final = 31 * 86_400_000
"""For so long the newest reading of a point says whether it reported at the end of a span."""
_DAY_MS: Final = 86_400_000
_TRIPS: Final = Text(en="trips", zh="趟")
_POINTS: Final = Text(en="points", zh="个")
_CASES: Final = Text(en="cases", zh="件")

CountFound = tuple[float | None, tuple[Withheld, ...], tuple[IndicatorPart, ...]]
"""A value, or why there is none; and what it is made of."""


def manifests_closed(trips: Sequence[Trip], loads: Iterable[DayLoads], city: City) -> CountFound:
    """Share of trips whose manifest is closed, %."""
    counted = over_or_late(trips)
    closed = sum(trip.is_closed for trip in counted)
    by_ticket = sum(trip.is_weighed and trip.stream in WITH_MANIFEST and _is_end(trip, city) for trip in trips)
    weighed = sum(
        one.loads for one in loads if one.flow is Flow.IN and one.kind in ENDS and one.stream in WITH_MANIFEST
    )
    without = max(0, weighed - by_ticket)
    whole = len(counted) + without
    parts = (
        _part("closed", "closed", "已闭环", closed, _TRIPS),
        _part("under_manifest", "under a manifest", "持联单", len(counted), _TRIPS),
        _part("without", "weighed without one", "无联单过磅", without, _TRIPS),
        _part("under_way", "under way, in time", "运输中未超时", len(trips) - len(counted), _TRIPS),
    )
    if not whole:
        return None, (reasons.no_trips(),), parts
    return percent(closed, whole), (), parts


def points_reporting(heard_at: Mapping[str, int], city: City, end: int, now: int) -> CountFound:
    """Share of smart points that were heard in the last day before `end`, ms, or since, %."""
    at = min(end, now)
    points = [
        device.id
        for device in city.devices.values()
        if device.role is DeviceRole.RECYCLING_POINT and device.validity.covers(at - 1)
    ]
    heard = sum(heard_at.get(point, 0) >= at - _DAY_MS for point in points)
    parts = (
        _part("heard", "heard", "有上报", heard, _POINTS),
        _part("registered", "registered", "登记", len(points), _POINTS),
    )
    if not points:
        return None, (reasons.no_points(),), parts
    if now - at > TELLS_MS:
        return None, (reasons.too_long_ago(TELLS_MS // _DAY_MS),), ()
    return percent(heard, len(points)), (), parts


def reports_closed(figures: Figures | None) -> CountFound:
    """Closing rate of the cases of public reports, %; None: they may not be seen."""
    if figures is None:
        return None, (reasons.no_reports(),), ()
    parts = (
        _part("closed", "closed", "办结", figures.closed, _CASES),
        _part("opened", "opened", "受理", figures.opened, _CASES),
        _part("overdue", "overdue", "超期未办结", figures.overdue, _CASES),
    )
    if not figures.opened:
        return None, (reasons.no_reports(),), parts
    return percent(figures.closed, figures.opened), (), parts


def _is_end(trip: Trip, city: City) -> bool:
    site = version_at(city.versions_of_site(trip.destination_id), trip.began_at)
    return site is not None and site.kind in ENDS


def _part(id_: str, en: str, zh: str, value: int, unit: Text) -> IndicatorPart:
    return IndicatorPart(id=id_, name=Text(en=en, zh=zh), value=float(value), unit=unit)
