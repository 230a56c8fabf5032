"""Ports: stated stocks of sites, as the API needs them; a part of `api.ports`."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from rules.stocks.store import EnteredDay, StatedDay


class Stocks(Protocol):
    """`rules.stocks.store.StockStore`. Synchronous; every method may raise DatabaseError."""

    def state(self, days: Sequence[StatedDay], actor: str, reason: str, now: int) -> None: ...

    def entered(self, first: date, last: date) -> list[EnteredDay]: ...


class NoStocks:
    """Stands for the port where there are none."""

    def state(self, days: Sequence[StatedDay], actor: str, reason: str, now: int) -> None:
        return

    def entered(self, first: date, last: date) -> list[EnteredDay]:
        return []
