"""Who may, and how much: bearer tokens, and the size of a body."""

import hmac
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import ProblemKind, RequestRefused, problem_response
from api.ports import ApiOptions

_bearer = HTTPBearer(
    auto_error=False,
    description="`Authorization: Bearer <token>`. Writes need the token of HAULWATCH_API_TOKEN; reads need one only "
    "where HAULWATCH_API_READ_TOKEN is set, and then either token will do.",
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def may_write(request: Request, credentials: Credentials) -> None:
    """A route's dependency. Raises Refused."""
    options: ApiOptions = request.app.state.options
    if options.token is None:
        raise RequestRefused(
            ProblemKind.WRITES_OFF,
            "This server takes no writes because it has no token. Set HAULWATCH_API_TOKEN (or "
            "HAULWATCH_API_TOKEN_FILE) and start it again.",
        )
    _check(credentials, options.token)


def may_read(request: Request, credentials: Credentials) -> None:
    """A route's dependency. Raises Refused where reading needs a token and none fits."""
    options: ApiOptions = request.app.state.options
    if options.read_token is not None:
        _check(credentials, options.read_token, options.token)


def may_see_map(request: Request, credentials: Credentials) -> None:
    """A route's dependency, for the city's places, which move no more than its buildings do. Raises Refused."""
    options: ApiOptions = request.app.state.options
    if not options.public_map:
        may_read(request, credentials)


def _check(credentials: HTTPAuthorizationCredentials | None, *accepted: str | None) -> None:
    """Compare with every accepted token in constant time."""
    given = "" if credentials is None else credentials.credentials
    fits = [hmac.compare_digest(given.encode(), token.encode()) for token in accepted if token]
    if not any(fits):
        raise RequestRefused(
            ProblemKind.UNAUTHORIZED,
            "Send the header `Authorization: Bearer <token>` with the token of this server's settings.",
            headers={"WWW-Authenticate": 'Bearer realm="haulwatch"'},
        )


READERS: Final = [Depends(may_read)]
WRITERS: Final = [Depends(may_write)]


class BodyLimit:
    """Refuses a larger body before it is read, or while it is read when its length was not announced."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        detail = f"At most {self._max_bytes} bytes are taken in one request."
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > self._max_bytes:
            await problem_response(ProblemKind.TOO_LARGE, detail, scope["path"])(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_bytes:
                raise HTTPException(413, detail)  # the one kind the framework lets through while it reads a body
            return message

        await self._app(scope, counted, send)
