"""The console and the API reference: self-contained pages with a strict Content-Security-Policy."""

import re

import pytest
from httpx import AsyncClient


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
