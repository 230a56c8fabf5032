"""The two HTML pages: the console at `/` and the API reference at `/docs`.

Each is a single file that loads nothing from other hosts, because many operations centres are closed networks. The
Content-Security-Policy names its one script and one style sheet by hash, so nothing else can run in the page.
"""

import base64
import re
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final, NamedTuple

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_INLINE: Final = {kind: re.compile(rf"<{kind}>(.*?)</{kind}>", re.DOTALL) for kind in ("script", "style")}


class _Page(NamedTuple):
    html: str
    policy: str


@router.get("/")
def console() -> HTMLResponse:
    """The page with live figures, alerts and the map."""
    return _response("console.html")


@router.get("/docs")
def reference() -> HTMLResponse:
    """The page that shows /openapi.json to people."""
    return _response("reference.html")


def _response(name: str) -> HTMLResponse:
    page = _page(name)
    return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy, "Cache-Control": "no-cache"})


@cache
def _page(name: str) -> _Page:
    html = files("api.console").joinpath("static", name).read_text("utf-8")
    policy = (
        f"default-src 'none'; script-src {_hashes(html, 'script')}; style-src {_hashes(html, 'style')}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return _Page(html, policy)


def _hashes(html: str, kind: str) -> str:
    digests = (sha256(text.encode()).digest() for text in _INLINE[kind].findall(html))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
