"""Deposits and accounts, in the registry's database. Cards and codes become pseudonyms before anything is kept."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, delete, func, insert, select, update

from devices.city.model import City
from devices.db.database import transaction
from devices.db.turns import wait_for_turn
from rules.recyclables import bookings
from rules.recyclables.model import (
    Account,
    AccountPage,
    Booking,
    By,
    Credit,
    DepositFilter,
    IdKind,
    NewBooking,
    Recredited,
    Refusal,
    SumLine,
    Taken,
    Unit,
    UnknownAccount,
    comparable_id,
)
from rules.recyclables.placing import PlacedDeposit, place
from rules.recyclables.pseudonyms import PseudonymKey
from rules.recyclables.reading import Read
from rules.recyclables.tables import deposit, deposit_account, deposit_booking, deposit_refusal
from rules.recyclables.tariff import Tariffs

MAX_REFUSALS: Final = 10_000
"""Rows kept of what was refused, of all points; the oldest go."""
_TURN: Final = 4_827_342
"""Nobody who holds it asks for another (`devices.db.turns`)."""
_TAKEN_FIELDS: Final = ("ts", "material", "grams")
"""Two deposits of one number that differ in these are two deposits."""


class DepositStore:
    """All deposits. Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails.

    `city` returns the city as it is now, `key` the key of pseudonyms, or None where there is none.
    """

    def __init__(
        self,
        engine: Engine,
        city: Callable[[], City],
        tariffs: Tariffs,
        key: Callable[[], PseudonymKey | None],
    ) -> None:
        self._engine, self._city, self._tariffs, self._key = engine, city, tariffs, key

    def close(self) -> None:
        self._engine.dispose()

    def take(self, device_id: str, read: Sequence[Read], now: int, *, keep_refusals: bool = False) -> Taken:
        """Take the deposits of one message, once each, in one transaction. `now`: wall clock, ms.

        `keep_refusals`: where the sender hears of none, what was refused is noted.
        """
        city, key = self._city(), self._key()
        refused: list[Refusal] = []
        taken = repeated = dropped = 0
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            for index, reported in enumerate(read):
                placed = (
                    reported
                    if isinstance(reported, Refusal)
                    else place(device_id, index, reported, city, self._tariffs, now)
                )
                if isinstance(placed, Refusal):
                    refused.append(placed)
                    continue
                before = _stored(connection, placed)
                if before is None:
                    account = _account(connection, key, placed)
                    is_dropped = placed.who is not None and account is None
                    connection.execute(insert(deposit).values(_row(placed, account, is_dropped, now)))
                    taken += 1
                    dropped += is_dropped
                elif before == tuple(getattr(placed, name) for name in _TAKEN_FIELDS):
                    repeated += 1
                else:
                    hint = "is that of another deposit of this point: give each its own"
                    refused.append(Refusal(index=index, field="number", hint=hint))
            if keep_refusals:
                _note(connection, device_id, refused, now)
        return Taken(taken=taken, repeated=repeated, refused=tuple(refused), ids_dropped=dropped)

    def note_refused(self, device_id: str, field: str, hint: str, now: int) -> None:
        """Note a message of which nothing can be read."""
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            _note(connection, device_id, [Refusal(index=0, field=field, hint=hint)], now)

    def refusals(self, limit: int = 100) -> list[tuple[str, int, str, str, int]]:
        """Device, wall clock in ms, field, hint and count of what was refused, the newest first."""
        row = deposit_refusal.c
        query = select(row.device_id, row.received_at, row.field, row.hint, row.deposits)
        with transaction(self._engine) as connection:
            return [tuple(one) for one in connection.execute(query.order_by(row.no.desc()).limit(limit))]

    def sums(self, where: DepositFilter, by: Sequence[By] = tuple(By)) -> list[SumLine]:
        """Sums of the deposits that are selected, in the order of `by`."""
        columns = {By.DAY: deposit.c.day, By.SITE: deposit.c.site_id, By.MATERIAL: deposit.c.material}
        keys = [columns[one] for one in by]
        query = _selected(
            select(
                *keys,
                deposit.c.unit,
                func.count(),
                func.sum(deposit.c.grams),
                func.count(deposit.c.account),
                func.sum(deposit.c.hundredths),
            ),
            where,
        )
        with transaction(self._engine) as connection:
            found = connection.execute(query.group_by(*keys, deposit.c.unit).order_by(*keys, deposit.c.unit)).all()
        lines: dict[tuple[str, ...], list[Any]] = {}
        for row in found:
            lines.setdefault(tuple(row[: len(keys)]), []).append(row)
        return [_sum_line(dict(zip(by, key, strict=True)), rows, len(keys)) for key, rows in lines.items()]

    def accounts(self, after: int = 0, limit: int = 100) -> AccountPage:
        """A page of accounts, by number."""
        row = deposit_account.c
        query = select(row.no, row.first_at).where(row.no > after).order_by(row.no).limit(limit + 1)
        with transaction(self._engine) as connection:
            numbers = connection.execute(query).all()
            items = _accounts(connection, numbers[:limit])
        return AccountPage(items=items, next_after=items[-1].account if len(numbers) > limit else None)

    def account(self, number: int) -> Account:
        """Raises UnknownAccount."""
        row = deposit_account.c
        with transaction(self._engine) as connection:
            found = connection.execute(select(row.no, row.first_at).where(row.no == number)).all()
            if not found:
                raise _unknown(number)
            return _accounts(connection, found)[0]

    def find(self, kind: IdKind, text: str) -> int | None:
        """Number of the account of a card or code; None where there is none, or no key."""
        key = self._key()
        if key is None or not comparable_id(text):
            return None
        row = deposit_account.c
        with transaction(self._engine) as connection:
            found = connection.execute(select(row.no).where(row.pseudonym == key.pseudonym(kind, text))).first()
        return None if found is None else int(found[0])

    def other_keys(self, key: PseudonymKey) -> int:
        """Accounts whose pseudonyms another key made: no card finds them by this one."""
        query = select(func.count()).select_from(deposit_account).where(deposit_account.c.key_id != key.id)
        with transaction(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def erase(self, number: int) -> int:
        """Erase an account. Its deposits stay in the sums of the city, and nothing leads from them to anybody.

        Returns how many deposits it had. Raises UnknownAccount.
        """
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            freed = connection.execute(update(deposit).where(deposit.c.account == number).values(account=None)).rowcount
            booked = update(deposit_booking).where(deposit_booking.c.account == number)
            connection.execute(booked.values(account=None))
            if not connection.execute(delete(deposit_account).where(deposit_account.c.no == number)).rowcount:
                raise _unknown(number)
            return freed

    def spend(self, account: int, new: NewBooking, actor: str, now: int) -> Booking:
        """Take points or yuan off an account, once for each number. Raises UnknownAccount, BookingRefused."""
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            if connection.execute(select(deposit_account.c.no).where(deposit_account.c.no == account)).first() is None:
                raise _unknown(account)
            return bookings.spend(connection, account, new, actor, now)

    def cancel(self, number: str, cancels: str, actor: str, reason: str, now: int) -> Booking:
        """Take back a booking of spent points. Raises UnknownBooking, BookingRefused."""
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            return bookings.cancel(connection, number, cancels, actor, reason, now)

    def bookings(self, account: int) -> list[Booking]:
        """Of one account, in the order in which they were made."""
        with transaction(self._engine) as connection:
            return bookings.bookings_of(connection, account)

    def recredit(
        self, first_day: str, last_day: str, actor: str, reason: str, now: int, *, dry_run: bool
    ) -> list[Recredited]:
        """Book what a mended tariff changes for the deposits of these days; `dry_run`: only say it."""
        city = self._city()
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            days, signed = (first_day, last_day), bookings.Signed(actor, reason, now)
            return bookings.recredit(connection, self._tariffs, city, days, signed, dry_run=dry_run)


def _unknown(number: int) -> UnknownAccount:
    return UnknownAccount(f"no account {number}: it was erased, or never was")


def _wait_for_turn(connection: Connection) -> None:
    """Let writers write one after the other; the first statement of a transaction."""
    wait_for_turn(connection, _TURN, deposit)


def _stored(connection: Connection, placed: PlacedDeposit) -> tuple[object, ...] | None:
    row = deposit.c
    query = select(*(row[name] for name in _TAKEN_FIELDS))
    found = connection.execute(query.where(row.device_id == placed.device_id, row.number == placed.number)).first()
    return None if found is None else tuple(found)


def _account(connection: Connection, key: PseudonymKey | None, placed: PlacedDeposit) -> int | None:
    """The account of who made a deposit, opened at the first one; None for nobody, and without a key."""
    if placed.who is None or key is None:
        return None
    pseudonym, row = key.pseudonym(placed.who.kind, placed.who.number.get_secret_value()), deposit_account.c
    found = connection.execute(select(row.no).where(row.pseudonym == pseudonym)).scalar()
    if found is None:
        opened = insert(deposit_account).values(pseudonym=pseudonym, key_id=key.id, first_at=placed.ts)
        found = connection.execute(opened.returning(row.no)).scalar_one()
    return int(found)


def _row(placed: PlacedDeposit, account: int | None, is_dropped: bool, now: int) -> dict[str, object]:
    earned = placed.earned
    return {
        "device_id": placed.device_id,
        "number": placed.number,
        "ts": placed.ts,
        "day": placed.day,
        "site_id": placed.site_id,
        "material": placed.material,
        "grams": placed.grams,
        "account": account,
        "id_dropped": is_dropped,
        "tariff": None if earned is None else earned.tariff,
        "unit": None if earned is None else str(earned.unit),
        "hundredths": None if earned is None else earned.hundredths,
        "received_at": now,
    }


def _note(connection: Connection, device_id: str, refused: Sequence[Refusal], now: int) -> None:
    by_reason: dict[tuple[str, str], int] = {}
    for one in refused:
        by_reason[one.field, one.hint] = by_reason.get((one.field, one.hint), 0) + 1
    if not by_reason:
        return
    rows = [
        {"device_id": device_id[:64], "received_at": now, "field": field, "hint": hint[:200], "deposits": count}
        for (field, hint), count in by_reason.items()
    ]
    connection.execute(insert(deposit_refusal), rows)
    newest = connection.execute(select(func.max(deposit_refusal.c.no))).scalar_one()
    connection.execute(delete(deposit_refusal).where(deposit_refusal.c.no <= newest - MAX_REFUSALS))


def _selected(query: Select[Any], where: DepositFilter) -> Select[Any]:
    row = deposit.c
    if where.first_day is not None:
        query = query.where(row.day >= where.first_day)
    if where.last_day is not None:
        query = query.where(row.day <= where.last_day)
    if where.account is not None:
        query = query.where(row.account == where.account)
    if where.devices is not None:
        query = query.where(row.device_id.in_(sorted(where.devices)))
    return query


def _sum_line(key: dict[By, str], rows: Sequence[Any], at: int) -> SumLine:
    unpaid = sum(row[at + 1] for row in rows if row[at] is None)
    return SumLine(
        day=key.get(By.DAY),
        site=key.get(By.SITE),
        material=key.get(By.MATERIAL),
        deposits=sum(row[at + 1] for row in rows),
        weight_kg=_kg(sum(int(row[at + 2]) for row in rows)),
        identified=sum(row[at + 3] for row in rows),
        without_tariff=unpaid,
        credits=tuple(_credit(row[at], int(row[at + 4])) for row in rows if row[at] is not None),
    )


def _accounts(connection: Connection, numbers: Sequence[Any]) -> tuple[Account, ...]:
    row = deposit.c
    query = select(row.account, row.unit, func.count(), func.sum(row.grams), func.sum(row.hundredths))
    chosen = query.where(row.account.in_([number for number, _ in numbers])).group_by(row.account, row.unit)
    by_account: dict[int, list[Any]] = {}
    for found in connection.execute(chosen.order_by(row.account, row.unit)):
        by_account.setdefault(int(found[0]), []).append(found)
    left = bookings.balances_of(connection, [int(number) for number, _ in numbers])
    return tuple(
        Account(
            account=number,
            balance=tuple(_credit(unit, has) for unit, has in sorted(left.get(int(number), {}).items())),
            first_at=first_at,
            deposits=sum(one[2] for one in by_account.get(number, ())),
            weight_kg=_kg(sum(int(one[3]) for one in by_account.get(number, ()))),
            credits=tuple(_credit(one[1], int(one[4])) for one in by_account.get(number, ()) if one[1] is not None),
        )
        for number, first_at in numbers
    )


def _kg(grams: int) -> float:
    return round(grams / 1000, 3)


def _credit(unit: str, hundredths: int) -> Credit:
    return Credit(unit=Unit(unit), amount=round(hundredths / 100, 2))
