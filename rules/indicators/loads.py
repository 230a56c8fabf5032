"""Loads of a span of days, summed in the database: one row for each day, site, material, way and source of the tare.

Of a year of a large city these are some ten thousand rows, of some hundred thousand sessions.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Connection, and_, cast, func, or_, select

from devices.city.model import City
from devices.city.sites import SiteKind, version_at
from rules.weighing.balance import Calendar, LateChange, late_changes, stream
from rules.weighing.session import Flow, TareSource
from rules.weighing.tables import weighing_session, weighing_session_change

MAX_DAYS: Final = 366
_DAY_MS: Final = 86_400_000


class DayLoads(NamedTuple):
    """The loads of one day that are alike."""

    day: str
    site: str
    kind: SiteKind | None
    """As the site was on that day; None: it is not registered."""
    district: str
    stream: str
    flow: Flow
    is_known: bool
    """Their net weight is known."""
    is_weighed: bool
    """Gross and tare were weighed."""
    waits: bool
    """They wait for a person to say which truck it was."""
    loads: int
    net_kg: float


def days_of(first: date, last: date) -> list[date]:
    """The days from the first to the last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def loads_of(
    connection: Connection, days: Sequence[date], city: City, calendar: Calendar, vehicles: frozenset[str] | None = None
) -> list[DayLoads]:
    """The loads of these days, in order. `vehicles`: only of these; None: of all, also of trucks that nobody knows."""
    found: list[DayLoads] = []
    for day in days:
        start, end = calendar.start_ms(day), calendar.start_ms(day + timedelta(days=1))
        found += _of_day(connection, day.isoformat(), start, end, city, vehicles)
    return found


def _of_day(
    connection: Connection, day: str, start: int, end: int, city: City, vehicles: frozenset[str] | None
) -> Iterator[DayLoads]:
    table = weighing_session.c
    waits = and_(table.vehicle_id.is_(None), table.dismissed.is_(False)).label("waits")
    by = (table.site, table.material, table.flow, table.tare_source, table.net_kg.is_not(None).label("is_known"), waits)
    where = [table.withdrawn.is_(False), table.weighed_at >= start, table.weighed_at < end]
    if vehicles is not None:
        where.append(table.vehicle_id.in_(sorted(vehicles)))
    query = select(*by, func.count(), func.coalesce(func.sum(table.net_kg), 0.0)).where(*where).group_by(*by)
    rows = sorted(connection.execute(query), key=lambda row: tuple(map(str, row)))
    for site_id, material, flow, tare_source, is_known, is_waiting, loads, net_kg in rows:
        site = version_at(city.versions_of_site(site_id), start)
        yield DayLoads(
            day,
            site_id,
            None if site is None else site.kind,
            (site.district if site is not None else None) or "",
            stream(material, site.streams if site is not None else ()),
            Flow(flow),
            bool(is_known),
            bool(is_known) and tare_source == TareSource.WEIGHED,
            bool(is_waiting),
            int(loads),
            round(float(net_kg), 3),
        )


class _Revision(NamedTuple):
    at: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def late_of(
    connection: Connection, days: Sequence[date], calendar: Calendar, vehicles: frozenset[str] | None = None
) -> dict[str, LateChange]:
    """By day, what changed in its weighings after it was over. `vehicles`: only in sessions of these now."""
    closed_at = {day.isoformat(): calendar.start_ms(day + timedelta(days=1)) for day in days}
    start, end = calendar.start_ms(days[0]), max(closed_at.values())
    table = weighing_session_change.c
    # As text first: what JSON has is a number of 4 bytes to SQLAlchemy.
    weighed = [cast(state["weighed_at"].as_string(), BigInteger) for state in (table.before, table.after)]
    offsets = {start % _DAY_MS, end % _DAY_MS}  # where days begin in UTC; two, where summer time begins or ends
    late = [
        and_(one.between(start, end - 1), (table.at - offset) // _DAY_MS > (one - offset) // _DAY_MS)
        for one in weighed
        for offset in sorted(offsets)
    ]
    query = select(table.at, table.before, table.after).where(table.at >= min(closed_at.values()), or_(*late))
    if vehicles is not None:
        of_these = select(weighing_session.c.id).where(weighing_session.c.vehicle_id.in_(sorted(vehicles)))
        query = query.where(table.id.in_(of_these))
    rows = connection.execute(query.order_by(table.no)).yield_per(2_000)
    return late_changes((_Revision(*row) for row in rows), calendar, closed_at)
