"""The form, switched on, with a clock of the test's own; and what somebody fills in."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from typing import Final

import pytest
from httpx import AsyncClient, Response

from api.ports import ApiOptions, ApiParts
from api.report_ports import ReportOptions
from tests.api.conftest import client_of
from tests.api.fakes import NOW

ON: Final = ReportOptions(
    form=True, public_url="https://report.example.cn", office="城管局 City office", hotline="12345", per_address=5
)
FILLED: Final = {
    "category": "dumping",
    "text": "两辆渣土车在砖厂后面倒土",
    "address": "砖厂后面",
    "plate": "晋E·10001",
}
TOKEN: Final = re.compile(r'name="form" value="([^"]+)"')


class Wall:
    """The wall clock of the API."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def timed(parts: ApiParts, wall: Wall) -> ApiParts:
    return replace(parts, now=wall)


@pytest.fixture
async def public(timed: ApiParts) -> AsyncIterator[AsyncClient]:
    """Somebody with a browser and no account."""
    options = ApiOptions(version="1", token="write-token-for-tests", reports=ON)
    async with client_of(timed, options) as client:
        yield client


async def fetched(client: AsyncClient, path: str = "/report?lang=en") -> str:
    """The token of a form that was just fetched."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    found = TOKEN.search(answer.text)
    assert found is not None
    return found[1]


async def sent(client: AsyncClient, wall: Wall, path: str = "/report?lang=en", **fields: str) -> Response:
    """The answer to a form that somebody took a minute to fill in."""
    token = await fetched(client, path)
    wall.now += 60_000
    return await client.post(path, data={**FILLED, "form": token, **fields})


def slip(answer: Response) -> tuple[str, str]:
    """Number and code of a report that was taken."""
    assert answer.status_code == 201, answer.text
    number = re.search(r'id="number">([^<]+)<', answer.text)
    code = re.search(r'id="code">([^<]+)<', answer.text)
    assert number is not None
    assert code is not None
    return unescape(number[1]), unescape(code[1])
