"""Points that are spent: once for each number, never more than there are; and what a mended tariff changes."""

from decimal import Decimal

import pytest
from sqlalchemy import Engine

from rules.recyclables.model import BookingRefused, NewBooking, Unit, UnknownAccount, UnknownBooking
from rules.recyclables.store import DepositStore
from rules.recyclables.tariff import Tariffs
from tests.rules.recyclables.test_store import CARD, KEY, NOW, everything, said, send, store_of
from tests.rules.town import town

DAYS = ("2026-03-01", "2026-03-01")


def new(number: str, amount: str, unit: Unit = Unit.POINTS) -> NewBooking:
    return NewBooking(number=number, unit=unit, amount=Decimal(amount), reason="soap")


def balance(store: DepositStore, account: int = 1) -> list[tuple[str, float]]:
    return [(str(one.unit), one.amount) for one in store.account(account).balance]


@pytest.fixture
def store(engine: Engine) -> DepositStore:
    """One account with 120 points."""
    opened = store_of(engine)
    send(opened, said("1", 1.5, card=CARD), said("2", 9, card="other"))
    return opened


def test_points_are_spent_once_for_each_number_and_never_below_zero(store: DepositStore) -> None:
    made = store.spend(1, new("A1", "100.01"), "li", NOW)
    assert (made.amount, made.actor, made.reason, made.kind) == (-100.01, "li", "soap", "spent")
    assert store.spend(1, new("A1", "100.01"), "wang", NOW + 1) == made
    assert balance(store) == [("points", 19.99)]
    with pytest.raises(BookingRefused, match=r"amount: account 1 has 19\.99 points"):
        store.spend(1, new("A2", "20"), "li", NOW)
    with pytest.raises(BookingRefused, match=r"0\.00 CNY"):
        store.spend(1, new("A2", "0.01", Unit.CNY), "li", NOW)
    for account, amount in ((1, "100"), (2, "100.01")):
        with pytest.raises(BookingRefused, match="number: 'A1'"):
            store.spend(account, new("A1", amount), "li", NOW)
    store.spend(1, new("A3", "19.99"), "li", NOW)
    assert balance(store) == [("points", 0.0)]
    assert [one.number for one in store.bookings(1)] == ["A1", "A3"]
    assert (store.bookings(2), store.account(1).credits[0].amount) == ([], 120.0)
    with pytest.raises(UnknownAccount):
        store.spend(9, new("A4", "1"), "li", NOW)


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "NaN", "Infinity", "10000001"])
def test_an_amount_that_is_none_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        new("A1", amount)


def test_a_booking_is_taken_back_once(store: DepositStore) -> None:
    store.spend(1, new("A1", "50"), "li", NOW)
    back = store.cancel("C1", "A1", "wang", "not handed out", NOW + 1)
    assert (back.amount, back.cancels, back.actor, balance(store)) == (50.0, "A1", "wang", [("points", 120.0)])
    assert store.cancel("C1", "A1", "wang", "again", NOW + 2) == back
    for number, cancels in (("C2", "A1"), ("C2", "C1"), ("A1", "A1")):
        with pytest.raises(BookingRefused):
            store.cancel(number, cancels, "wang", "x", NOW)
    with pytest.raises(UnknownBooking):
        store.cancel("C2", "nothing", "wang", "x", NOW)
    assert balance(store) == [("points", 120.0)]


def test_an_erased_account_has_no_bookings_and_none_comes_back(store: DepositStore, engine: Engine) -> None:
    store.spend(1, new("A1", "50"), "li", NOW)
    store.erase(1)
    assert store.bookings(1) == []
    assert KEY.text().strip() not in everything(engine)
    with pytest.raises(BookingRefused):
        store.cancel("C1", "A1", "li", "x", NOW)
    with pytest.raises(BookingRefused):
        store.spend(2, new("A1", "50"), "li", NOW)


def mended(engine: Engine, paper: int, unit: str = "points") -> DepositStore:
    tariff = {"name": "t", "unit": unit, "per_kg": {"paper": paper}}
    return DepositStore(engine, town, Tariffs.model_validate({"tariffs": [tariff]}), lambda: KEY)


def test_a_mended_tariff_is_shown_then_booked_once(store: DepositStore, engine: Engine) -> None:
    more = mended(engine, 100)
    shown = more.recredit(*DAYS, "li", "rate of paper", NOW, dry_run=True)
    assert [(one.account, one.day, one.credited, one.due, one.booked) for one in shown] == [
        (1, "2026-03-01", 120.0, 150.0, 30.0),
        (2, "2026-03-01", 720.0, 900.0, 180.0),
    ]
    assert (balance(more), more.bookings(1)) == ([("points", 120.0)], [])
    assert more.recredit(*DAYS, "li", "rate of paper", NOW, dry_run=False) == shown
    assert balance(more) == [("points", 150.0)]
    assert more.recredit(*DAYS, "li", "rate of paper", NOW, dry_run=False) == []
    assert more.recredit("2026-03-02", "2026-03-09", "li", "x", NOW, dry_run=False) == []
    [booked] = more.bookings(1)
    assert (booked.kind, booked.amount, booked.day, booked.actor) == ("tariff", 30.0, "2026-03-01", "li")


def test_a_mended_tariff_takes_no_more_than_there_is(store: DepositStore, engine: Engine) -> None:
    store.spend(1, new("A1", "100"), "li", NOW)
    less = mended(engine, 60)
    [first, _] = less.recredit(*DAYS, "li", "x", NOW, dry_run=False)
    assert (first.credited, first.due, first.booked) == (120.0, 90.0, -20.0)
    assert balance(less) == [("points", 0.0)]


def test_a_mended_unit_moves_credits(store: DepositStore, engine: Engine) -> None:
    yuan = mended(engine, 1, "CNY")
    yuan.recredit(*DAYS, "li", "x", NOW, dry_run=False)
    assert balance(yuan) == [("CNY", 1.5), ("points", 0.0)]
