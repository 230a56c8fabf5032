"""Sessions in the database, made of the weighings there: only those around what is new, in the caller's transaction.

    new weighings → what else has their numbers → trucks and times that may change → sessions there, made anew
                  → what differs is a revision

A session follows from weighings and decisions alone, so it is the same whatever order they come in, and coming again
they change nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    assign,
    decisions_on,
    dismissed_match,
    no_more_corrected,
    of_one_ticket,
    placed_of,
    rows_of,
    with_same_tickets,
)
from rules.weighing.session import MatchedBy, TareSource, WeighingSession
from rules.weighing.sessions import TareOf, sessions_of
from rules.weighing.site_weighing import SiteWeighing, site_weighing
from rules.weighing.tables import weighing as weighings_table
from rules.weighing.tables import weighing_session as sessions
from rules.weighing.tares import OF_TARES, registered_tare, usual_tare
from rules.weighing.truck_match import CONTRADICTED, TruckMatch, TruckMatcher

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
    old: dict[str, dict[str, Any]] = {}
    made: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    ask = [*left, *_places(_touched(connection, touched))]
    floor = min([place.ts for place in ask], default=0) - REMADE_MS  # what is before stays as it was found then
    while ask:
        waiting = set[tuple[str, str]]()
        for place in ask:
            key = place.site, place.truck
            low, high = spans.get(key, (place.ts, place.ts))
            spans[key] = min(low, place.ts), max(high, place.ts)
            waiting.add(key)
        ask = []
        for site, truck in sorted(waiting):
            low, high = spans[site, truck]
            reach = TARE_REACH_MS if _needs_history(truck, city) else REMADE_MS
            span = max(low - REMADE_MS, floor), high + reach
            there = [dict(row) for row in connection.execute(_standing(site, truck, *span)).mappings()]
            old |= {row["id"]: row for row in there}
            rows, changed = _rows(connection, (site, truck), span, floor, there, city, trucks)
            sessions_made = _made(connection, rows, truck, city, trucks)
            made[site, truck] = {
                values["id"]: values
                for values in sessions_made
                if (values["site"], values["truck"]) == (site, truck) and span[0] <= values["weighed_at"] <= span[1]
            }
            of_old = {(device_id, ts) for row in there for device_id, ts in row["weighings"]}
            moved = [
                Place(values["site"], values["truck"], values["weighed_at"])
                for values in sessions_made
                if (values["site"], values["truck"]) != (site, truck)
                and any((device_id, ts) in of_old for device_id, ts in values["weighings"])
            ]
            ask += [one for one in changed if one.ts >= floor]
            ask += [one for one in moved if not _is_within(one, spans)]
    new = {id_: values for of_place in made.values() for id_, values in of_place.items()}
    return revise(connection, old, new, now)


def _is_within(place: Place, spans: Mapping[tuple[str, str], tuple[int, int]]) -> bool:
    low, high = spans.get((place.site, place.truck), (1, 0))
    return low <= place.ts <= high


def _touched(connection: Connection, touched: Iterable[Key]) -> list[PlacedWeighing]:
    """These weighings, and those that may be of a ticket with one of them."""
    own = rows_of(connection, touched)
    return with_same_tickets(connection, [*own, *no_more_corrected(connection, own)])


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


def _rows(
    connection: Connection,
    of: tuple[str, str],
    span: tuple[int, int],
    floor: int,
    there: Sequence[Mapping[str, Any]],
    city: City,
    trucks: TruckMatcher,
) -> tuple[list[PlacedWeighing], list[Place]]:
    """The weighings that may make sessions of one truck at one site in a span, or made those that are there; and the
    places that change as some of them, since `floor` or of those sessions, are of another truck or site by what is
    known now. `of`: site and truck.
    """
    table, (site, truck) = weighings_table.c, of
    near = and_(table.site_id == site, table.truck == truck, table.ts.between(span[0] - READ_MS, span[1] + READ_MS))
    own = {row.key: row for row in map(placed_of, connection.execute(select(weighings_table).where(near)).mappings())}
    of_sessions = {Key(device_id, ts) for row in there for device_id, ts in row["weighings"]}
    own |= {row.key: row for row in rows_of(connection, of_sessions - own.keys())}
    found = with_same_tickets(connection, list(own.values()))
    later = [row for row in found if row.key.ts >= floor or row.key in of_sessions]
    assigned, changed = assign(connection, later, city, trucks)
    return list(({row.key: row for row in found} | {row.key: row for row in assigned}).values()), changed


def _made(
    connection: Connection, rows: Sequence[PlacedWeighing], truck: str, city: City, trucks: TruckMatcher
) -> list[dict[str, Any]]:
    """The sessions of these weighings, as values of rows."""
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
                one = SiteWeighing(one.weighing, one.site, one.way, dismissed_match(one.truck))
            else:
                terminal = trucks.terminal_of(vehicle_id, row.key.ts)
                by_person = TruckMatch(vehicle_id, terminal, MatchedBy.PERSON, 1.0)
                one = SiteWeighing(one.weighing, one.site, one.way, by_person)
        placed.append(one)
    return [
        values_of(
            session, truck_of_session(session), dismissed=any(Key(*one) in dismissed for one in session.weighings)
        )
        for session in sessions_of(placed, _tares(connection, placed, truck, city))
    ]


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
    tares = [(at, kg, bridge) for at, kg, bridge in connection.execute(former)]
    tares += [
        (one.weighed_at, one.tare_kg, one.bridge)
        for one in sessions_of(placed)
        if one.vehicle_id == vehicle_id and one.is_weighed and one.tare_kg
    ]
    return usual_tare(city, {vehicle_id: sorted(tares)})


def _standing(site: str, truck: str, since: int, until: int) -> Any:
    table = sessions.c
    return select(sessions).where(
        table.site == site,
        table.truck == truck,
        table.weighed_at.between(since, until),
        table.withdrawn.is_(False),
    )


def sessions_to_revise(connection: Connection, since: int, city: City, trucks: TruckMatcher) -> Iterable[list[Key]]:
    """The weighings of each session since `since`, device time in ms, whose match or tare the registry has otherwise
    now: one vehicle has its plate, but as a person typed it, or on another terminal, or with another tare.
    """
    table = sessions.c
    there = select(
        table.weighings, table.plate, table.weighed_at, table.vehicle_id, table.vehicle, table.matched_by,
        table.tare_source, table.tare_kg, table.gross_kg, table.confidence,
    ).where(table.weighed_at >= since, table.withdrawn.is_(False))  # fmt: skip
    registered = registered_tare(city)
    for row in connection.execute(there.order_by(table.weighed_at, table.id)).mappings().all():
        if row["vehicle_id"] is None:
            continue
        match = trucks.match(row["plate"], row["weighed_at"])
        by_plate = row["matched_by"] != MatchedBy.PERSON
        terminal = match.device_id if by_plate else trucks.terminal_of(row["vehicle_id"], row["weighed_at"])
        tare = registered(row["vehicle_id"], row["weighed_at"])
        kg = None if tare is None else min(tare.kg, row["gross_kg"])
        of_registry = row["tare_kg"] if row["tare_source"] == TareSource.REGISTERED else None
        has_tare = row["tare_source"] == TareSource.WEIGHED or of_registry == kg
        by_tag = row["matched_by"] == MatchedBy.TAG or row["confidence"] <= CONTRADICTED  # the session has no tag
        if by_tag or terminal != row["vehicle"] or not has_tare or (by_plate and match.by != row["matched_by"]):
            yield [Key(device_id, ts) for device_id, ts in row["weighings"]]
