"""Deposits as somebody sees them who may see some points only. Accounts are of the whole city: their routes ask."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from api.deposit_ports import DepositDesk
from rules.recyclables.model import (
    Account,
    AccountPage,
    Booking,
    By,
    DepositFilter,
    IdKind,
    NewBooking,
    Refusal,
    SumLine,
    Taken,
)
from rules.recyclables.reading import Read


class NarrowedDeposits:
    """Stands for the port of deposits."""

    def __init__(self, desk: DepositDesk, devices: Callable[[], Collection[str]]) -> None:
        """`devices`: ids of those that may be seen."""
        self._desk, self._devices = desk, devices

    def take(self, device_id: str, read: Sequence[Read], now: int) -> Taken:
        if device_id in self._devices():
            return self._desk.take(device_id, read, now)
        hint = "is no registered recycling point: register it first"
        refused = tuple(Refusal(index=index, field="device", hint=hint) for index in range(len(read)))
        return Taken(taken=0, repeated=0, refused=refused, ids_dropped=0)

    def sums(self, where: DepositFilter, by: Sequence[By] = tuple(By)) -> list[SumLine]:
        seen = frozenset(self._devices())
        return self._desk.sums(replace(where, devices=seen if where.devices is None else seen & where.devices), by)

    def accounts(self, after: int = 0, limit: int = 100) -> AccountPage:
        raise NotImplementedError("accounts are of the whole city only")

    def account(self, number: int) -> Account:
        raise NotImplementedError("accounts are of the whole city only")

    def find(self, kind: IdKind, text: str) -> int | None:
        raise NotImplementedError("accounts are of the whole city only")

    def erase(self, number: int) -> int:
        raise NotImplementedError("accounts are of the whole city only")

    def spend(self, account: int, new: NewBooking, actor: str, now: int) -> Booking:
        raise NotImplementedError("accounts are of the whole city only")

    def cancel(self, number: str, cancels: str, actor: str, reason: str, now: int) -> Booking:
        raise NotImplementedError("accounts are of the whole city only")

    def bookings(self, account: int) -> list[Booking]:
        raise NotImplementedError("accounts are of the whole city only")
