"""Signing in by an identity provider of the city: the browser goes there, and comes back with an answer.

Both steps are navigations of a browser, so they stand in no description of the API, and what a person has to know goes
to the console as `/#sign-on=<reason>`.
"""

import asyncio
import logging
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from api.access.authentication import cookie_of
from api.http.openapi import answer, problems
from api.http.problems import ProblemKind, RequestRefused
from api.people.pending_sign_ons import LIFETIME_S, Attempt, PendingSignOns
from api.people.session import is_over_https, keep_session, place_of_client
from api.people.sign_in_limits import SignInLimits
from api.people_ports import SignOn
from api.ports import ApiParts, WholeParts
from devices.people.model import UNKNOWN
from devices.people.provider_people import SignedOn
from devices.sign_on.model import Answer, SignOnFailure, SignOnRefused

_log = logging.getLogger(__name__)

router = APIRouter(prefix="/sign-on", tags=["people"])

COOKIE: Final = "haulwatch_sign_on"
_PATH: Final = "/api/v1/sign-on"
_MAX_SECRET: Final = 64
"""Characters of a session's secret, and some."""
_NOT_SET_UP: Final = "HAULWATCH_OIDC_ISSUER is not set: people sign in with a password, by POST /api/v1/session."
_Text = Annotated[str | None, Query(max_length=4_096)]


class ProviderOut(BaseModel):
    """The identity provider."""

    title: str | None = Field(description="What the button says; null: the client's own words")


class SignOnOut(BaseModel):
    """Which ways to sign in there are, beside name and password."""

    provider: ProviderOut | None = Field(description="Null: none")


def _limits(request: Request) -> SignInLimits:
    limits: SignInLimits = request.app.state.sign_on_limits
    return limits


def _attempts(request: Request) -> PendingSignOns:
    attempts: PendingSignOns = request.app.state.pending_sign_ons
    return attempts


def _provider(parts: WholeParts) -> SignOn:
    """Raises RequestRefused where there is none."""
    if parts.people.sign_on is None:
        raise RequestRefused(ProblemKind.NOT_FOUND, _NOT_SET_UP)
    return parts.people.sign_on


Limits = Annotated[SignInLimits, Depends(_limits)]
Attempts = Annotated[PendingSignOns, Depends(_attempts)]
Provider = Annotated[SignOn, Depends(_provider)]


@router.get(
    "",
    summary="Ways to sign in",
    response_model=SignOnOut,
    responses=answer("The identity provider, if there is one", {"provider": {"title": "统一身份认证"}}) | problems(),
)
def ways_to_sign_in(parts: WholeParts) -> SignOnOut:
    """Whether an identity provider can be used beside accounts with a password."""
    sign_on = parts.people.sign_on
    return SignOnOut(provider=None if sign_on is None else ProviderOut(title=sign_on.title))


@router.get("/begin", include_in_schema=False)
async def begin(
    sign_on: Provider,
    limits: Limits,
    attempts: Attempts,
    request: Request,
    alert: Annotated[
        str | None, Query(pattern=r"^[0-9a-f]{16}$", description="The alert to show when the person is back")
    ] = None,
) -> Response:
    """For browsers: OpenID Connect, authorization code flow with PKCE, state and nonce."""
    try:
        async with limits.attempt(place_of_client(request)):
            url, pending = await asyncio.to_thread(sign_on.begin)
    except (SignOnRefused, RequestRefused) as exc:
        return _sent_back(request, _failure_of(exc))
    earlier = cookie_of(request)
    if earlier is not None and len(earlier) > _MAX_SECRET:
        earlier = None  # none of ours, and too long for a cookie
    sealed = attempts.seal(Attempt(pending, earlier, alert))
    response = RedirectResponse(url, 303)
    response.set_cookie(
        COOKIE,
        sealed,
        max_age=LIFETIME_S,
        path=_PATH,
        httponly=True,
        samesite="lax",  # strict would keep it from coming back from the provider, which is another site
        secure=is_over_https(request),
    )
    return response


@router.get("/callback", include_in_schema=False)
async def come_back(  # noqa: PLR0913, PLR0917 - one parameter each
    parts: WholeParts,
    sign_on: Provider,
    limits: Limits,
    attempts: Attempts,
    request: Request,
    state: _Text = None,
    code: _Text = None,
    iss: _Text = None,
    error: _Text = None,
) -> Response:
    """For browsers, sent by the provider. Begins a session of the person that the provider names.

    The account is made at the first time, if the mapping gives the person a role, and has the role of now each time.
    Only an answer to an attempt of this browser is looked at.
    """
    attempt = attempts.open(request.cookies.get(COOKIE), state)
    if attempt is None:  # anybody can send a browser here: neither counted nor in the audit trail
        _log.debug("sign-on: no attempt of this browser has this state")
        return _sent_back(request, SignOnFailure.EXPIRED)
    try:
        async with limits.attempt(place_of_client(request)):
            # For the audit trail, although it is a GET; what is beyond the limit leaves no entry.
            request.state.is_action = True
            request.state.tried_name = UNKNOWN
            given = Answer(code, iss, error)
            signed_on = await asyncio.to_thread(sign_on.finish, attempt.pending, given, parts.now())
    except SignOnRefused as exc:
        _log.warning("sign-on: %s: %s", exc.failure, exc)
        request.state.tried_name = exc.name or UNKNOWN
        request.state.outcome = str(exc.failure)
        return _sent_back(request, exc.failure)
    except RequestRefused as exc:
        _log.debug("sign-on: %s", exc)
        return _sent_back(request, SignOnFailure.BUSY)
    return await _welcomed(parts, request, attempt, signed_on)


async def _welcomed(parts: ApiParts, request: Request, attempt: Attempt, signed_on: SignedOn) -> Response:
    session = signed_on.session
    person = session.person
    request.state.tried_name = person.name
    request.state.outcome = f"{'new account, ' if signed_on.is_new else ''}{person.role}"
    if attempt.earlier is not None:
        await asyncio.to_thread(parts.people.sessions.end, attempt.earlier)
    response = _sent_back(request, None, attempt.alert_id)
    keep_session(request, response, session.secret)
    return response


def _sent_back(request: Request, failure: SignOnFailure | None, alert_id: str | None = None) -> RedirectResponse:
    """To the console, never anywhere else."""
    place = {"sign-on": str(failure)} if failure else {"alert": alert_id} if alert_id else {}
    response = RedirectResponse(f"/#{urlencode(place)}" if place else "/", 303)
    response.delete_cookie(COOKIE, path=_PATH, httponly=True, samesite="lax", secure=is_over_https(request))
    return response


def _failure_of(exc: SignOnRefused | RequestRefused) -> SignOnFailure:
    return exc.failure if isinstance(exc, SignOnRefused) else SignOnFailure.BUSY
