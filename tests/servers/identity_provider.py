"""A real OpenID provider: `oidc-provider` of npm, certified by the OpenID Foundation, with https on loopback."""

import json
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import httpx
import pytest

from devices.access.certificates import Authority
from tests import ROOT
from tests.servers import end, find, free_port, launch
from tests.waiting import PATIENCE_S

_FOLDER: Final = ROOT / "tests" / "servers" / "oidc_provider"
_NODE: Final = ROOT / ".venv" / "bin" / "node"
CLIENT_ID: Final = "haulwatch"
CLIENT_SECRET: Final = "secret of haulwatch: +/&=% and a space"
_OLDEST_NODE: Final = 20


def provider_absent() -> str | None:
    """Why no provider can be started here, or None."""
    if not (_FOLDER / "node_modules" / "oidc-provider").is_dir():
        return "oidc-provider is not installed here: npm ci in tests/servers/oidc_provider"
    node = _node()
    if node is None:
        return "Node is not installed here"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if not version.startswith("v") or int(version[1:].partition(".")[0]) < _OLDEST_NODE:
        return f"oidc-provider needs Node {_OLDEST_NODE}, here it is {version or 'of unknown version'}"
    return None


def _node() -> str | None:
    """That of PATH, as for the console, else the one in the environment."""
    return find("node") or (str(_NODE) if _NODE.exists() else None)


@dataclass(frozen=True)
class IdentityProvider:
    """A provider with one client."""

    port: int
    home: str
    """The origin of the server that people sign in to."""
    ca_file: Path
    accounts: Path

    @property
    def issuer(self) -> str:
        return f"https://localhost:{self.port}"

    def know(self, **people: Mapping[str, Any]) -> None:
        """Let the provider have exactly these people, with these claims; a name with dots comes by `**{...}`."""
        self.accounts.write_text(json.dumps(people), encoding="utf-8")

    @contextmanager
    def running(self) -> Iterator[None]:
        folder, node = self.accounts.parent, _node()
        assert node is not None
        command = [node, str(_FOLDER / "provider.mjs"), str(folder / "config.json")]
        process = launch(command, folder / "provider.log", self.port)
        try:
            yield
        finally:
            end(process)

    def settings(self, mapping: Path) -> dict[str, str]:
        """The variables of a server that uses it."""
        return {
            "HAULWATCH_OIDC_ISSUER": self.issuer,
            "HAULWATCH_OIDC_CLIENT_ID": CLIENT_ID,
            "HAULWATCH_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "HAULWATCH_OIDC_SCOPES": "openid profile groups",
            "HAULWATCH_OIDC_URL": self.home,
            "HAULWATCH_OIDC_MAPPING": str(mapping),
            "HAULWATCH_OIDC_CA_FILE": str(self.ca_file),
        }

    def sign_in(self, url: str, name: str) -> str:
        """As a browser that is sent to `url` and signs in as `name`; returns where it is sent back to."""
        trusted = ssl.create_default_context(cafile=str(self.ca_file))
        with httpx.Client(verify=trusted, timeout=PATIENCE_S) as browser:
            answer = browser.get(url)
            while True:
                if answer.is_redirect:
                    url = urljoin(url, answer.headers["location"])
                    if url.startswith(self.home):
                        return url
                    answer = browser.get(url)
                else:
                    assert answer.status_code == 200, answer.text
                    form = _Form(answer.text)
                    assert form.action, answer.text
                    url = urljoin(url, form.action)
                    answer = browser.post(url, data=form.fields | {"login": name, "password": "any"})


class _Form(HTMLParser):
    """The first form of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form" and not self.action:
            self.action = found.get("action") or ""
        if tag == "input" and found.get("name"):
            self.fields[str(found["name"])] = found.get("value") or ""


@contextmanager
def identity_provider(folder: Path, home: str) -> Iterator[IdentityProvider]:
    """A provider that runs, for the server at this origin. Skips the test where there is none."""
    provider = prepared_provider(folder, home)
    with provider.running():
        yield provider


def prepared_provider(folder: Path, home: str) -> IdentityProvider:
    """A provider that does not run yet. Skips the test where there is none."""
    if (reason := provider_absent()) is not None:
        pytest.skip(reason)
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority.create(datetime.now(UTC))
    issued = authority.for_server(["localhost", "127.0.0.1"], datetime.now(UTC))
    files = {"ca.pem": authority.own.certificate, "server.pem": issued.certificate, "server.key": issued.key}
    for name, text in files.items():
        (folder / name).write_text(text)
    provider = IdentityProvider(free_port(), home, folder / "ca.pem", folder / "accounts.json")
    provider.know()
    client = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uris": [f"{home}/api/v1/sign-on/callback"],
        "post_logout_redirect_uris": [f"{home}/"],
    }
    config = {
        "port": provider.port,
        "key": str(folder / "server.key"),
        "certificate": str(folder / "server.pem"),
        "accounts": str(provider.accounts),
        "client": client,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return provider
