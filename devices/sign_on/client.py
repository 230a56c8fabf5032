"""The client of OpenID Connect: authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9207)."""

import hmac
import logging
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError

from devices.sign_on.discovery import ALGORITHMS, ALIVE_S, Discovery, Provider
from devices.sign_on.model import Answer, Identity, JsonExchange, Pending, SignOnFailure, SignOnRefused

_log = logging.getLogger(__name__)

SKEW_S: Final = 60
"""How much the clocks of provider and server may differ."""
MAX_AGE_S: Final = 600
"""A token is fetched as soon as it is made; an older one was kept for another purpose."""
MAX_TOKEN_CHARS: Final = 65_536
_MAX_SUBJECT: Final = 255
"""OpenID Connect Core 1.0, 2."""


@dataclass(frozen=True, slots=True)
class Registration:
    """How the provider knows this server."""

    client_id: str
    client_secret: str | None = field(repr=False)
    """None: a public client, which PKCE alone protects."""
    scopes: str
    redirect_uri: str
    home: str
    """Where the browser goes after signing out at the provider."""


class OidcClient:
    """One provider, one registration. Called from worker threads. Every method may raise SignOnRefused."""

    def __init__(
        self,
        discovery: Discovery,
        exchange: JsonExchange,
        registration: Registration,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: the wall clock, s."""
        self._discovery, self._exchange, self._clock = discovery, exchange, clock
        self._registered = registration

    def begin(self) -> tuple[str, Pending]:
        """Where to send the browser, and what to remember until it comes back."""
        pending = Pending(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
        url: str = prepare_grant_uri(
            self._discovery.provider(ALIVE_S).authorization_endpoint,
            client_id=self._registered.client_id,
            response_type="code",
            redirect_uri=self._registered.redirect_uri,
            scope=self._registered.scopes,
            state=pending.state,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
        )
        return url, pending

    def finish(self, pending: Pending, answer: Answer, wanted: Collection[str]) -> Identity:
        """Who came back. `wanted`: claims that are asked of the userinfo endpoint if the token lacks one of them.

        The caller has compared the state. Raises SignOnRefused.
        """
        provider = self._discovery.provider()
        if answer.issuer != provider.issuer and (provider.names_itself or answer.issuer is not None):
            raise _invalid(f"the answer names {answer.issuer!r} as its issuer")  # of another provider: mix-up
        if answer.error is not None or not answer.code:
            raise SignOnRefused(SignOnFailure.REFUSED, f"the provider says {(answer.error or 'nothing')[:80]!r}")
        tokens = self._redeemed(provider, answer.code, pending.verifier)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str) or len(id_token) > MAX_TOKEN_CHARS:
            raise _invalid("the token endpoint gave no ID token")
        bearer = access_token if isinstance(access_token, str) else None
        claims = self._checked(provider, id_token, pending.nonce, bearer)
        subject = claims["sub"]
        if provider.userinfo_endpoint and bearer and set(wanted) - claims.keys():
            further = self._exchange.get(provider.userinfo_endpoint, bearer)
            if further.get("sub") != subject:
                raise _invalid("userinfo is that of somebody else")
            claims = {**further, **claims}
        return Identity(provider.issuer, subject, claims, id_token)

    def sign_out_url(self, id_token: str) -> str | None:
        """Where the browser signs out at the provider (OpenID Connect RP-Initiated Logout 1.0); None: nowhere."""
        endpoint = self._discovery.provider().end_session_endpoint
        if endpoint is None:
            return None
        parameters = {
            "id_token_hint": id_token,
            "client_id": self._registered.client_id,
            "post_logout_redirect_uri": self._registered.home,
        }
        url: str = add_params_to_uri(endpoint, list(parameters.items()))
        return url

    def _redeemed(self, provider: Provider, code: str, verifier: str) -> Mapping[str, Any]:
        """The answer of the token endpoint to a code."""
        registered = self._registered
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": registered.redirect_uri,
            "code_verifier": verifier,
        }
        login = None
        if registered.client_secret is None:
            form["client_id"] = registered.client_id
        elif "client_secret_basic" in provider.auth_methods:
            login = (quote_plus(registered.client_id), quote_plus(registered.client_secret))  # RFC 6749, 2.3.1
        else:
            form |= {"client_id": registered.client_id, "client_secret": registered.client_secret}
        status, found = self._exchange.post(provider.token_endpoint, form, login)
        if status != 200:
            error = str(found.get("error", "nothing"))[:80]
            if error == "invalid_client":
                _log.error("sign-on: the provider refuses HAULWATCH_OIDC_CLIENT_ID or its secret")
                raise SignOnRefused(SignOnFailure.AWAY, "the provider does not accept this client")
            raise _invalid(f"the token endpoint answers {status} {error!r}")
        return found

    def _checked(self, provider: Provider, id_token: str, nonce: str, access_token: str | None) -> dict[str, Any]:
        """The claims of a token that this provider made for this attempt (OpenID Connect Core 1.0, 3.1.3.7)."""
        now = int(self._clock())
        try:
            kid = jws.extract_compact(id_token.encode()).headers().get("kid")
            keys = self._discovery.keys(kid if isinstance(kid, str) else None)
            token = jwt.decode(id_token, keys, algorithms=list(ALGORITHMS))
            client_id = self._registered.client_id
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": provider.issuer},
                    "aud": {"essential": True, "value": client_id},
                },
                params={"nonce": nonce, "client_id": client_id, "access_token": access_token},
            )
            claims.validate(now=now, leeway=SKEW_S)
            subject, issued_at, received = claims["sub"], claims["iat"], claims.get("nonce")
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as exc:
            raise _invalid(f"the ID token is refused: {type(exc).__name__}: {str(exc)[:200]}") from exc
        if not isinstance(received, str) or not hmac.compare_digest(received.encode(), nonce.encode()):
            raise _invalid("the ID token was made for another attempt")
        if now - issued_at > MAX_AGE_S + SKEW_S:
            raise _invalid("the ID token is old: compare the clocks of this server and of the provider")
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT or not subject.isprintable():
            raise _invalid("the ID token names nobody")
        return dict(claims)


def _invalid(why: str) -> SignOnRefused:
    return SignOnRefused(SignOnFailure.INVALID, why)
