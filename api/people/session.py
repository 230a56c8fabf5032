"""The session: sign in and out, who is signed in, and the password."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.access.authentication import COOKIE, CurrentCaller, MaybeCaller, cookie_of, unauthorized
from api.access.caller import Caller, of_session
from api.http.openapi import answer, no_content, problems
from api.http.problems import ProblemKind, RequestRefused, invalid
from api.people.sign_in_limits import SignInLimits
from api.ports import WholeParts
from devices.people.model import Language, Refused, Role
from devices.people.sessions import BadCredentials, Session
from devices.people.sign_in_failures import LockedOut
from devices.readings.text import ShortText

router = APIRouter(prefix="/session", tags=["people"])

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
    csrf_token: str = Field(description="Send it as `X-CSRF-Token` with every method but GET; empty without a cookie")
    expires_at: str | None = Field(description="RFC 3339, UTC. Null: does not end")


_EXAMPLE: Final = {
    "name": "li.wei",
    "display_name": "李伟",
    "role": "officer",
    "districts": ["zezhou"],
    "hauliers": None,
    "language": "zh",
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

    Five wrong passwords in a row lock a name for 15 minutes, whether it has an account or not.
    """
    async with limits.attempt(request.client.host if request.client else ""):
        request.state.tried_name = (
            body.name.strip().lower()
        )  # for the audit trail; what is beyond the limit leaves no entry
        try:
            session = await asyncio.to_thread(parts.people.sessions.sign_in, body.name, body.password, parts.now())
        except BadCredentials as exc:
            raise RequestRefused(ProblemKind.BAD_CREDENTIALS, f"{exc}.".capitalize()) from exc
        except LockedOut as exc:
            raise _locked_out(exc) from exc
    earlier = cookie_of(request)
    if earlier is not None:
        await asyncio.to_thread(parts.people.sessions.end, earlier)
    response.set_cookie(
        COOKIE, session.secret, path="/", httponly=True, samesite="strict", secure=_is_over_https(request)
    )
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
    status_code=204,
    response_class=Response,
    responses=no_content("Nobody is signed in with this cookie any more")
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.CSRF, ProblemKind.UNAVAILABLE),
)
def sign_out(parts: WholeParts, request: Request, caller: MaybeCaller) -> Response:
    """End the session and take the cookie back."""
    if caller is not None and caller.session is not None:
        parts.people.sessions.end(caller.session.secret)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=_is_over_https(request))
    return answer


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
    async with limits.attempt(request.client.host if request.client else ""):
        try:
            await asyncio.to_thread(parts.people.sessions.change_password, session, body.old, body.new, parts.now())
        except BadCredentials as exc:
            raise invalid("body.old", "this is not your password") from exc
        except Refused as exc:
            raise invalid("body.new", str(exc).removeprefix("password: ")) from exc
        except LockedOut as exc:
            raise _locked_out(exc) from exc
    return Response(status_code=204)


def _of_person(caller: Caller) -> Session:
    if caller.session is None:
        raise unauthorized()
    return caller.session


def _locked_out(exc: LockedOut) -> RequestRefused:
    headers = {"Retry-After": str(exc.retry_after_s)}
    return RequestRefused(ProblemKind.LOCKED_OUT, f"{exc}.".capitalize(), headers=headers)


def _is_over_https(request: Request) -> bool:
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
        csrf_token="" if session is None else session.csrf_token,
        expires_at=None if caller.expires_at is None else _rfc3339(caller.expires_at),
    )


def _rfc3339(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1_000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
