"""Finds the caller of a request: by bearer token, else by the cookie of a session, else nobody.

Nobody may read only on this machine itself, and only until there is an account or a token.
"""

import asyncio
import hmac
import math
import time
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from api.access.caller import ANONYMOUS, READ_TOKEN, WRITE_TOKEN, Caller, of_session, of_token
from api.access.session_lookups import SessionLookups
from api.http.guard import host_name
from api.http.problems import ProblemKind, RequestRefused
from api.ports import ApiOptions, ApiParts, options_of, parts_of
from devices.db.database import DatabaseError
from devices.people.sessions import Session

COOKIE: Final = "haulwatch_session"
CSRF_HEADER: Final = "X-CSRF-Token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_ASK_AGAIN_S: Final = 10.0
"""A database that is away may take seconds to say so."""
_OF_PROXIES: Final = ("forwarded", "x-forwarded-", "x-real-ip", "via")
"""How the names of headers of reverse proxies begin: what they forward does not come from this machine."""

_bearer = HTTPBearer(
    auto_error=False,
    description="`Authorization: Bearer <token>`: one of `haulwatch token add`, that of HAULWATCH_API_TOKEN, which may "
    "do everything, or that of HAULWATCH_API_READ_TOKEN, which may read.",
)
_cookie = APIKeyCookie(
    name=COOKIE,
    auto_error=False,
    description=f"Set by `POST /api/v1/session`. Every other method than GET needs the header `{CSRF_HEADER}` with it.",
)


class FirstAccount:
    """Whether there is an account, or a token of a machine. Neither is ever removed, so a yes holds for ever."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._answer: bool | None = None
        self._failed_at = -math.inf

    async def exists(self) -> bool:
        """While the database is away, its last answer holds. Raises DatabaseError if it never answered."""
        is_away = time.monotonic() - self._failed_at < _ASK_AGAIN_S
        if self._answer is None or not (self._answer or is_away):
            try:
                self._answer = await asyncio.to_thread(self._ask)
            except DatabaseError:
                self._failed_at = time.monotonic()
                if self._answer is None:
                    raise
        return bool(self._answer)

    async def ask_once(self) -> None:
        """Ask, so that there is an answer when the database goes away. At the start it may be away already."""
        with suppress(DatabaseError):
            await self.exists()

    def _ask(self) -> bool:
        return self._parts.people.accounts.exist() or self._parts.people.tokens.exist()


async def identified(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Caller | None:
    """The caller; None for nobody, and for a token that is not valid.

    Raises RequestRefused if a browser sends a change without the token that only our own page can read.
    """
    caller = await _identified(request, credentials, cookie)
    request.state.caller = caller
    if caller is not None and caller.session is not None and request.method not in SAFE:
        _check_csrf(request, caller.session)
    return caller


async def _identified(
    request: Request, credentials: HTTPAuthorizationCredentials | None, cookie: str | None
) -> Caller | None:
    if credentials is not None:
        return _of_setting(credentials.credentials, options_of(request)) or await _of_token(
            credentials.credentials, parts_of(request)
        )
    caller = None if cookie is None else await _of_cookie(cookie, parts_of(request))
    if caller is None and await is_open(request):
        return ANONYMOUS
    return caller


def cookie_of(request: Request) -> str | None:
    """The secret of a session, as the browser sent it; it may be out of date."""
    return request.cookies.get(COOKIE)


async def is_open(request: Request) -> bool:
    """Return whether nobody in particular may read: see the head of this module."""
    if options_of(request).read_token is not None or not _is_local(request):
        return False
    first_account: FirstAccount = request.app.state.first_account
    return not await first_account.exists()


async def identified_again(request: Request) -> Caller | None:
    """The caller of a request that goes on, as of now; None if he is not signed in any more. Raises DatabaseError.

    Hundreds of streams ask within a moment: their sessions are read at once.
    """
    cookie = cookie_of(request)
    if cookie is not None and "authorization" not in request.headers:
        lookups: SessionLookups = request.app.state.session_lookups
        session = await lookups.find(cookie)
        if session is not None:
            request.state.caller = caller = of_session(session)
            return caller
    return await identified(request, await _bearer(request), await _cookie(request))


MaybeCaller = Annotated[Caller | None, Depends(identified)]


async def current_caller(caller: MaybeCaller) -> Caller:
    """Raises RequestRefused if there is none."""
    if caller is None:
        raise unauthorized()
    return caller


CurrentCaller = Annotated[Caller, Depends(current_caller)]


def unauthorized() -> RequestRefused:
    return RequestRefused(
        ProblemKind.UNAUTHORIZED,
        "Sign in, or send the header `Authorization: Bearer <token>` with a valid token.",
        headers={"WWW-Authenticate": 'Bearer realm="haulwatch"'},
    )


def _of_setting(token: str, options: ApiOptions) -> Caller | None:
    """Compares with every token in constant time."""
    found = [
        caller
        for caller, expected in ((WRITE_TOKEN, options.token), (READ_TOKEN, options.read_token))
        if expected and hmac.compare_digest(token.encode(), expected.encode())
    ]
    return found[0] if found else None


async def _of_token(secret: str, parts: ApiParts) -> Caller | None:
    token = await asyncio.to_thread(parts.people.tokens.find, secret, parts.now())
    return None if token is None else of_token(token)


async def _of_cookie(secret: str, parts: ApiParts) -> Caller | None:
    session = await asyncio.to_thread(parts.people.sessions.find, secret, parts.now())
    return None if session is None else of_session(session)


def _check_csrf(request: Request, session: Session) -> None:
    received = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(received.encode(), session.csrf_token.encode()):
        raise RequestRefused(
            ProblemKind.CSRF,
            f"Send the header `{CSRF_HEADER}` with `csrf_token` of GET /api/v1/session.",
        )


def _is_local(request: Request) -> bool:
    """Return whether the request was sent on this machine, to this machine, and through no proxy that says so."""
    if request.client is None or any(name.startswith(_OF_PROXIES) for name in request.headers):
        return False
    name = host_name(request.headers.get("host", ""))
    return _is_loopback(request.client.host) and (name == "localhost" or _is_loopback(name))


def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback
