"""The session: sign in and out, who is signed in, and the password."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.access.authentication import COOKIE, CurrentCaller, MaybeCaller, cookie_of, unauthorized
from api.access.caller import Caller, of_session
from api.http.openapi import answer, no_content, problems
from api.http.problems import ProblemKind, RequestRefused, invalid
from api.people.sign_in_limits import SignInLimits
from api.ports import ApiParts, WholeParts
from devices.people.model import Language, Refused, Role
from devices.people.sessions import BadCredentials, Session
from devices.people.sign_in_failures import LockedOut, place_of
from devices.readings.text import ShortText

router = APIRouter(prefix="/session", tags=["people"])

CLEARED: Final = '"cache", "storage"'
"""What a browser forgets of this server when somebody signs out (W3C Clear Site Data). Not "cookies", which would take
those of other programs on this host as well, such as Grafana's; our own is taken back by name."""
Password = Annotated[str, Field(min_length=1, max_length=1_024)]


class SignInBody(BaseModel):
    """Name and password of an account."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"name": "li.wei", "password": "four words of a sentence"}]},
    )

    name: ShortText
    password: Password


class PasswordBody(BaseModel):
    """The present password and the one that is to replace it."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"old": "four words of a sentence", "new": "four words of another one"}]},
    )

    old: Password
    new: Password


class SessionOut(BaseModel):
    """Who is signed in, and what he may do and see."""

    name: str
    display_name: str
    role: Role
    districts: list[str] | None = Field(description="Null: all")
    hauliers: list[str] | None = Field(description="Fleets; null: all")
    language: Language | None = Field(description="Null: that of the browser")
    has_password: bool = Field(description="True: of an account of this server, which can change it")
    csrf_token: str = Field(description="Send it as `X-CSRF-Token` with every method but GET; empty without a cookie")
    expires_at: str | None = Field(description="RFC 3339, UTC. Null: does not end")


class SignedOutOut(BaseModel):
    """Nobody is signed in any more."""

    provider_url: str | None = Field(
        description="Go there to sign out at the identity provider too; null: the person did not come from one, or it "
        "has no such page"
    )


_EXAMPLE: Final = {
    "name": "li.wei",
    "display_name": "李伟",
    "role": "officer",
    "districts": ["zezhou"],
    "hauliers": None,
    "language": "zh",
    "has_password": True,
    "csrf_token": "mJ0b3mP2nq8yW1tB7bq0cT8sQkz5m0W9uH1yK3d2x4A",
    "expires_at": "2026-03-01T20:00:00Z",
}


def _limits(request: Request) -> SignInLimits:
    limits: SignInLimits = request.app.state.sign_in_limits
    return limits


Limits = Annotated[SignInLimits, Depends(_limits)]


@router.post(
    "",
    summary="Sign in",
    response_model=SessionOut,
    responses=answer("The session; its secret is in the cookie `haulwatch_session`", _EXAMPLE)
    | problems(
        ProblemKind.BAD_REQUEST,
        ProblemKind.BAD_CREDENTIALS,
        ProblemKind.TOO_LARGE,
        ProblemKind.INVALID,
        ProblemKind.LOCKED_OUT,
        ProblemKind.UNAVAILABLE,
    ),
)
async def sign_in(
    parts: WholeParts, limits: Limits, request: Request, response: Response, body: SignInBody
) -> SessionOut:
    """Begin a session. The browser holds its secret in a cookie that no script can read.

    Five wrong passwords in a row from one place lock the name there, for a minute at first and up to 15; 25 lock it
    for all places from which the person has not signed in lately. Names without an account are locked alike.
    """
    earlier = await session_of(request, parts)
    async with limits.attempt(_who_tries(request, earlier)):
        # For the audit trail; what is beyond the limit leaves no entry.
        request.state.tried_name = body.name.strip().lower()
        try:
            session = await asyncio.to_thread(
                parts.people.sessions.sign_in, body.name, body.password, parts.now(), place_of_client(request), earlier
            )
        except BadCredentials as exc:
            raise RequestRefused(ProblemKind.BAD_CREDENTIALS, f"{exc}.".capitalize()) from exc
        except LockedOut as exc:
            raise _locked_out(exc) from exc
    if earlier is not None:
        await asyncio.to_thread(parts.people.sessions.end, earlier.secret)
    keep_session(request, response, session.secret)
    return _session_out(of_session(session))


