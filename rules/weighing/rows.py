"""Weighings in the database: each once, with the truck and site that it is taken for, found by truck or by number."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from msgspec import convert, to_builtins
from sqlalchemy import Connection, RowMapping, and_, func, insert, or_, select, tuple_, update

from devices.city.model import City
from devices.readings.models import Weighing
from devices.readings.plates import comparable_plate
from devices.readings.tickets import REPEATED_WITHIN_MS, ticket_number
from rules.weighing.related import CORRECTED_AFTER_MS, Numbered, groups_of, numbered
from rules.weighing.session import MatchedBy
from rules.weighing.site_weighing import site_weighing
from rules.weighing.tables import weighing as weighings_table
from rules.weighing.tables import weighing_decision as decisions
from rules.weighing.truck_match import NO_TRUCK, TruckMatch, TruckMatcher

_ROUNDS: Final = 8
"""Days of a number that is used again and again by one truck, or corrections of corrections, that are followed."""
_CHUNK: Final = 200
_PAGE: Final = 2_000
_T = TypeVar("_T")


class Key(NamedTuple):
    """A weighing, by bridge and device time."""

    device_id: str
    ts: int


class Place(NamedTuple):
    """Where a weighing stands among the others."""

    site: str
    truck: str
    """As `truck_of`."""
    ts: int


class PlacedWeighing(NamedTuple):
    """A weighing with its place among the others."""

    key: Key
    site: str | None
    truck: str
    number: str
    corrects: str | None
    weighing: Weighing


def truck_of(match: TruckMatch, weighing: Weighing) -> str:
    """What weighings of one truck have in common: its vehicle, else its plate; those without a plate, their bridge."""
    if match.vehicle_id is not None:
        return f"v {match.vehicle_id}"
    if weighing.plate is not None:
        return f"p {comparable_plate(weighing.plate)}"[:160]
    return f"- {weighing.device_id}"


def add_weighings(connection: Connection, found: Iterable[Weighing], city: City, trucks: TruckMatcher) -> list[Key]:
    """Add those that are not there yet, and return which."""
    added: list[Key] = []
    fresh: dict[Key, Weighing] = {Key(one.device_id, one.ts): one for one in found}
    there = {row.key for row in rows_of(connection, fresh)}
    for key, weighing in fresh.items():
        if key in there:
            continue
        placed = site_weighing(weighing, city, trucks)
        connection.execute(
            insert(weighings_table).values(
                device_id=key.device_id,
                ts=key.ts,
                site_id=None if placed is None else placed.site,
                truck=truck_of(NO_TRUCK if placed is None else placed.truck, weighing),
                number=ticket_number(weighing.ticket)[:160],
                corrects=None if weighing.corrects is None else ticket_number(weighing.corrects)[:160],
                body=to_builtins(weighing),
            )
        )
        added.append(key)
    return added


def assign(
    connection: Connection, rows: Sequence[PlacedWeighing], city: City, trucks: TruckMatcher
) -> tuple[list[PlacedWeighing], list[Place]]:
    """Give these weighings the site and the truck that are known now, by plate or by a person. Return them as they are
    then, and the places that some left and came to.
    """
    decided = decisions_on(connection, [row.key for row in rows])
    found, changed = list[PlacedWeighing](), list[Place]()
    for row in rows:
        placed = site_weighing(row.weighing, city, trucks)
        site = None if placed is None else placed.site
        match = NO_TRUCK if placed is None else placed.truck
        if row.key in decided:
            match = dismissed_match(match)
        truck = truck_of(match, row.weighing)
        if (vehicle_id := decided.get(row.key)) is not None:
            truck = f"v {vehicle_id}"
        if (site, truck) != (row.site, row.truck):
            changed += [
                Place(of_site, of_truck, row.key.ts)
                for of_site, of_truck in ((row.site, row.truck), (site, truck))
                if of_site is not None
            ]
            of_row = update(weighings_table).where(
                weighings_table.c.device_id == row.key.device_id, weighings_table.c.ts == row.key.ts
            )
            connection.execute(of_row.values(site_id=site, truck=truck))
        found.append(row._replace(site=site, truck=truck))
    return found, changed


def dismissed_match(match: TruckMatch) -> TruckMatch:
    """What is left of a match after a person decided that no registered truck is meant: a plate that is registered as
    it was read.
    """
    return match if match.by is MatchedBy.PLATE else NO_TRUCK


def weighings_since(connection: Connection, since: int) -> Iterable[list[PlacedWeighing]]:
    """All weighings since this device time, ms, some at once, in order of time."""
    table = weighings_table.c
    last = since, ""
    while True:
        query = select(weighings_table).where(tuple_(table.ts, table.device_id) > tuple_(*last))
        page = connection.execute(query.order_by(table.ts, table.device_id).limit(_PAGE)).mappings().all()
        if not page:
            return
        yield [placed_of(row) for row in page]
        last = page[-1]["ts"], page[-1]["device_id"]


def of_one_ticket(rows: Sequence[PlacedWeighing]) -> Iterable[list[PlacedWeighing]]:
    """Groups of weighings of one bridge that may be of one ticket."""
    together: dict[int, list[PlacedWeighing]] = {}
    for row, group in zip(rows, groups_of([_numbered(row) for row in rows]), strict=True):
        together.setdefault(group, []).append(row)
    return together.values()


def with_same_tickets(connection: Connection, rows: Sequence[PlacedWeighing]) -> list[PlacedWeighing]:
    """These weighings, and those that may be of a ticket with one of them: a day around each, and by corrections."""
    pool = {row.key: row for row in rows}
    wanted = dict(pool)
    ask: Sequence[PlacedWeighing] = rows
    for _ in range(_ROUNDS):
        if not ask:
            break
        for row in (*_same_day(connection, ask), *_corrected(connection, ask)):
            pool.setdefault(row.key, row)
        ask = []
        for together in of_one_ticket(list(pool.values())):
            if any(row.key in wanted for row in together):
                ask += [row for row in together if row.key not in wanted]
        wanted |= {row.key: row for row in ask}
    return list(wanted.values())


def _same_day(connection: Connection, rows: Sequence[PlacedWeighing]) -> Iterable[PlacedWeighing]:
    """Weighings with the number of one of these, within a day of it."""
    times: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        times.setdefault((row.key.device_id, row.number), []).append(row.key.ts)
    table = weighings_table.c
    spans = [
        and_(table.device_id == device_id, table.number == number, table.ts.between(low, high))
        for (device_id, number), of_number in sorted(times.items())
        for low, high in _spans(of_number)
    ]
    for chunk in chunks(spans):
        for one in connection.execute(select(weighings_table).where(or_(*chunk))).mappings():
            yield placed_of(one)


def _spans(times: Iterable[int]) -> list[tuple[int, int]]:
    """A day around each of these times; those that overlap are one."""
    found: list[tuple[int, int]] = []
    for ts in sorted(times):
        low = ts - REPEATED_WITHIN_MS
        if found and found[-1][1] >= low:
            low = found.pop()[0]
        found.append((low, ts + REPEATED_WITHIN_MS))
    return found


def _corrected(connection: Connection, rows: Sequence[PlacedWeighing]) -> Iterable[PlacedWeighing]:
    """What these weighings correct, and what corrects them: a correction is of the last weighing with the number."""
    for row in rows:
        if row.corrects is not None and (found := _last_before(connection, row.key, row.corrects)) is not None:
            yield found
    for _, corrections in _corrections(connection, rows):
        yield from corrections


def no_more_corrected(connection: Connection, rows: Sequence[PlacedWeighing]) -> list[PlacedWeighing]:
    """Weighings that would have the corrections of these, without them."""
    found = [_last_before(connection, row.key, row.number) for row, _ in _corrections(connection, rows)]
    return [row for row in found if row is not None]


def _last_before(connection: Connection, key: Key, number: str) -> PlacedWeighing | None:
    table = weighings_table.c
    found = select(weighings_table).where(
        table.device_id == key.device_id,
        table.number == number,
        table.ts >= key.ts - CORRECTED_AFTER_MS,
        table.ts < key.ts,
    )
    row = connection.execute(found.order_by(table.ts.desc()).limit(1)).mappings().first()
    return None if row is None else placed_of(row)


def _corrections(
    connection: Connection, rows: Sequence[PlacedWeighing]
) -> Iterable[tuple[PlacedWeighing, list[PlacedWeighing]]]:
    """Those of these weighings that are corrected, each with its corrections."""
    table = weighings_table.c
    numbers = _numbers_corrected(connection, rows)
    for row in rows:
        device_id, ts = row.key
        if (device_id, row.number) not in numbers:
            continue
        after = and_(table.device_id == device_id, table.ts > ts, table.ts <= ts + CORRECTED_AFTER_MS)
        again = connection.execute(select(func.min(table.ts)).where(after, table.number == row.number)).scalar()
        until = ts + CORRECTED_AFTER_MS if again is None else again
        of_row = select(weighings_table).where(after, table.corrects == row.number, table.ts <= until)
        corrections = [placed_of(one) for one in connection.execute(of_row).mappings()]
        if corrections:
            yield row, corrections


def _numbers_corrected(connection: Connection, rows: Sequence[PlacedWeighing]) -> set[tuple[str, str]]:
    """Bridges and numbers of these weighings that a correction names at any time."""
    numbers: dict[str, set[str]] = {}
    for row in rows:
        numbers.setdefault(row.key.device_id, set()).add(row.number)
    table, found = weighings_table.c, set[tuple[str, str]]()
    for device_id, of_bridge in sorted(numbers.items()):
        for chunk in chunks(sorted(of_bridge)):
            named = select(table.corrects).where(table.device_id == device_id, table.corrects.in_(chunk)).distinct()
            found |= {(device_id, number) for (number,) in connection.execute(named)}
    return found


def _numbered(row: PlacedWeighing) -> Numbered:
    found = numbered(row.weighing, row.truck[2:] if row.truck.startswith("v ") else None)
    return found._replace(number=row.number, corrects=row.corrects)


def rows_of(connection: Connection, keys: Iterable[Key]) -> list[PlacedWeighing]:
    by_device: dict[str, list[int]] = {}
    for key in keys:
        by_device.setdefault(key.device_id, []).append(key.ts)
    found = []
    for device_id, times in sorted(by_device.items()):
        for chunk in chunks(sorted(set(times))):
            table = weighings_table.c
            query = select(weighings_table).where(table.device_id == device_id, table.ts.in_(chunk))
            found += [placed_of(one) for one in connection.execute(query).mappings()]
    return found


def last_decision(connection: Connection, keys: Iterable[Key]) -> tuple[str, str]:
    """Who decided last about one of these weighings, and why; empty where nobody did."""
    table, last = decisions.c, (0, "", "")
    for key in keys:
        of_key = (table.device_id == key.device_id) & (table.ts == key.ts)
        query = select(table.no, table.actor, table.reason).where(of_key).order_by(table.no.desc()).limit(1)
        row = connection.execute(query).first()
        last = max(last, (0, "", "") if row is None else (row[0], row[1], row[2]))
    return last[1:]


def decisions_on(connection: Connection, keys: Sequence[Key]) -> dict[Key, str | None]:
    """The last decision on each of these weighings that has one."""
    by_device: dict[str, list[int]] = {}
    for key in keys:
        by_device.setdefault(key.device_id, []).append(key.ts)
    found: dict[Key, str | None] = {}
    for device_id, times in by_device.items():
        for chunk in chunks(sorted(times)):
            table = decisions.c
            query = select(table.ts, table.vehicle_id).where(table.device_id == device_id, table.ts.in_(chunk))
            for ts, vehicle_id in connection.execute(query.order_by(table.no)):
                found[Key(device_id, ts)] = vehicle_id
    return found


def placed_of(row: RowMapping) -> PlacedWeighing:
    body = convert(row["body"], Weighing)
    return PlacedWeighing(
        Key(row["device_id"], row["ts"]), row["site_id"], row["truck"], row["number"], row["corrects"], body
    )


def chunks(items: Sequence[_T]) -> Iterable[Sequence[_T]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
