"""The provider's discovery document and its keys, kept for a while."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit

from authlib.oidc.discovery import get_well_known_url
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, import_key

from devices.sign_on.addresses import is_protected
from devices.sign_on.model import JsonExchange, SignOnFailure, SignOnRefused

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures by a key that only the provider has: neither `none` nor HMAC, whose key would be the client's secret."""
KEPT_S: Final = 3_600.0
ALIVE_S: Final = 10.0
"""Who answered so lately is there."""
_FAILED_KEPT_S: Final = 5.0
"""While the provider is away, it is asked again after this time and not by everybody who clicks."""
_KEYS_AGAIN_S: Final = 10.0
"""Keys are asked for again at the earliest after this time: a token can name any key."""
_MAX_KEYS: Final = 100
_KEY_TYPES: Final = ("RSA", "EC")


@dataclass(frozen=True, slots=True)
class Provider:
    """What its discovery document says, as far as it is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    auth_methods: Sequence[str]
    """How a client may show its secret."""
    pkce_methods: Sequence[str]
    """Empty: the document does not say."""
    names_itself: bool
    """RFC 9207: the provider sends `iss` with each answer."""


class Discovery:
    """Reads the document and the keys of one provider; several threads may ask. Raises SignOnRefused (away)."""

    def __init__(self, issuer: str, exchange: JsonExchange, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer, self._exchange, self._clock = issuer, exchange, clock
        self._lock = Lock()
        self._provider: tuple[float, Provider] | None = None
        self._failure: tuple[float, SignOnRefused] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def provider(self, max_age_s: float = KEPT_S) -> Provider:
        """`max_age_s`: how long ago it may have answered; before a browser is sent there it has to answer now."""
        with self._lock:
            now = self._clock()
            if self._provider is not None and now - self._provider[0] < max_age_s:
                return self._provider[1]
            if self._failure is not None and now - self._failure[0] < _FAILED_KEPT_S:
                raise self._failure[1]
            try:
                found = _read(self._issuer, self._exchange.get(get_well_known_url(self._issuer, external=True)))
            except SignOnRefused as exc:
                self._failure = (self._clock(), exc)
                raise
            self._provider = (self._clock(), found)
            return found

    def keys(self, kid: str | None) -> KeySet:
        """The provider's keys; asked for again if none of them has this id, since providers change keys."""
        jwks_uri = self.provider().jwks_uri
        with self._lock:
            now = self._clock()
            if self._keys is not None:
                age_s = now - self._keys[0]
                has_key = kid is None or any(key.kid == kid for key in self._keys[1])
                if age_s < _KEYS_AGAIN_S or (has_key and age_s < KEPT_S):
                    return self._keys[1]
            found = _keys(self._exchange.get(jwks_uri))
            self._keys = (self._clock(), found)
            return found


def _read(issuer: str, document: Mapping[str, Any]) -> Provider:
    """Raises SignOnRefused for a document that is another's, or lacks what the flow needs."""
    if document.get("issuer") != issuer:
        raise _unfit(f"is that of {document.get('issuer')!r}, and HAULWATCH_OIDC_ISSUER is {issuer!r}")
    loopback = urlsplit(issuer).scheme == "http"

    def endpoint(name: str) -> str | None:
        found = document.get(name)
        if found is None:
            return None
        if not isinstance(found, str) or not is_protected(found, loopback=loopback):
            raise _unfit(f"{name}: is no https address")
        return found

    def needed(name: str) -> str:
        found = endpoint(name)
        if found is None:
            raise _unfit(f"{name}: is missing")
        return found

    algorithms = _texts(document, "id_token_signing_alg_values_supported") or ["RS256"]
    if not set(algorithms) & set(ALGORITHMS):
        raise _unfit(f"signs tokens with {', '.join(algorithms)} only, and {', '.join(ALGORITHMS)} are accepted")
    if "code" not in (_texts(document, "response_types_supported") or ["code"]):
        raise _unfit("does not offer the authorization code flow")
    return Provider(
        issuer=issuer,
        authorization_endpoint=needed("authorization_endpoint"),
        token_endpoint=needed("token_endpoint"),
        jwks_uri=needed("jwks_uri"),
        userinfo_endpoint=endpoint("userinfo_endpoint"),
        end_session_endpoint=endpoint("end_session_endpoint"),
        auth_methods=_texts(document, "token_endpoint_auth_methods_supported") or ["client_secret_basic"],
        pkce_methods=_texts(document, "code_challenge_methods_supported"),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _keys(document: Mapping[str, Any]) -> KeySet:
    """Those that sign; one that cannot be read does not keep the others from being used."""
    found: list[Key] = []
    listed = document.get("keys")
    for data in listed[:_MAX_KEYS] if isinstance(listed, list) else []:
        try:
            if data.get("kty") in _KEY_TYPES and data.get("use", "sig") == "sig":
                found.append(import_key(data))
        except (JoseError, ValueError, TypeError, AttributeError):
            continue
    if not found:
        raise SignOnRefused(SignOnFailure.AWAY, "the provider's key set has no key that signs")
    return KeySet(found)


def _texts(document: Mapping[str, Any], name: str) -> list[str]:
    found = document.get(name)
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def _unfit(why: str) -> SignOnRefused:
    return SignOnRefused(SignOnFailure.AWAY, f"the provider's discovery document {why}")