@router.get(
    "",
    summary="Who is signed in",
    response_model=SessionOut,
    responses=answer("The caller", _EXAMPLE) | problems(ProblemKind.UNAUTHORIZED, ProblemKind.UNAVAILABLE),
)
def show_session(caller: CurrentCaller) -> SessionOut:
    """The person of the cookie, or the owner of the token. `anonymous` may read on this machine until there is an
    account.
    """
    return _session_out(caller)


@router.delete(
    "",
    summary="Sign out",
    response_model=SignedOutOut,
    responses=answer("Nobody is signed in with this cookie any more", {"provider_url": None})
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.CSRF, ProblemKind.UNAVAILABLE),
)
def sign_out(parts: WholeParts, request: Request, caller: MaybeCaller) -> Response:
    """End the session, take the cookie back and let the browser forget what it keeps of this server."""
    provider_url = None
    if caller is not None and caller.session is not None:
        id_token = parts.people.sessions.end(caller.session.secret)
        if id_token is not None and parts.people.sign_on is not None:
            provider_url = parts.people.sign_on.sign_out_url(id_token)
    response = JSONResponse(SignedOutOut(provider_url=provider_url).model_dump())
    response.headers["Clear-Site-Data"] = CLEARED
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=is_over_https(request))
    return response


@router.put(
    "/password",
    summary="Change the password",
    status_code=204,
    response_class=Response,
    responses=no_content("The new password holds")
    | problems(
        ProblemKind.BAD_REQUEST,
        ProblemKind.UNAUTHORIZED,
        ProblemKind.CSRF,
        ProblemKind.TOO_LARGE,
        ProblemKind.INVALID,
        ProblemKind.LOCKED_OUT,
        ProblemKind.UNAVAILABLE,
    ),
)
async def change_password(
    parts: WholeParts, limits: Limits, caller: CurrentCaller, request: Request, body: PasswordBody
) -> Response:
    """Replace the own password, and end all other sessions of the person.

    A wrong old one counts as a failure to sign in.
    """
    session = _of_person(caller)
    async with limits.attempt(_who_tries(request, session)):
        try:
            await asyncio.to_thread(parts.people.sessions.change_password, session, body.old, body.new, parts.now())
        except BadCredentials as exc:
            raise invalid("body.old", "this is not your password") from exc
        except Refused as exc:
            raise invalid("body.new", str(exc).removeprefix("password: ")) from exc
        except LockedOut as exc:
            raise _locked_out(exc) from exc
    return Response(status_code=204)


async def session_of(request: Request, parts: ApiParts) -> Session | None:
    """The session of this browser, if it goes on. Raises DatabaseError."""
    secret = cookie_of(request)
    return None if secret is None else await asyncio.to_thread(parts.people.sessions.find, secret, parts.now())


def keep_session(request: Request, response: Response, secret: str) -> None:
    """Let the browser hold a session until it is closed, or the session ends."""
    response.set_cookie(COOKIE, secret, path="/", httponly=True, samesite="strict", secure=is_over_https(request))


def place_of_client(request: Request) -> str:
    return place_of(request.client.host if request.client else "")


def _who_tries(request: Request, earlier: Session | None) -> str:
    """Whose failures count together: those of who is signed in already apart from those of the address."""
    return place_of_client(request) if earlier is None else f"{earlier.person.name} who is signed in"


def _of_person(caller: Caller) -> Session:
    if caller.session is None:
        raise unauthorized()
    return caller.session


def _locked_out(exc: LockedOut) -> RequestRefused:
    headers = {"Retry-After": str(exc.retry_after_s)}
    return RequestRefused(ProblemKind.LOCKED_OUT, f"{exc}.".capitalize(), headers=headers)


def is_over_https(request: Request) -> bool:
    """Return whether the browser speaks https: to this server, or to a proxy that says so."""
    forwarded = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip()
    return "https" in {request.url.scheme, forwarded.lower()}


def _session_out(caller: Caller) -> SessionOut:
    session, visibility = caller.session, caller.visibility
    return SessionOut(
        name=caller.name,
        display_name=caller.display_name,
        role=caller.role,
        districts=None if visibility.districts is None else sorted(visibility.districts),
        hauliers=None if visibility.hauliers is None else sorted(visibility.hauliers),
        language=caller.language,
        has_password=session is not None and session.person.issuer is None,
        csrf_token="" if session is None else session.csrf_token,
        expires_at=None if caller.expires_at is None else _rfc3339(caller.expires_at),
    )


def _rfc3339(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1_000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
