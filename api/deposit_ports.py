"""Ports: deposits of recyclables, as the API needs them; a part of `api.ports`."""

from collections.abc import Sequence
from typing import Protocol

from rules.recyclables.model import (
    Account,
    AccountPage,
    Booking,
    By,
    DepositFilter,
    IdKind,
    NewBooking,
    SumLine,
    Taken,
    UnknownAccount,
    UnknownBooking,
)
from rules.recyclables.reading import Read


class DepositDesk(Protocol):
    """`rules.recyclables.store.DepositStore`. Synchronous; every method may raise DatabaseError."""

    def take(self, device_id: str, read: Sequence[Read], now: int) -> Taken: ...

    def sums(self, where: DepositFilter, by: Sequence[By] = tuple(By)) -> list[SumLine]: ...

    def accounts(self, after: int = 0, limit: int = 100) -> AccountPage: ...

    def account(self, number: int) -> Account:
        """Raises UnknownAccount."""

    def find(self, kind: IdKind, text: str) -> int | None: ...

    def erase(self, number: int) -> int:
        """Raises UnknownAccount."""

    def spend(self, account: int, new: NewBooking, actor: str, now: int) -> Booking:
        """Raises UnknownAccount, BookingRefused."""

    def cancel(self, number: str, cancels: str, actor: str, reason: str, now: int) -> Booking:
        """Raises UnknownBooking, BookingRefused."""

    def bookings(self, account: int) -> list[Booking]: ...


class NoDeposits:
    """Stands for the port where there are none."""

    def take(self, device_id: str, read: Sequence[Read], now: int) -> Taken:
        return Taken(taken=0, repeated=0, refused=(), ids_dropped=0)

    def sums(self, where: DepositFilter, by: Sequence[By] = tuple(By)) -> list[SumLine]:
        return []

    def accounts(self, after: int = 0, limit: int = 100) -> AccountPage:
        return AccountPage(items=(), next_after=None)

    def account(self, number: int) -> Account:
        raise UnknownAccount(f"no account {number}")

    def find(self, kind: IdKind, text: str) -> int | None:
        return None

    def erase(self, number: int) -> int:
        raise UnknownAccount(f"no account {number}")

    def spend(self, account: int, new: NewBooking, actor: str, now: int) -> Booking:
        raise UnknownAccount(f"no account {account}")

    def cancel(self, number: str, cancels: str, actor: str, reason: str, now: int) -> Booking:
        raise UnknownBooking(f"no booking {cancels!r}")

    def bookings(self, account: int) -> list[Booking]:
        return []
