"""Sessions in the database, made of the weighings there: only those around what is new, in the caller's transaction.

    new weighings → what else has their numbers → trucks and times that may change → sessions there, made anew
                  → what differs is a revision

A session follows from weighings and decisions alone, so it is the same whatever order they come in, and coming again
they change nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, select

from devices.city.model import City
from devices.readings.instants import DAY_MS
from devices.readings.plates import comparable_plate
from rules.weighing.revisions import Changed, revise, values_of
from rules.weighing.rows import (
    Key,
    Place,
    PlacedWeighing,
    decisions_on,
    of_one_ticket,
    placed_of,
    rows_of,
    with_same_numbers,
)
from rules.weighing.session import MatchedBy, TareSource, WeighingSession
from rules.weighing.sessions import TareOf, sessions_of
from rules.weighing.site_weighing import SiteWeighing, site_weighing
from rules.weighing.tables import weighing as weighings_table
from rules.weighing.tables import weighing_session as sessions
from rules.weighing.tares import OF_TARES, usual_tare
from rules.weighing.truck_match import TruckMatch, TruckMatcher

REMADE_MS: Final = 2 * DAY_MS
"""Sessions so near to a changed weighing are made anew: a ticket is sent again within a day, a stay is half of one."""
READ_MS: Final = 4 * DAY_MS
"""Of weighings so near."""
TARE_REACH_MS: Final = 60 * DAY_MS
"""Of a vehicle without a registered tare, estimates so long after a weighing may rest on it."""


def project(
    connection: Connection,
    touched: Iterable[Key],
    city: City,
    trucks: TruckMatcher,
    now: int,
    left: Iterable[Place] = (),
) -> Changed:
    """Make the sessions around these weighings anew. `now`: wall clock, ms, of the revisions. `left`: where weighings
    were that now are of another truck or site.
    """
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    for place in (*left, *_places(_touched(connection, touched))):
        low, high = spans.get((place.site, place.truck), (place.ts, place.ts))
        spans[place.site, place.truck] = min(low, place.ts), max(high, place.ts)
    old: dict[str, dict[str, Any]] = {}
    new: dict[str, dict[str, Any]] = {}
    for (site, truck), (low, high) in sorted(spans.items()):
        reach = TARE_REACH_MS if _needs_history(truck, city) else REMADE_MS
        since, until = low - REMADE_MS, high + reach
        for row in connection.execute(_standing(site, truck, since, until)).mappings():
            old[row["id"]] = dict(row)
        for values in _made(connection, site, truck, (since, until), city, trucks):
            new[values["id"]] = values
    return revise(connection, old, new, now)


def _touched(connection: Connection, touched: Iterable[Key]) -> list[PlacedWeighing]:
    """These weighings, and those that may be of a ticket with one of them."""
    own = rows_of(connection, touched)
    times: dict[str, list[int]] = {}
    for row in own:
        times.setdefault(row.key.device_id, []).append(row.key.ts)
    found = with_same_numbers(connection, own)
    corrected = {(row.key.device_id, row.corrects) for row in found if row.corrects is not None}
    return [
        row
        for row in found
        if row.corrects is not None
        or (row.key.device_id, row.number) in corrected
        or any(abs(ts - row.key.ts) <= READ_MS for ts in times.get(row.key.device_id, ()))
    ]


def _places(rows: Sequence[PlacedWeighing]) -> list[Place]:
    """Where sessions of these weighings may be: a ticket that was corrected stands where it was weighed first, with the
    truck that it names last.
    """
    found: list[Place] = []
    for together in of_one_ticket(rows):
        times = [row.key.ts for row in together]
        for site, truck in {(row.site, row.truck) for row in together if row.site is not None}:
            found += [Place(site, truck, min(times)), Place(site, truck, max(times))]
    return found


def _needs_history(truck: str, city: City) -> bool:
    versions = city.versions_of(truck.removeprefix("v ")) if truck.startswith("v ") else ()
    return any(not version.tare_kg for version in versions)


def _made(
    connection: Connection, site: str, truck: str, span: tuple[int, int], city: City, trucks: TruckMatcher
) -> Iterable[dict[str, Any]]:
    """The sessions of one truck at one site in a span, as values of rows."""
    table = weighings_table.c
    near = and_(table.site_id == site, table.truck == truck, table.ts.between(span[0] - READ_MS, span[1] + READ_MS))
    own = [placed_of(one) for one in connection.execute(select(weighings_table).where(near)).mappings()]
    rows = [row for row in with_same_numbers(connection, own) if row.site is not None]
    decided = decisions_on(connection, [row.key for row in rows])
    placed, dismissed = [], set[Key]()
    for row in rows:
        one = site_weighing(row.weighing, city, trucks)
        if one is None:
            continue
        if row.key in decided:
            vehicle_id = decided[row.key]
            if vehicle_id is None:
                dismissed.add(row.key)
            else:
                terminal = trucks.terminal_of(vehicle_id, row.key.ts)
                by_person = TruckMatch(vehicle_id, terminal, MatchedBy.PERSON, 1.0)
                one = SiteWeighing(one.weighing, one.site, one.way, by_person)
        placed.append(one)
    for session in sessions_of(placed, _tares(connection, placed, truck, city)):
        key = truck_of_session(session)
        if session.site == site and key == truck and span[0] <= session.weighed_at <= span[1]:
            yield values_of(session, key, dismissed=any(Key(*one) in dismissed for one in session.weighings))


def truck_of_session(session: WeighingSession) -> str:
    """As `truck_of`."""
    if session.vehicle_id is not None:
        return f"v {session.vehicle_id}"
    return f"p {comparable_plate(session.plate)}"[:160] if session.plate else f"- {session.bridge}"


def _tares(connection: Connection, placed: Sequence[SiteWeighing], truck: str, city: City) -> TareOf:
    if not _needs_history(truck, city) or not placed:
        return usual_tare(city, {})
    vehicle_id = truck.removeprefix("v ")
    first = min(one.weighing.ts for one in placed)
    table = sessions.c
    former = (
        select(table.weighed_at, table.tare_kg, table.bridge)
        .where(
            table.vehicle_id == vehicle_id,
            table.weighed_at < first,
            table.tare_source == TareSource.WEIGHED,
            table.withdrawn.is_(False),
        )
        .order_by(table.weighed_at.desc())
        .limit(OF_TARES)
    )
    known = [(at, kg, bridge) for at, kg, bridge in connection.execute(former)]
    known += [
        (one.weighed_at, one.tare_kg, one.bridge)
        for one in sessions_of(placed)
        if one.vehicle_id == vehicle_id and one.is_weighed and one.tare_kg
    ]
    return usual_tare(city, {vehicle_id: sorted(known)})


def _standing(site: str, truck: str, since: int, until: int) -> Any:
    table = sessions.c
    return select(sessions).where(
        table.site == site,
        table.truck == truck,
        table.weighed_at.between(since, until),
        table.withdrawn.is_(False),
    )
