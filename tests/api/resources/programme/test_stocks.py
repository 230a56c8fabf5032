"""Stated stocks over HTTP: all or none, by whom, and of sites that may be seen only."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from devices.db.database import open_database
from devices.people.model import Role, Visibility
from rules.stocks import tables
from rules.stocks.store import StockStore
from tests.api.conftest import client_of
from tests.api.fakes import NOW
from tests.api.persons import add_person, signed_in

DAY = "2026-03-01"
"""Of `NOW` in the city's calendar."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StockStore]:
    engine = open_database(f"sqlite:///{tmp_path / 'stocks.db'}")
    tables.metadata.create_all(engine)
    yield StockStore(engine)
    engine.dispose()


@pytest.fixture
async def client(parts: ApiParts, store: StockStore) -> AsyncIterator[AsyncClient]:
    add_person(parts, "whole", Role.OPERATOR)
    add_person(parts, "part", Role.OPERATOR, Visibility(frozenset({"nowhere"}), None))
    async with client_of(replace(parts, stocks=store, now=lambda: NOW), ApiOptions(version="1")) as client:
        yield client


async def test_a_statement_is_kept_with_who_made_it(client: AsyncClient, parts: ApiParts) -> None:
    headers, site = await signed_in(client, "whole"), next(iter(parts.city().sites))
    body = {"days": [{"site": site, "day": DAY, "stock_kg": 5_000, "error_kg": 100}], "reason": "Survey"}
    answer = await client.post("/api/v1/stocks", json=body, headers=headers)
    assert (answer.status_code, answer.json()) == (201, {"days": 1})
    [one] = (await client.get("/api/v1/stocks", headers=headers)).json()
    assert (one["stated"]["stock_kg"], one["actor"], one["reason"], one["at"]) == (5_000, "whole", "Survey", NOW)


@pytest.mark.parametrize(
    ("days", "field"),
    [
        ([{"site": "nowhere", "day": DAY, "stock_kg": 1}], "body.days.1.site"),
        ([{"day": DAY, "stock_kg": 1}], "body.days"),
        ([{"day": DAY}], "body.days.1"),
        ([{"day": DAY, "stock_kg": 1, "stock_change_kg": 1}], "body.days.1"),
    ],
)
async def test_one_faulty_statement_refuses_all(
    client: AsyncClient, parts: ApiParts, days: list[dict[str, Any]], field: str
) -> None:
    headers, site = await signed_in(client, "whole"), next(iter(parts.city().sites))
    good = {"site": site, "day": DAY, "stock_kg": 1}
    body = {"days": [good, *({"site": site} | one for one in days)], "reason": "x"}
    answer = await client.post("/api/v1/stocks", json=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert (await client.get("/api/v1/stocks", headers=headers)).json() == []


async def test_who_sees_a_part_states_and_reads_only_of_its_districts(parts: ApiParts, store: StockStore) -> None:
    whole_city = parts.city()
    site = next(iter(whole_city.sites.values()))
    sites = {id_: replace(site, id=id_, district=id_.strip("-") or None) for id_ in ("north", "south", "-")}
    city = replace(whole_city, sites=sites, past_sites=())
    add_person(parts, "whole", Role.OPERATOR)
    add_person(parts, "part", Role.OPERATOR, Visibility(frozenset({"north"}), None))
    add_person(parts, "haulier", Role.OPERATOR, Visibility(None, frozenset({"fleet"})))
    seen = replace(parts, stocks=store, now=lambda: NOW, city=lambda: city)
    async with client_of(seen, ApiOptions(version="1")) as client:
        answers: dict[str, list[int]] = {}
        for name in ("part", "haulier", "whole"):
            headers = await signed_in(client, name)
            bodies = [{"days": [{"site": one, "day": DAY, "stock_kg": 1}], "reason": "x"} for one in sites]
            answers[name] = [
                (await client.post("/api/v1/stocks", json=body, headers=headers)).status_code for body in bodies
            ]
        assert answers == {"part": [201, 422, 422], "haulier": [422, 422, 422], "whole": [201, 201, 201]}
        found = (await client.get("/api/v1/stocks", headers=await signed_in(client, "part"))).json()
        assert {one["stated"]["site"] for one in found} == {"north", "-"}  # the latter is of the whole city
