"""The console's files and the pages beside it: nothing of other hosts, nothing inline, a policy that holds it so."""

import gzip
import re
from pathlib import Path

import pytest
from httpx import AsyncClient

from api.console import pages
from tests import ROOT


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A console as npm leaves it, in a folder of its own."""
    folder = tmp_path / "built"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text('<!doctype html><script type="module" src="/console/assets/a.js"></script>')
    (folder / "assets" / "a.js").write_text("export {};")
    (folder / "assets" / "a.js.gz").write_bytes(gzip.compress(b"export {};"))
    (folder / "assets" / "worker.mjs").write_text("export {};")
    monkeypatch.setattr(pages, "BUILT", folder)
    return folder


async def test_the_console_and_its_files_run_nothing_but_themselves(client: AsyncClient, built: Path) -> None:
    types = {
        "/": "text/html",
        "/console/assets/a.js": "text/javascript",
        "/console/assets/worker.mjs": "text/javascript",
    }
    for path, media_type in types.items():
        answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media_type)
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert {policy[name] for name in ("script-src", "worker-src", "style-src", "connect-src")} == {"'self'"}
        assert "unsafe" not in str(policy)


async def test_a_built_file_is_kept_by_browsers_and_the_page_is_not(client: AsyncClient, built: Path) -> None:
    assert (await client.get("/")).headers["cache-control"] == "no-cache"
    asset = await client.get("/console/assets/a.js", headers={"Accept-Encoding": "gzip"})
    assert asset.headers["content-encoding"] == "gzip"
    assert asset.text == "export {};"
    assert "immutable" in asset.headers["cache-control"]
    plain = await client.get("/console/assets/a.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize("name", ["b.js", "..%2findex.html", "../index.html", ".", "%2e%2e", "a.js/", "%00", "a" * 300])
async def test_no_other_file_is_given_out(client: AsyncClient, built: Path, name: str) -> None:
    assert (await client.get(f"/console/assets/{name}")).status_code in {404, 307}


async def test_without_the_built_files_the_page_says_in_both_languages_how_to_mend_it(
    client: AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "BUILT", tmp_path / "nothing")
    answer = await client.get("/")
    assert answer.status_code == 503
    assert answer.text.count("<code>make console</code>") == 2
    assert "控制台尚未构建" in answer.text
    assert "script-src 'none'" in answer.headers["content-security-policy"]
    assert (await client.get("/api/v1/city")).status_code == 200
    assert "console:" in (ROOT / "Makefile").read_text(encoding="utf-8")


async def test_the_reference_names_its_script_and_style_by_hash(client: AsyncClient) -> None:
    answer = await client.get("/docs")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]+';", policy)
    assert "unsafe" not in policy
    assert re.findall(r"(?:src|href)=\"(?!/)[^\"]*\"", answer.text) == []
    assert " style=" not in answer.text, "the policy forbids style attributes"
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", answer.text) == []


def test_no_source_of_the_console_makes_markup_of_text() -> None:
    """Text from devices is not trusted."""
    written = list((ROOT / "api/console/web/src").rglob("*.ts*"))
    assert len(written) > 20
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|dangerously|setHTML")
    assert [path.name for path in written if forbidden.search(path.read_text(encoding="utf-8"))] == []
