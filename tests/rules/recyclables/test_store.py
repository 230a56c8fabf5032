"""Deposits: once each, by pseudonym, with sums to the gram, and nothing of a person where it was erased."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from devices.city.model import City
from rules.recyclables.model import By, DepositFilter, DepositsRefused, IdKind, Taken, UnknownAccount
from rules.recyclables.pseudonyms import PseudonymKey
from rules.recyclables.reading import read_message
from rules.recyclables.store import DepositStore
from rules.recyclables.tariff import Tariffs
from tests.rules.town import town

NOW = 1_772_352_000_000  # 2026-03-01 16:00 in the city
CARD = "3501020304"
KEY = PseudonymKey.new()
TARIFFS = Tariffs.model_validate({"tariffs": [{"name": "t", "unit": "points", "per_kg": {"paper": 80, "metal": 150}}]})


def said(number: str, kg: float = 1.5, material: str = "paper", **fields: Any) -> dict[str, Any]:
    return {"number": number, "ts": NOW - 60_000, "material": material, "weight_kg": kg} | fields


def store_of(engine: Engine, key: PseudonymKey | None = KEY, city: Callable[[], City] = town) -> DepositStore:
    return DepositStore(engine, city, TARIFFS, lambda: key)


def send(store: DepositStore, *deposits: dict[str, Any], device: str = "P01", now: int = NOW) -> Taken:
    return store.take(device, read_message(json.dumps(list(deposits)).encode()), now, keep_refusals=True)


def everything(engine: Engine) -> str:
    with engine.connect() as connection:
        tables = ("deposit", "deposit_account", "deposit_refusal")
        return "\n".join(str(row) for table in tables for row in connection.execute(text(f"SELECT * FROM {table}")))


def test_weights_and_points_are_summed_by_day_point_and_material(engine: Engine) -> None:
    store = store_of(engine)
    taken = send(
        store,
        said("1", 1.5, card=CARD),
        said("2", 0.333, "金属", card=CARD),
        said("3", 2.001),
        said("4", 9, "wool", ts=NOW - 86_400_000),
    )
    assert taken == Taken(taken=4, repeated=0, refused=(), ids_dropped=0)
    found = [
        (one.day, one.site, one.material, one.deposits, one.weight_kg, one.identified, one.without_tariff,
         [credit.amount for credit in one.credits])
        for one in store.sums(DepositFilter())
    ]  # fmt: skip
    assert found == [
        ("2026-02-28", "point", "wool", 1, 9.0, 0, 1, []),
        ("2026-03-01", "point", "metal", 1, 0.333, 1, 0, [49.95]),
        ("2026-03-01", "point", "paper", 2, 3.501, 1, 0, [280.08]),
    ]
    [total] = store.sums(DepositFilter(first_day="2026-03-01"), ())
    assert (total.weight_kg, total.day, [one.amount for one in total.credits]) == (3.834, None, [330.03])
    assert [one.deposits for one in store.sums(DepositFilter(last_day="2026-02-28"), (By.SITE,))] == [1]
    assert store.sums(DepositFilter(devices=frozenset({"P02"}))) == []


def test_an_account_has_what_its_card_deposited_at_any_point(engine: Engine) -> None:
    store = store_of(engine)
    send(store, said("1", 1, card=CARD), said("2", 1, card="other"), said("3", 1, code=CARD))
    send(store, said("1", 2, card=f" {CARD}"), device="P02")
    number = store.find(IdKind.CARD, CARD)
    assert number is not None
    account = store.account(number)
    assert (account.deposits, account.weight_kg, account.credits[0].amount) == (2, 3.0, 240.0)
    [line] = store.sums(DepositFilter(account=number), (By.MATERIAL,))
    assert (line.material, line.weight_kg) == ("paper", 3.0)
    assert store.find(IdKind.CODE, CARD) not in {None, number}
    assert store.find(IdKind.CARD, "nobody") is None
    first = store.accounts(limit=2)
    rest = store.accounts(first.next_after or 0, limit=2)
    assert [one.account for one in (*first.items, *rest.items)] == sorted({1, 2, 3})
    assert rest.next_after is None


def test_a_deposit_that_is_sent_again_counts_once_and_another_with_its_number_is_refused(engine: Engine) -> None:
    store = store_of(engine)
    send(store, said("1", card=CARD))
    assert send(store, said("1", card=CARD)).repeated == 1
    other = send(store, said("1", 2.5, card=CARD), said("2", card=CARD))
    assert (other.taken, [(one.index, one.field) for one in other.refused]) == (1, [(0, "number")])
    assert store.account(1).weight_kg == 3.0


def test_no_card_is_kept_anywhere_or_logged(
    engine: Engine, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    store = store_of(engine)
    deposits = (
        said("1", card=CARD),
        said("2", card=CARD, ts=NOW + 9_000_000),
        said("3", card=CARD, code=CARD),
        said("4", card=CARD, weight_kg=CARD),
        said("5", card={"no": CARD}),
    )
    taken = send(store, *deposits)
    assert (taken.taken, len(taken.refused)) == (1, 4)
    kept = everything(engine) + taken.model_dump_json() + caplog.text + "".join(capsys.readouterr())
    assert CARD not in kept
    assert KEY.text().strip() not in kept
    assert KEY.pseudonym(IdKind.CARD, CARD) in kept
    read = read_message(json.dumps(said("1", card=CARD)).encode())
    assert CARD not in repr(read)
    with pytest.raises(DepositsRefused) as caught:
        read_message(f'{{"card": "{CARD}"'.encode())
    assert CARD not in str(caught.value)
    assert caught.value.__cause__ is None


def test_without_a_key_the_card_is_dropped_and_that_is_said(engine: Engine) -> None:
    store = store_of(engine, key=None)
    taken = send(store, said("1", card=CARD), said("2"))
    assert (taken.taken, taken.ids_dropped) == (2, 1)
    assert store.find(IdKind.CARD, CARD) is None
    later = store_of(engine)
    assert send(later, said("1", card=CARD)).repeated == 1  # a card that was dropped stays dropped
    assert later.accounts().items == ()


def test_an_erased_account_leaves_the_sums_and_nothing_else(engine: Engine) -> None:
    store = store_of(engine)
    send(store, said("1", card=CARD), said("2", card=CARD), said("3", card="other"))
    number = store.find(IdKind.CARD, CARD)
    assert number is not None
    assert store.erase(number) == 2
    assert KEY.pseudonym(IdKind.CARD, CARD) not in everything(engine)
    assert store.find(IdKind.CARD, CARD) is None
    for act in (store.account, store.erase):
        with pytest.raises(UnknownAccount):
            act(number)
    [line] = store.sums(DepositFilter(), (By.MATERIAL,))
    assert (line.deposits, line.identified) == (3, 1)
    assert send(store, said("1", card=CARD)).repeated == 1  # nor does it come back with what was sent before
    assert store.find(IdKind.CARD, CARD) is None
    send(store, said("9", card=CARD))
    again = store.find(IdKind.CARD, CARD)
    assert again not in {None, number}


def test_what_cannot_be_taken_is_noted_by_reason_and_the_rest_is_taken(engine: Engine) -> None:
    city = town()
    slow = replace(city.devices["P02"], clock_correction_s=3_600)
    store = store_of(engine, city=lambda: replace(city, devices={**city.devices, "P02": slow}))
    taken = send(
        store,
        said("1", ts=NOW + 121_000),
        said("2", 0),
        said("3", 1_000.5),
        said("4", material=""),
        said("5"),
        said("6", ts=NOW - 401 * 86_400_000),
        said("7", True),
        {"number": "8"},
    )
    assert (taken.taken, [(one.index, one.field) for one in taken.refused]) == (
        1,
        [(0, "ts"), (1, "weight_kg"), (2, "weight_kg"), (3, "material"), (5, "ts"), (6, "weight_kg"), (7, "ts")],
    )
    assert sorted((one[2], one[4]) for one in store.refusals()) == [
        ("material", 1), ("ts", 1), ("ts", 1), ("ts", 1), ("weight_kg", 3)
    ]  # fmt: skip
    assert send(store, said("1"), device="W1").refused[0].field == "device"
    assert send(store, said("1"), device="nobody").refused[0].field == "device"
    assert send(store, said("1", ts=NOW - 3_600_000), device="P02").taken == 1  # its clock is an hour slow
    assert send(store, said("2", ts=NOW), device="P02").refused[0].field == "ts"


@pytest.mark.parametrize("payload", [b"", b"[]", b"nonsense", b"[" * 100_000, json.dumps([said("1")] * 501).encode()])
def test_a_message_without_a_deposit_is_refused_as_a_whole(payload: bytes) -> None:
    with pytest.raises(DepositsRefused):
        read_message(payload)
