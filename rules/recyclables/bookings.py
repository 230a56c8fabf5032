"""Bookings of accounts in one transaction: points spent, bookings taken back, differences of a mended tariff.

Deposits and what they earned never change; what an account has is the sum of both tables, in whole hundredths. Callers
hold the turn of writers, so that nobody spends the same points twice.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, insert, select

from devices.city.model import City
from rules.recyclables.model import Booking, BookingKind, BookingRefused, NewBooking, Recredited, Unit, UnknownBooking
from rules.recyclables.tables import deposit, deposit_booking
from rules.recyclables.tariff import Tariffs


class Signed(NamedTuple):
    """Who books, why, and when."""

    actor: str
    reason: str
    at: int
    """Wall clock, ms."""


_SAME: Final = ("account", "kind", "unit", "hundredths", "cancels")
"""Two bookings of one number that differ in these are two bookings."""


def balances_of(connection: Connection, accounts: Sequence[int]) -> dict[int, dict[str, int]]:
    """What accounts have, hundredths by unit."""
    found: dict[int, dict[str, int]] = {}
    for table in (deposit.c, deposit_booking.c):
        query = select(table.account, table.unit, func.sum(table.hundredths))
        chosen = query.where(table.account.in_(accounts), table.unit.is_not(None))
        for account, unit, hundredths in connection.execute(chosen.group_by(table.account, table.unit)):
            of_account = found.setdefault(int(account), {})
            of_account[unit] = of_account.get(unit, 0) + int(hundredths)
    return found


def spend(connection: Connection, account: int, new: NewBooking, actor: str, now: int) -> Booking:
    """Raises BookingRefused."""
    row = {
        "number": new.number, "account": account, "kind": str(BookingKind.SPENT), "unit": str(new.unit),
        "hundredths": -int(new.amount * 100), "cancels": None, "day": None, "actor": actor, "reason": new.reason,
        "at": now,
    }  # fmt: skip
    return _book(connection, row)


def cancel(connection: Connection, number: str, cancels: str, actor: str, reason: str, now: int) -> Booking:
    """Take back spent points, by a booking with a number of its own. Raises UnknownBooking, BookingRefused."""
    row = deposit_booking.c
    before = connection.execute(select(deposit_booking).where(row.number == cancels)).mappings().first()
    if before is None:
        raise UnknownBooking(f"no booking {cancels!r}")
    if before["kind"] != BookingKind.SPENT or before["account"] is None:
        raise BookingRefused(f"cancels: {cancels!r} spent nothing of an account that is there")
    taken_back = connection.execute(select(row.number).where(row.cancels == cancels)).scalar()
    if taken_back not in {None, number}:
        raise BookingRefused(f"cancels: {cancels!r} was taken back by {taken_back!r} before")
    new = {
        "number": number, "account": before["account"], "kind": str(BookingKind.CANCELLED), "unit": before["unit"],
        "hundredths": -before["hundredths"], "cancels": cancels, "day": None, "actor": actor, "reason": reason,
        "at": now,
    }  # fmt: skip
    return _book(connection, new)


def bookings_of(connection: Connection, account: int) -> list[Booking]:
    """In the order in which they were made."""
    row = deposit_booking.c
    query = select(deposit_booking).where(row.account == account).order_by(row.no)
    return [_shown(dict(one)) for one in connection.execute(query).mappings()]


def recredit(
    connection: Connection,
    tariffs: Tariffs,
    city: City,
    days: tuple[str, str],
    signed: Signed,
    *,
    dry_run: bool,
) -> list[Recredited]:
    """Book what the deposits of these days, both included, earn by the tariffs as they are now, less what was credited.

    A second run finds nothing to book. No account falls below zero: the rest stays due.
    """
    due = _due(connection, tariffs, city, days)
    credited = _credited(connection, days)
    left = balances_of(connection, sorted({account for account, _, _ in {*due, *credited}}))
    newest = connection.execute(select(func.max(deposit_booking.c.no))).scalar() or 0
    changed = []
    for key in sorted({*due, *credited}):
        account, day, unit = key
        before, after = credited.get(key, 0), due.get(key, 0)
        has = left.get(account, {}).get(unit, 0)
        hundredths = max(after - before, -max(has, 0))
        if before == after:
            continue
        changed.append(
            Recredited(
                account=account, day=day, unit=Unit(unit), credited=before / 100, due=after / 100,
                booked=hundredths / 100,
            )
        )  # fmt: skip
        left.setdefault(account, {})[unit] = has + hundredths
        if hundredths and not dry_run:
            newest += 1
            row = {
                "number": f"tariff-{newest}-{account}-{day}", "account": account, "kind": str(BookingKind.TARIFF),
                "unit": unit, "hundredths": hundredths, "cancels": None, "day": day, **signed._asdict(),
            }  # fmt: skip
            connection.execute(insert(deposit_booking).values(row))
    return changed


def _book(connection: Connection, new: Mapping[str, Any]) -> Booking:
    row = deposit_booking.c
    before = connection.execute(select(deposit_booking).where(row.number == new["number"])).mappings().first()
    if before is not None:
        if all(before[name] == new[name] for name in _SAME):
            return _shown(dict(before))
        raise BookingRefused(f"number: {new['number']!r} is that of another booking: give each its own")
    account, unit = new["account"], new["unit"]
    has = balances_of(connection, [account]).get(account, {}).get(unit, 0)
    if has + new["hundredths"] < 0:
        raise BookingRefused(f"amount: account {account} has {max(has, 0) / 100:.2f} {unit}")
    connection.execute(insert(deposit_booking).values(new))
    return _shown(new)


def _shown(row: Mapping[str, Any]) -> Booking:
    named = {name: row[name] for name in ("number", "account", "cancels", "day", "actor", "reason", "at")}
    return Booking(**named, kind=BookingKind(row["kind"]), unit=Unit(row["unit"]), amount=row["hundredths"] / 100)


_Key = tuple[int, str, str]
"""Account, day, unit."""


def _due(connection: Connection, tariffs: Tariffs, city: City, days: tuple[str, str]) -> dict[_Key, int]:
    row, zone = deposit.c, ZoneInfo(city.timezone)
    query = select(row.account, row.day, row.ts, row.device_id, row.material, row.grams)
    found: dict[_Key, int] = {}
    for account, day, ts, device_id, material, grams in connection.execute(_of_accounts(query, row, days)):
        device = city.devices.get(device_id)
        site = city.site_of(device, ts) if device is not None else None
        local = datetime.fromtimestamp(ts / 1000, zone)
        earned = tariffs.earned(material, grams, date.fromisoformat(day), site, local.hour * 60 + local.minute)
        if earned is not None:
            key = int(account), day, str(earned.unit)
            found[key] = found.get(key, 0) + earned.hundredths
    return found


def _credited(connection: Connection, days: tuple[str, str]) -> dict[_Key, int]:
    found: dict[_Key, int] = {}
    for row in (deposit.c, deposit_booking.c):
        query = select(row.account, row.day, row.unit, func.sum(row.hundredths)).where(row.unit.is_not(None))
        grouped = _of_accounts(query, row, days).group_by(row.account, row.day, row.unit)
        for account, day, unit, hundredths in connection.execute(grouped):
            key = int(account), day, unit
            found[key] = found.get(key, 0) + int(hundredths)
    return found


def _of_accounts(query: Any, row: Any, days: tuple[str, str]) -> Any:
    return query.where(row.account.is_not(None), row.day >= days[0], row.day <= days[1])
