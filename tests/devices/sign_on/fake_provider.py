"""A provider under the hands of a test: its next token, keys and answers may be anything."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet

from devices.sign_on.client import OidcClient, Registration
from devices.sign_on.discovery import Discovery
from devices.sign_on.model import Answer, Identity, Pending, SignOnFailure, SignOnRefused

ISSUER: Final = "https://id.city.example"
HOME: Final = "https://haulwatch.city.example"
CLIENT_ID: Final = "haulwatch"
NOW: Final = 1_772_352_000
"""Wall clock, s."""
OWN_KEY: Final = ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256", "use": "sig"})
REGISTRATION: Final = Registration(CLIENT_ID, "secret", "openid profile", f"{HOME}/api/v1/sign-on/callback", f"{HOME}/")
LI: Final = {"sub": "4711", "preferred_username": "li.wei", "name": "李伟", "groups": ["officers"]}


class FakeProvider:
    """Stands for `devices.sign_on.exchange.Exchange`, and for the page where people sign in."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/auth",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/jwks",
            "userinfo_endpoint": f"{ISSUER}/me",
            "end_session_endpoint": f"{ISSUER}/end",
            "id_token_signing_alg_values_supported": ["ES256"],
            "authorization_response_iss_parameter_supported": True,
        }
        self.key: Key = OWN_KEY
        self.published: list[Key] = [OWN_KEY]
        self.person: Mapping[str, Any] = LI
        self.userinfo: Mapping[str, Any] = LI
        self.changed: Callable[[dict[str, Any]], object] = lambda claims: None
        """Changes the claims of a token before it is signed."""
        self.forged: Callable[[dict[str, Any]], str] | None = None
        """Makes the token of the claims in place of this provider."""
        self.is_away = False
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def get(self, url: str, bearer: str | None = None) -> Mapping[str, Any]:
        self._note(url)
        if url.endswith("/.well-known/openid-configuration"):
            return self.document
        if url == f"{ISSUER}/jwks":
            return dict(KeySet(self.published).as_dict())
        assert (url, bearer) == (f"{ISSUER}/me", "the-access-token")
        return self.userinfo

    def post(
        self, url: str, form: Mapping[str, str], login: tuple[str, str] | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Redeem a code once, for the client that it was given to, with the verifier that belongs to it."""
        self._note(url)
        asked = self._codes.pop(form["code"], None)
        if login != (CLIENT_ID, "secret"):
            return 401, {"error": "invalid_client"}
        if asked is None or asked["code_challenge"] != create_s256_code_challenge(form["code_verifier"]):
            return 400, {"error": "invalid_grant"}
        assert (form["grant_type"], form["redirect_uri"]) == ("authorization_code", asked["redirect_uri"])
        claims = {"iss": ISSUER, "aud": CLIENT_ID, "iat": NOW, "exp": NOW + 300, "nonce": asked["nonce"], **self.person}
        self.changed(claims)
        token = self.forged(claims) if self.forged else signed(claims, self.key)
        return 200, {"id_token": token, "access_token": "the-access-token", "token_type": "Bearer"}

    def authorise(self, url: str) -> dict[str, str]:
        """As the person who signs in at the provider: the query of the address that the browser is sent back to."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}-{asked['state'][:6]}"
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": ISSUER}

    def _note(self, url: str) -> None:
        self.asked.append(url.removeprefix(ISSUER))
        if self.is_away:
            raise SignOnRefused(SignOnFailure.AWAY, "nobody answers")


def signed(claims: Mapping[str, Any], key: Key, **header: Any) -> str:
    return jwt.encode({"alg": "ES256", "kid": key.kid, **header}, dict(claims), key, algorithms=["ES256"])


def segment(content: Any) -> str:
    """A part of a token, as anybody can write it."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


class Clock:
    """Both clocks of a client, which a test sets."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def client_of(provider: FakeProvider, clock: Clock | None = None) -> OidcClient:
    clock = clock or Clock()
    return OidcClient(Discovery(ISSUER, provider, clock), provider, REGISTRATION, clock)


def signed_on(provider: FakeProvider, client: OidcClient, wanted: tuple[str, ...] = ()) -> Identity:
    """Through the whole flow, once."""
    url, pending = client.begin()
    return came_back(client, pending, provider.authorise(url), wanted)


def came_back(client: OidcClient, pending: Pending, query: Mapping[str, str], wanted: tuple[str, ...] = ()) -> Identity:
    return client.finish(pending, Answer(query.get("code"), query.get("iss"), query.get("error")), wanted)
