"""Fills the templates of `static/`: every value is text, escaped, unless it is markup that was filled before."""

import base64
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from fastapi.responses import HTMLResponse

_STATIC: Final = Path(__file__).parent / "static"


class Markup(str):
    """HTML that was made here; only `filled`, `element` and `joined` make it of text."""

    __slots__ = ()


NOTHING: Final = Markup("")


@cache
def _file(name: str) -> str:
    return (_STATIC / name).read_text("utf-8")


def filled(template: str, /, **values: str) -> Markup:
    """A template with its values. Raises KeyError for one that is missing."""
    return Markup(Template(_file(template)).substitute({key: _escaped(value) for key, value in values.items()}))


def element(tag: str, content: str, class_name: str = "") -> Markup:
    attribute = f' class="{escape(class_name)}"' if class_name else ""
    return Markup(f"<{tag}{attribute}>{_escaped(content)}</{tag}>")


def joined(parts: Iterable[Markup]) -> Markup:
    return Markup("".join(parts))


def page(status: int = 200, headers: dict[str, str] | None = None, /, **values: str) -> HTMLResponse:
    """The whole page, under a policy that lets only its own style sheet and script run, by their hashes."""
    style, script = _file("report.css"), _file("report.js")
    html = filled("page.html", style=Markup(style), script=Markup(script), **values)
    return HTMLResponse(html, status, headers={**_headers(style, script), **(headers or {})})


def _headers(style: str, script: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(self)",
        "X-Robots-Tag": "noindex",
    }


@cache
def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"


def _escaped(value: str) -> str:
    return value if isinstance(value, Markup) else escape(value)
