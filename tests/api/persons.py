"""Accounts for tests of the API, and browsers that are signed in with them."""

from typing import Final

from httpx import AsyncClient

from api.ports import ApiParts
from devices.people.accounts import Accounts
from devices.people.model import WHOLE_CITY, Person, Role, Visibility
from tests.api.fakes import NOW

PASSWORD: Final = "four words of a sentence"


def add_person(parts: ApiParts, name: str, role: Role, visibility: Visibility = WHOLE_CITY) -> None:
    accounts = parts.people.accounts
    assert isinstance(accounts, Accounts)
    accounts.add(Person(name, name.title(), role, visibility, created_at=NOW), PASSWORD)


async def signed_in(client: AsyncClient, name: str) -> dict[str, str]:
    """Headers of a browser that is signed in. The client itself keeps no cookie, so that it can be several browsers."""
    answer = await client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    secret = answer.cookies["haulwatch_session"]
    client.cookies.clear()
    return {"Cookie": f"haulwatch_session={secret}", "X-CSRF-Token": answer.json()["csrf_token"]}
