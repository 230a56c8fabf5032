"""The console and the API reference: self-contained pages with a strict Content-Security-Policy."""

import re

import pytest
from httpx import AsyncClient

from devices.city.model import DeviceRole
from devices.readings.refusals import Reason


@pytest.mark.parametrize(("path", "script"), [("/", "/api/v1/alerts/stream"), ("/docs", "/openapi.json")])
async def test_pages_load_nothing_from_other_hosts_and_run_only_their_own_script(
    client: AsyncClient, path: str, script: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert script in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]+';", policy)
    assert "unsafe" not in policy
    assert re.findall(r"(?:src|href)=\"(?!/)[^\"]*\"", answer.text) == []
    assert " style=" not in answer.text, "the policy forbids style attributes"
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", answer.text)
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", answer.text) == []


async def test_every_reason_of_a_refusal_and_every_role_has_a_chinese_name(client: AsyncClient) -> None:
    """In English both are shown as they are spelt."""
    chinese = (await client.get("/")).text.partition("zh: {")[2]
    for group, members in {"reasons": Reason, "roles": DeviceRole}.items():
        names = re.search(rf"{group}: {{([^}}]*)}}", chinese)
        assert names is not None
        assert {str(member) for member in members} <= set(re.findall(r"(\w+): \"", names[1])), group
