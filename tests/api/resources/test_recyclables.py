"""Deposits over HTTP: taken by point, summed by what may be seen, accounts found, shown and erased."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from devices.city.model import City, Device, DeviceRole
from devices.db.database import open_database
from devices.people.audit import AuditFilter
from devices.people.model import Role, Visibility
from rules.recyclables import tables
from rules.recyclables.pseudonyms import BadPseudonymKey, PseudonymKey
from rules.recyclables.store import DepositStore
from rules.recyclables.tariff import Tariffs
from tests.api.conftest import client_of
from tests.api.fakes import NOW
from tests.api.persons import add_person, signed_in

CARD = "3501020304"
TARIFFS = Tariffs.model_validate({"tariffs": [{"name": "t", "unit": "CNY", "per_kg": {"paper": 0.8}}]})


class Key:
    """The key as it is read."""

    def __init__(self) -> None:
        self.found: PseudonymKey | None = PseudonymKey.new()
        self.is_spoiled = False

    def __call__(self) -> PseudonymKey | None:
        if self.is_spoiled:
            raise BadPseudonymKey("the key of deposits is no key")
        return self.found


@pytest.fixture
def key() -> Key:
    return Key()


@pytest.fixture
def city(parts: ApiParts) -> City:
    points = [
        Device(f"point-{side}", DeviceRole.RECYCLING_POINT, district=f"d-{side}", site_id=None)
        for side in ("own", "other")
    ]
    whole = parts.city()
    return replace(whole, devices={**whole.devices, **{point.id: point for point in points}})


@pytest.fixture
def deposits(tmp_path: Path, city: City, key: Key) -> Iterator[DepositStore]:
    engine = open_database(f"sqlite:///{tmp_path / 'deposits.db'}")
    tables.metadata.create_all(engine)
    yield DepositStore(engine, lambda: city, TARIFFS, key)
    engine.dispose()


@pytest.fixture
async def client(parts: ApiParts, city: City, deposits: DepositStore) -> AsyncIterator[AsyncClient]:
    for role in Role:
        add_person(parts, f"the-{role}", role)
    add_person(parts, "part", Role.OFFICER, Visibility(frozenset({"d-own"}), None))
    changed = replace(parts, city=lambda: city, deposits=deposits, now=lambda: NOW)
    async with client_of(changed, ApiOptions(version="1")) as client:
        yield client


def said(number: str, **fields: Any) -> dict[str, Any]:
    return {"number": number, "ts": NOW, "material": "paper", "weight_kg": 2.0, "card": CARD} | fields


async def sent(client: AsyncClient, device: str, *deposits: dict[str, Any], by: str = "the-operator") -> dict[str, Any]:
    body = {"device": device, "deposits": deposits}
    answer = await client.post("/api/v1/deposits", json=body, headers=await signed_in(client, by))
    assert answer.status_code == 200, answer.text
    assert CARD not in answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_deposits_are_taken_once_and_summed(client: AsyncClient) -> None:
    found = await sent(client, "point-own", said("1"), said("2", weight_kg=0), said("3", card=None))
    assert (found["taken"], found["ids_dropped"], found["refused"][0]["index"]) == (2, 0, 1)
    assert (await sent(client, "point-own", said("1")))["repeated"] == 1
    answer = await client.get("/api/v1/deposit-sums?by=material", headers=await signed_in(client, "the-viewer"))
    [line] = answer.json()
    assert (line["weight_kg"], line["identified"], line["credits"]) == (4.0, 1, [{"unit": "CNY", "amount": 3.2}])


async def test_a_card_finds_its_account_which_can_be_erased(client: AsyncClient, parts: ApiParts) -> None:
    await sent(client, "point-own", said("1"), said("2"))
    headers = await signed_in(client, "the-officer")
    found = await client.post("/api/v1/deposit-accounts/find", json={"card": f" {CARD} "}, headers=headers)
    number = found.json()["account"]
    shown = (await client.get(f"/api/v1/deposit-accounts/{number}", headers=headers)).json()
    assert (shown["account"]["deposits"], shown["lines"][0]["weight_kg"]) == (2, 4.0)
    listed = (await client.get("/api/v1/deposit-accounts", headers=headers)).json()
    assert [one["account"] for one in listed["items"]] == [number]
    erased = await client.delete(f"/api/v1/deposit-accounts/{number}", headers=headers)
    assert erased.json() == {"deposits": 2}
    for again in (
        await client.delete(f"/api/v1/deposit-accounts/{number}", headers=headers),
        await client.get(f"/api/v1/deposit-accounts/{number}", headers=headers),
        await client.post("/api/v1/deposit-accounts/find", json={"card": CARD}, headers=headers),
    ):
        assert again.status_code == 404
        assert CARD not in again.text
    entries = parts.people.audit.entries(AuditFilter(), limit=100)
    about = {(one.action.split("/")[0].strip(), one.target) for one in entries if "deposit-accounts" in one.action}
    assert ("DELETE", str(number)) in about
    assert not any(CARD in one.target for one in entries)


async def test_points_are_spent_once_never_below_zero_and_taken_back(client: AsyncClient) -> None:
    await sent(client, "point-own", said("1"))  # 1.60 yuan
    headers = await signed_in(client, "the-operator")
    path = "/api/v1/deposit-accounts/1/bookings"
    body = {"number": "A1", "unit": "CNY", "amount": "1.50", "reason": "soap"}
    first, again = [await client.post(path, json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, first.json()["amount"], first.json()["actor"]) == (200, -1.5, "the-operator")
    assert again.json() == first.json()
    refused = await client.post(path, json=body | {"number": "A2"}, headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.amount")
    back = {"number": "C1", "reason": "not handed out"}
    assert (await client.post(f"{path}/A1/cancel", json=back, headers=headers)).json()["amount"] == 1.5
    twice = await client.post(f"{path}/A1/cancel", json=back | {"number": "C2"}, headers=headers)
    assert (twice.status_code, twice.json()["errors"][0]["field"]) == (422, "path.booking")
    assert [one["number"] for one in (await client.get(path, headers=headers)).json()] == ["A1", "C1"]
    shown = (await client.get("/api/v1/deposit-accounts/1", headers=headers)).json()["account"]
    assert shown["balance"] == [{"unit": "CNY", "amount": 1.6}]
    other = path.replace("1/book", "2/book")
    assert (await client.post(other, json=body | {"number": "A3"}, headers=headers)).status_code == 404
    assert (await client.post(f"{other}/A1/cancel", json=back, headers=headers)).status_code == 404
    part = await signed_in(client, "part")
    assert (await client.post(path, json=body, headers=part)).status_code == 403


async def test_who_sees_a_part_takes_and_sums_its_points_and_sees_no_account(client: AsyncClient) -> None:
    await sent(client, "point-own", said("1"))
    await sent(client, "point-other", said("1"), said("2"))
    refused = await sent(client, "point-other", said("9"), by="part")
    assert (refused["taken"], refused["refused"][0]["field"]) == (0, "device")
    headers = await signed_in(client, "part")
    [line] = (await client.get("/api/v1/deposit-sums?by=day", headers=headers)).json()
    assert line["deposits"] == 1
    for method, path in (("GET", ""), ("GET", "/1"), ("POST", "/find"), ("DELETE", "/1")):
        answer = await client.request(
            method, f"/api/v1/deposit-accounts{path}", headers=headers, json={"card": CARD} if path == "/find" else None
        )
        assert answer.status_code == 403, path


async def test_without_a_key_cards_are_dropped_and_with_a_spoiled_one_nothing_is_taken(
    client: AsyncClient, key: Key
) -> None:
    key.is_spoiled = True
    headers = await signed_in(client, "the-operator")
    for path, body in (
        ("deposits", {"device": "point-own", "deposits": [said("1")]}),
        ("deposit-accounts/find", {"card": CARD}),
    ):
        answer = await client.post(f"/api/v1/{path}", json=body, headers=headers)
        assert (answer.status_code, CARD in answer.text) == (503, False)
    key.is_spoiled, key.found = False, None
    assert (await sent(client, "point-own", said("1")))["ids_dropped"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"device": "point-own", "deposits": []},
        {"device": "point-own", "deposits": [CARD]},
        {"device": CARD + "!", "deposits": [said("1")]},
        {"device": "point-own", "deposits": [said("1")], "card": CARD},
    ],
)
async def test_a_faulty_body_is_refused_without_a_word_of_it(client: AsyncClient, body: dict[str, Any]) -> None:
    answer = await client.post("/api/v1/deposits", json=body, headers=await signed_in(client, "the-operator"))
    assert (answer.status_code, CARD in answer.text) == (422, False)


@pytest.mark.parametrize("body", [{}, {"card": CARD, "code": CARD}, {"card": ""}, {"card": int(CARD)}])
async def test_find_asks_for_one_of_both(client: AsyncClient, body: dict[str, Any]) -> None:
    headers = await signed_in(client, "the-operator")
    answer = await client.post("/api/v1/deposit-accounts/find", json=body, headers=headers)
    assert (answer.status_code, CARD in answer.text) == (422, False)
