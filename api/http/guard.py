"""Which requests are looked at: the names they may give this server, what their query holds, the size of their body."""

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import ProblemKind, problem_response


def host_name(header: str) -> str:
    """The name or address in a `Host` header, in small letters, without port and brackets; "" if it is neither."""
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


class KnownHosts:
    """Middleware that answers only requests for one of the given names, for `localhost` and for an IP address.

    A page that gives its own name the address of this server (DNS rebinding) would else read the API through the
    browser of anyone who opens it. Such a page has a name, and browsers always send it in `Host`.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope).getlist("host") if scope["type"] == "http" else []
        if all(self._is_known(host_name(header)) for header in headers):
            await self._app(scope, receive, send)
            return
        detail = (
            "This server does not answer to the host name of the request. If the name is yours, add it to "
            "HAULWATCH_API_HOSTS and restart the server."
        )
        await problem_response(ProblemKind.UNKNOWN_HOST, detail, scope["path"])(scope, receive, send)

    def _is_known(self, name: str) -> bool:
        return name in self._names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class NoNul:
    """Middleware that refuses a query with a NUL: no filter needs one, and PostgreSQL takes none in text, so that the
    database would seem to be away.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope["query_string"] if scope["type"] == "http" else b""
        if b"%00" not in query and b"\0" not in query:
            await self._app(scope, receive, send)
            return
        detail = "The query holds a NUL (%00): leave it out."
        await problem_response(ProblemKind.INVALID, detail, scope["path"])(scope, receive, send)


_READ_ON: Final = 8
"""Times the limit: so much of a body that was refused is read and thrown away, since a browser shows no answer that
comes while it still sends. Beyond it, or where no end is known, the connection is closed."""
_CLOSE: Final = {"Connection": "close"}


class BodyLimit:
    """Middleware that refuses a body over the limit: by its Content-Length, or else while it is read."""

    def __init__(self, app: ASGIApp, max_bytes: int, file_paths: re.Pattern[str], max_file_bytes: int) -> None:
        """`file_paths`: paths at which a body is a file; a route there streams it, and checks its size itself too."""
        self._app = app
        self._max_bytes = max_bytes
        self._file_paths, self._max_file_bytes = file_paths, max_file_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_file = scope["method"] == "POST" and self._file_paths.fullmatch(scope["path"]) is not None
        max_bytes = self._max_file_bytes if is_file else self._max_bytes
        detail = f"The body of a request may have at most {max_bytes} bytes."
        content_length = Headers(scope=scope).get("content-length", "0")
        if content_length.isdecimal() and int(content_length[:20]) > max_bytes:
            headers = _CLOSE if int(content_length[:20]) > _READ_ON * max_bytes else None
            response = problem_response(ProblemKind.TOO_LARGE, detail, scope["path"], headers=headers)
            await response(scope, receive, send)
            return
        received_bytes = 0

        async def receive_limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > max_bytes:
                # The only exception the framework passes on while it reads a body.
                raise HTTPException(413, detail, headers=_CLOSE)
            return message

        await self._app(scope, receive_limited, send)
