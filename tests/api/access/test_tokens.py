"""Programs that use the API with a token of their own."""

from dataclasses import replace
from typing import Any

from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from devices.people.model import WHOLE_CITY, Role, Visibility
from devices.people.tokens import ApiToken
from rules.alerts.journal import AlertJournal
from tests.api.access.divided import OTHER, OWN, divided_city
from tests.api.conftest import client_of
from tests.api.fakes import NOW, change

DAY = 86_400_000


def bearer(parts: ApiParts, name: str, role: Role, visibility: Visibility = WHOLE_CITY) -> dict[str, str]:
    tokens: Any = parts.people.tokens
    secret = tokens.add(ApiToken(name, role, NOW, "root", NOW + DAY, visibility))
    return {"Authorization": f"Bearer {secret}"}


async def problem_of(client: AsyncClient, path: str, headers: dict[str, str]) -> str:
    answer = await client.post(path, json={"outcome": "no_action"}, headers=headers)
    found: str = answer.json()["type"].removeprefix("urn:haulwatch:problem:")
    return f"{answer.status_code} {found}"


async def test_a_program_acts_under_the_name_of_its_token_and_within_its_role(
    parts: ApiParts, journal: AlertJournal
) -> None:
    journal.record([change()], recorded_at=NOW)
    path = f"/api/v1/alerts/{change().alert_id}"
    dispatch = bearer(parts, "dispatch", Role.OPERATOR)
    async with client_of(parts, ApiOptions(version="1")) as client:
        acknowledged = await client.post(f"{path}/acknowledge", json={"actor": "somebody"}, headers=dispatch)
        assert (acknowledged.status_code, acknowledged.json()["alert"]["acknowledged_by"]) == (200, "dispatch")
        assert await problem_of(client, f"{path}/close", dispatch) == "403 forbidden"
        session = (await client.get("/api/v1/session", headers=dispatch)).json()
        assert (session["name"], session["role"], session["csrf_token"]) == ("dispatch", "operator", "")
        assert session["expires_at"] == "2026-03-02T09:00:00Z"
        nobody = await client.get("/api/v1/devices")
        assert nobody.status_code == 401, "with the first token reading without one ends"


async def test_a_token_ends_by_time_and_by_hand(parts: ApiParts) -> None:
    dispatch, other = bearer(parts, "dispatch", Role.VIEWER), bearer(parts, "other", Role.VIEWER)
    parts.people.tokens.revoke("other", NOW)  # type: ignore[attr-defined]
    async with client_of(parts, ApiOptions(version="1")) as client:
        assert (await client.get("/api/v1/devices", headers=dispatch)).status_code == 200
        assert (await client.get("/api/v1/devices", headers=other)).status_code == 401
    async with client_of(replace(parts, now=lambda: NOW + DAY), ApiOptions(version="1")) as client:
        assert (await client.get("/api/v1/devices", headers=dispatch)).status_code == 401


async def test_a_program_of_a_haulier_sees_that_fleet_only(parts: ApiParts) -> None:
    city = divided_city()
    danhe = bearer(parts, "danhe", Role.VIEWER, Visibility(hauliers=frozenset({"danhe"})))
    async with client_of(replace(parts, city=lambda: city), ApiOptions(version="1")) as client:
        listed = (await client.get("/api/v1/devices", headers=danhe)).json()["items"]
        assert [one["id"] for one in listed] == [OWN]
        assert (await client.get(f"/api/v1/devices/{OTHER}", headers=danhe)).status_code == 404
