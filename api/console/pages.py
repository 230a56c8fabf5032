"""The pages: the console at `/` with its files below `/console/`, and the API reference at `/docs`.

The console is built from `web/` into `built/` at set-up, and loads nothing from other hosts, because many operations
centres are closed networks. The Content-Security-Policy lets nothing else run in a page. Without the built
files a page in their place says how to make them; everything else of the API works.
"""

import base64
import mimetypes
import re
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Header
from fastapi.responses import FileResponse, HTMLResponse, Response

from api.http.problems import not_found

router = APIRouter(include_in_schema=False)

BUILT: Final = Path(__file__).parent / "built"
"""Where `npm run build` of `web/` writes. Nothing in it is committed."""
_STATIC: Final = Path(__file__).parent / "static"
_INLINE: Final = {kind: re.compile(rf"<{kind}>(.*?)</{kind}>", re.DOTALL) for kind in ("script", "style")}
_NOTHING_ELSE: Final = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_CONSOLE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    f"connect-src 'self'; {_NOTHING_ELSE}"
)
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""The name of a built file has a hash of its content."""


@router.get("/")
def console() -> HTMLResponse:
    """The desk; 503 with the way to build it where the console was not built."""
    index = BUILT / "index.html"
    if not index.is_file():
        return HTMLResponse(_page("not_built.html"), status_code=503, headers=_headers(_policy_of("not_built.html")))
    return HTMLResponse(index.read_text("utf-8"), headers=_headers(_CONSOLE_POLICY))


@router.get("/console/assets/{name}")
def asset(name: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
    """A built file, compressed if the client takes it. A worker runs under the policy of its own answer."""
    file = BUILT / "assets" / name
    if name.startswith(".") or file.parent != BUILT / "assets" or not _is_file(file):
        raise not_found("File", name, "reload the page: the console was built anew")
    headers = _headers(_CONSOLE_POLICY) | {"Cache-Control": _IMMUTABLE, "Vary": "Accept-Encoding"}
    media_type = "text/javascript" if file.suffix == ".mjs" else mimetypes.guess_type(name)[0]
    compressed = file.with_name(f"{name}.gz")
    if "gzip" in accept_encoding and compressed.is_file():
        return FileResponse(compressed, media_type=media_type, headers=headers | {"Content-Encoding": "gzip"})
    return FileResponse(file, media_type=media_type, headers=headers)


@router.get("/docs")
def reference() -> HTMLResponse:
    """The page that shows /openapi.json to people."""
    return HTMLResponse(_page("reference.html"), headers=_headers(_policy_of("reference.html")))


def _is_file(path: Path) -> bool:
    """False also for a name that is longer than a file system takes."""
    try:
        return path.is_file()
    except OSError:
        return False


def _headers(policy: str) -> dict[str, str]:
    return {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}


@cache
def _page(name: str) -> str:
    return (_STATIC / name).read_text("utf-8")


@cache
def _policy_of(name: str) -> str:
    """Names the one script and the one style sheet of a page by hash."""
    html = _page(name)
    return (
        f"default-src 'none'; script-src {_hashes(html, 'script')}; style-src {_hashes(html, 'style')}; "
        f"connect-src 'self'; {_NOTHING_ELSE}"
    )


def _hashes(html: str, kind: str) -> str:
    digests = [sha256(text.encode()).digest() for text in _INLINE[kind].findall(html)]
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"
