"""The two pages the API serves itself: the console at `/` and a reference at `/docs`.

Both are single files that load nothing from elsewhere, because many operations centres are closed networks. Their one
script and one style sheet are named by hash in the Content-Security-Policy, so nothing else can run in them.
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
    """Live numbers, alerts and the map."""
    return _answer("console.html")


@router.get("/docs")
def reference() -> HTMLResponse:
    """/openapi.json, readable."""
    return _answer("reference.html")


def _answer(name: str) -> HTMLResponse:
    page = _page(name)
    return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy, "Cache-Control": "no-cache"})


@cache
def _page(name: str) -> _Page:
    html = files("api").joinpath("static", name).read_text("utf-8")
    policy = (
        f"default-src 'none'; script-src {_hashes(html, 'script')}; style-src {_hashes(html, 'style')}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return _Page(html, policy)


def _hashes(html: str, kind: str) -> str:
    digests = (sha256(text.encode()).digest() for text in _INLINE[kind].findall(html))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
