"""Deposits, bookings and stated stocks by the user of the API in a real PostgreSQL: its part, and no more."""

from contextlib import closing
from datetime import date
from decimal import Decimal

import pytest

from devices.db.database import open_database
from rules.recyclables.model import NewBooking, Unit
from rules.stocks.store import StatedDay, StockStore
from tests.haulwatch.wiring.roles.as_process import of_role, refused
from tests.rules.recyclables.test_store import CARD, NOW, said, send, store_of

pytestmark = pytest.mark.real
TABLES = ("deposit", "deposit_account", "deposit_booking", "deposit_refusal", "site_stock")


def test_the_api_takes_deposits_books_and_erases_and_changes_nothing_that_was_deposited(url: str) -> None:
    engine = open_database(of_role(url, "serve"))
    with closing(store_of(engine)) as store:
        taken = send(store, said("1", 1.5, card=CARD), said("2", 0))
        assert (taken.taken, len(taken.refused), len(store.refusals())) == (1, 1, 1)
        store.spend(1, NewBooking(number="A1", unit=Unit.POINTS, amount=Decimal(20), reason="soap"), "li", NOW)
        store.cancel("C1", "A1", "li", "not handed out", NOW)
        assert store.recredit("2026-03-01", "2026-03-01", "li", "x", NOW, dry_run=False) == []
        assert (store.account(1).balance[0].amount, store.erase(1)) == (120.0, 1)
    day = date(2026, 3, 1)
    with closing(StockStore(open_database(of_role(url, "serve")))) as stocks:
        stocks.state([StatedDay(site="plant", day=day, stock_kg=1_000)], "li", "survey", NOW)
        assert [one.actor for one in stocks.entered(day, day)] == ["li"]
    for statement in (
        "UPDATE deposit SET grams = 1",
        "UPDATE deposit SET hundredths = 1",
        "DELETE FROM deposit",
        "UPDATE deposit_account SET pseudonym = 'x'",
        "INSERT INTO deposit_account (no, pseudonym, key_id, first_at) VALUES (1, 'x', 'x', 1)",
        "UPDATE deposit_booking SET hundredths = 0",
        "DELETE FROM deposit_booking",
        "UPDATE site_stock SET stock_kg = 0",
        "DELETE FROM site_stock",
    ):
        assert refused(url, "serve", statement), statement
    for process in ("judge", "record"):
        for table in TABLES:
            assert refused(url, process, f"SELECT * FROM {table}"), (process, table)
