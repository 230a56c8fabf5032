"""The types in TypeScript are those of the API."""

from httpx import AsyncClient

from tests.api.console.typescript import TYPES, WANTED, rendered


async def test_the_types_of_the_console_are_those_of_the_openapi_document(client: AsyncClient) -> None:
    openapi = (await client.get("/openapi.json")).json()
    assert TYPES.read_text(encoding="utf-8") == rendered(openapi), "run `python -m tests.api.console.typescript`"


async def test_every_type_that_the_console_asks_for_exists(client: AsyncClient) -> None:
    text = rendered((await client.get("/openapi.json")).json())
    missing = [name for name in WANTED if f" {name.replace('_', '')} " not in text]
    assert not missing
