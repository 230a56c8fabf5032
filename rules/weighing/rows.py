"""Weighings in the database: each once, with the truck and site that it is taken for, found by truck or by number."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from msgspec import convert, to_builtins
from sqlalchemy import Connection, RowMapping, and_, insert, or_, select, update

from devices.city.model import City
from devices.readings.instants import DAY_MS
from devices.readings.models import Weighing
from devices.readings.plates import comparable_plate
from devices.readings.tickets import ticket_number
from rules.weighing.site_weighing import site_weighing
from rules.weighing.tables import weighing as weighings_table
from rules.weighing.tables import weighing_decision as decisions
from rules.weighing.truck_match import NO_TRUCK, TruckMatch, TruckMatcher

SAME_NUMBER_MS: Final = 40 * DAY_MS
"""Weighings of one bridge and number are compared over so long, as the recorder does."""
_ROUNDS: Final = 8
"""Corrections of corrections that are followed at once."""
_CHUNK: Final = 200
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
    connection: Connection, keys: Iterable[Key], city: City, trucks: TruckMatcher
) -> tuple[list[Key], list[Place]]:
    """Give these weighings the site and the truck that are known now, by plate or by a person. Return which of them
    moved, and the places that they left.
    """
    rows = rows_of(connection, keys)
    decided = decisions_on(connection, [row.key for row in rows])
    moved, left = list[Key](), list[Place]()
    for row in rows:
        placed = site_weighing(row.weighing, city, trucks)
        site = None if placed is None else placed.site
        truck = truck_of(NO_TRUCK if placed is None else placed.truck, row.weighing)
        if (vehicle_id := decided.get(row.key)) is not None:
            truck = f"v {vehicle_id}"
        if (site, truck) != (row.site, row.truck):
            moved.append(row.key)
            if row.site is not None:
                left.append(Place(row.site, row.truck, row.key.ts))
            of_row = update(weighings_table).where(
                weighings_table.c.device_id == row.key.device_id, weighings_table.c.ts == row.key.ts
            )
            connection.execute(of_row.values(site_id=site, truck=truck))
    return moved, left


def without_truck(connection: Connection, since: int) -> list[Key]:
    """Weighings since this device time, ms, whose plate named no vehicle, or that stood on no site."""
    table = weighings_table.c
    query = select(table.device_id, table.ts).where(
        table.ts >= since, or_(table.site_id.is_(None), table.truck.like("p %"))
    )
    return [Key(device_id, ts) for device_id, ts in connection.execute(query.order_by(table.ts, table.device_id))]


def of_one_ticket(rows: Sequence[PlacedWeighing]) -> Iterable[list[PlacedWeighing]]:
    """Groups of weighings of one bridge whose numbers are the same, or correct one another."""
    group: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        device_id = row.key.device_id
        joined = {row.number} | ({row.corrects} if row.corrects is not None else set())
        for number in tuple(joined):
            joined |= group.get((device_id, number), set())
        for number in joined:
            group[device_id, number] = joined
    together: dict[tuple[str, str], list[PlacedWeighing]] = {}
    for row in rows:
        together.setdefault((row.key.device_id, min(group[row.key.device_id, row.number])), []).append(row)
    return together.values()


def with_same_numbers(connection: Connection, rows: Sequence[PlacedWeighing]) -> list[PlacedWeighing]:
    """These weighings, and those that have their numbers, correct them or are corrected by them."""
    found = {row.key: row for row in rows}
    ask = list(found.values())
    for _ in range(_ROUNDS):
        wanted: dict[str, tuple[set[str], int, int]] = {}
        for row in ask:
            numbers, low, high = wanted.get(row.key.device_id, (set[str](), row.key.ts, row.key.ts))
            numbers |= {row.number} | ({row.corrects} if row.corrects is not None else set())
            wanted[row.key.device_id] = numbers, min(low, row.key.ts), max(high, row.key.ts)
        ask = []
        for device_id, (numbers, low, high) in sorted(wanted.items()):
            for chunk in chunks(sorted(numbers)):
                table = weighings_table.c
                related = and_(
                    table.device_id == device_id,
                    table.ts.between(low - SAME_NUMBER_MS, high + SAME_NUMBER_MS),
                    or_(table.number.in_(chunk), table.corrects.in_(chunk)),
                )
                for one in connection.execute(select(weighings_table).where(related)).mappings():
                    row = placed_of(one)
                    if row.key not in found:
                        found[row.key] = row
                        ask.append(row)
        if not ask:
            break
    return list(found.values())


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
