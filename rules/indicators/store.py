"""Indicators of a city, computed from its database when they are asked for."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from devices.city.sites import Validity
from devices.db.database import transaction
from rules.alerts.model import Text
from rules.indicators.assessment import SubjectKind, assessments
from rules.indicators.counts import CountFound, manifests_closed, points_reporting, reports_closed
from rules.indicators.definitions import DEFINITIONS, RECYCLABLES_SCOPE, Aim, Definition, IndicatorId, RecyclablesFrom
from rules.indicators.deposits import NO_DEPOSITS, Deposits, deposits_of
from rules.indicators.loads import DayLoads, days_of, late_of, loads_of
from rules.indicators.model import (
    Asked,
    AssessmentReport,
    Indicator,
    IndicatorPart,
    IndicatorQuality,
    IndicatorReport,
    LateDay,
    Withheld,
)
from rules.indicators.programme import Programme, Target
from rules.indicators.subjects import alerts_of, loads_by_vehicle
from rules.indicators.trips import trips_near, trips_of
from rules.indicators.weights import PARTS_BY_KIND, Found, Span, WeightIndicator
from rules.weighing.balance import Calendar

_DAY_MS: Final = 86_400_000
_AMOUNTS: Final = frozenset({IndicatorId.HOUSEHOLD_COLLECTED, IndicatorId.SPOIL_INFLOW})


class IndicatorStore:
    """Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine, programme: Programme) -> None:
        self._engine, self._programme = engine, programme

    def close(self) -> None:
        self._engine.dispose()

    def report(self, asked: Asked) -> IndicatorReport:
        """All indicators of a span, at most `loads.MAX_DAYS` days, that has begun."""
        calendar = Calendar(asked.city.timezone)
        days = days_of(asked.first_day, asked.last_day)
        span = span_of(days, calendar, asked.now)
        with transaction(self._engine) as connection:
            loads = _loads(connection, span, asked, calendar)
            computed = _Computed(self._programme, asked, span, calendar, loads)
            indicators = tuple(computed.indicator(connection, one) for one in IndicatorId)
            late = late_of(connection, days, calendar, asked.vehicles)
        return IndicatorReport(
            first_day=asked.first_day,
            last_day=asked.last_day,
            at=asked.now,
            city=Text(en=asked.city.name, zh=asked.city.name_zh),
            timezone=asked.city.timezone,
            is_over=len(span.over) == len(days),
            is_part=asked.vehicles is not None,
            indicators=indicators,
            late=tuple(LateDay(day=day, revisions=one.revisions, net_kg=one.net_kg) for day, one in late.items()),
        )

    def assess(self, asked: Asked, kind: SubjectKind) -> AssessmentReport:
        """The assessment of all hauliers, vehicles or drivers in such a span."""
        calendar, rules = Calendar(asked.city.timezone), self._programme.assessment
        start = calendar.start_ms(asked.first_day)
        end = calendar.start_ms(asked.last_day + timedelta(days=1))
        with transaction(self._engine) as connection:
            trips = list(trips_of(connection, start, end, asked.now, asked.vehicles))
            alerts = alerts_of(connection, start, end, frozenset(asked.city.devices))
            loads = loads_by_vehicle(connection, start, end, asked.vehicles)
        return AssessmentReport(
            first_day=asked.first_day,
            last_day=asked.last_day,
            at=asked.now,
            kind=kind,
            is_over=end <= asked.now,
            rules=rules,
            items=tuple(assessments(kind, trips, alerts, loads, asked.city, rules)),
        )


class _Computed:
    """The indicators of one answer."""

    def __init__(
        self, programme: Programme, asked: Asked, span: Span, calendar: Calendar, loads: Sequence[DayLoads]
    ) -> None:
        self._programme, self._asked, self._span, self._calendar = programme, asked, span, calendar
        self._loads = loads

    def indicator(self, connection: Connection, id_: IndicatorId) -> Indicator:
        target = self._target(id_)
        match id_:
            case IndicatorId.MANIFESTS_CLOSED:
                return self._shown(id_, target, self._manifests(connection))
            case IndicatorId.POINTS_REPORTING:
                end = self._span.validity.end_ms or 0
                found = points_reporting(self._asked.heard_at, self._asked.city, end, self._asked.now)
                return self._shown(id_, target, found)
            case IndicatorId.REPORTS_CLOSED:
                return self._shown(id_, target, reports_closed(self._asked.reports))
            case IndicatorId.RECYCLABLES_GROWTH:
                return self._weighed(id_, target, self._growth(connection, target))
            case _:
                return self._weighed(id_, target, self._weight(connection, id_, target))

    def _weight(self, connection: Connection, id_: IndicatorId, target: Target) -> Found:
        of_weight = self._of(connection, DEFINITIONS[id_], target, self._span)
        if id_ in _AMOUNTS:
            population = self._programme.population if id_ is IndicatorId.HOUSEHOLD_COLLECTED else None
            return of_weight.amount(self._loads, population)
        return of_weight.share(self._loads, by_kind=id_ in PARTS_BY_KIND)

    def _growth(self, connection: Connection, target: Target) -> Found:
        definition = DEFINITIONS[IndicatorId.RECYCLABLES_GROWTH]
        over = sorted(self._span.over)
        days = [a_year_before(date.fromisoformat(day)) for day in over]
        # Of 28 and 29 February of a leap year both are 28 February: it counts once.
        base = span_of(sorted(set(days)), self._calendar, self._asked.now)
        loads = _loads(connection, base, self._asked, self._calendar) if days else []
        before = self._of(connection, definition, target, base)
        return self._of(connection, definition, target, self._span).growth(self._loads, before, loads)

    def _manifests(self, connection: Connection) -> CountFound:
        start, end = self._span.validity.start_ms or 0, self._span.validity.end_ms or 0
        near = list(trips_near(connection, start, end, self._asked.now, self._asked.vehicles))
        begun = [trip for trip in near if start <= trip.began_at < end]
        weighed = [trip for trip in near if start <= trip.weighed_at < end]
        return manifests_closed(begun, weighed, self._loads, self._asked.city)

    def _target(self, id_: IndicatorId) -> Target:
        """As the file has it. Of a part of the city there are no targets, and only sites that may be seen."""
        target = self._programme.target(id_)
        if self._asked.vehicles is None:
            return target
        sites = target.sites
        if sites is not None:
            sites = tuple(site for site in sites if site in self._asked.city.sites)
        nothing = dict.fromkeys(("baseline", "baseline_year", "target", "target_year"))
        return target.model_copy(update={"sites": sites, **nothing})

    def _of(self, connection: Connection, definition: Definition, target: Target, span: Span) -> WeightIndicator:
        source, deposits = self._programme.recyclables_from, NO_DEPOSITS
        if definition.has_recyclables:
            deposits = self._deposits(connection, target, span)
        return WeightIndicator(definition, target, self._programme.needs, self._asked.city, span, source, deposits)

    def _deposits(self, connection: Connection, target: Target, span: Span) -> Deposits:
        """Those that count; where none do, all that may be seen."""
        counted = self._programme.recyclables_from is not RecyclablesFrom.SORTING_CENTRES
        devices = None if self._asked.vehicles is None else frozenset(self._asked.city.devices)
        return deposits_of(connection, span.days, target.sites if counted else None, devices)

    def _weighed(self, id_: IndicatorId, target: Target, found: Found) -> Indicator:
        return self._indicator(id_, target, found.value, found.withheld, found.parts, found.quality)

    def _shown(self, id_: IndicatorId, target: Target, found: CountFound) -> Indicator:
        value, withheld, parts = found
        return self._indicator(id_, target, value, withheld, parts, None)

    def _indicator(
        self,
        id_: IndicatorId,
        target: Target,
        value: float | None,
        withheld: tuple[Withheld, ...],
        parts: tuple[IndicatorPart, ...],
        quality: IndicatorQuality | None,
    ) -> Indicator:
        definition, aim = DEFINITIONS[id_], target.aim or DEFINITIONS[id_].aim
        return Indicator(
            id=id_,
            name=definition.name,
            unit=definition.unit,
            formula=definition.formula,
            scope=_scope(definition, target, self._programme.recyclables_from),
            aim=aim,
            value=value,
            withheld=withheld,
            parts=parts,
            quality=quality,
            baseline=target.baseline,
            baseline_year=target.baseline_year,
            target=target.target,
            target_year=target.target_year,
            progress_pct=progress_pct(value, target, aim),
            met=_is_met(value, target, aim),
        )


def span_of(days: Sequence[date], calendar: Calendar, now: int) -> Span:
    """The span of some days, as it is at `now`, ms."""
    starts = [calendar.start_ms(day) for day in days]
    ends = [calendar.start_ms(day + timedelta(days=1)) for day in days]
    elapsed = sum(min(max(now - start, 0) / (end - start), 1.0) for start, end in zip(starts, ends, strict=True))
    over = frozenset(day.isoformat() for day, end in zip(days, ends, strict=True) if end <= now)
    validity = Validity(min(starts, default=0), max(ends, default=0))
    return Span(tuple(day.isoformat() for day in days), over, elapsed, validity)


def a_year_before(day: date) -> date:
    """The same day of the year before; of 29 February the 28th."""
    with suppress(ValueError):
        return day.replace(year=day.year - 1)
    return day.replace(year=day.year - 1, day=28)


def progress_pct(value: float | None, target: Target, aim: Aim) -> float | None:
    """How far a value has come from the baseline to the target, %.

    Without a baseline the value of the target, and None if the value is to fall: nobody knows from where.
    """
    if value is None or target.target is None or (target.baseline is None and aim is Aim.AT_MOST):
        return None
    base = target.baseline if target.baseline is not None else 0.0
    if target.target == base:
        return None
    return round(100 * (value - base) / (target.target - base), 1)


def _is_met(value: float | None, target: Target, aim: Aim) -> bool | None:
    if value is None or target.target is None:
        return None
    return value >= target.target if aim is Aim.AT_LEAST else value <= target.target


def _scope(definition: Definition, target: Target, source: RecyclablesFrom) -> Text:
    """The scope, with where recyclables are weighed and what the city's file narrows it to."""
    en, zh = definition.scope.en, definition.scope.zh
    if definition.has_recyclables:
        en, zh = f"{en} {RECYCLABLES_SCOPE[source].en}", f"{zh}{RECYCLABLES_SCOPE[source].zh}"
    if target.streams:
        listed = ", ".join(target.streams)
        en, zh = f"{en} Only these streams: {listed}.", f"{zh}仅计：{listed}。"
    if target.sites:
        listed = ", ".join(target.sites)
        en, zh = f"{en} Only these sites: {listed}.", f"{zh}仅计场所：{listed}。"
    return Text(en=en, zh=zh)


def _loads(connection: Connection, span: Span, asked: Asked, calendar: Calendar) -> list[DayLoads]:
    begun = [day for day in map(date.fromisoformat, span.days) if calendar.start_ms(day) <= asked.now]
    return loads_of(connection, begun, asked.city, calendar, asked.vehicles)
