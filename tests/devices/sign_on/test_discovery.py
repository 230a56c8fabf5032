"""The discovery document: whose it is, what it must have, and how often it is asked for."""

from typing import Any

import pytest

from devices.sign_on.addresses import is_protected
from devices.sign_on.discovery import Discovery
from devices.sign_on.model import SignOnFailure, SignOnRefused
from tests.devices.sign_on.fake_provider import ISSUER, Clock, FakeProvider


def discovery_of(provider: FakeProvider, clock: Clock | None = None, issuer: str = ISSUER) -> Discovery:
    return Discovery(issuer, provider, clock or Clock())


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"issuer": "https://evil.example"}, "is that of 'https://evil.example'"),
        ({"issuer": f"{ISSUER}/"}, "is that of"),
        ({"issuer": None}, "is that of None"),
        ({"token_endpoint": None}, "token_endpoint: is missing"),
        ({"token_endpoint": "http://id.city.example/token"}, "token_endpoint: is no https address"),
        ({"token_endpoint": "http://127.0.0.1/token"}, "token_endpoint: is no https address"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint: is no https address"),
        ({"authorization_endpoint": ["https://id.city.example"]}, "authorization_endpoint: is no https address"),
        ({"jwks_uri": "https://"}, "jwks_uri: is no https address"),
        ({"end_session_endpoint": "http://id.city.example/end"}, "end_session_endpoint: is no https address"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "signs tokens with HS256, none only"),
        ({"response_types_supported": ["id_token"]}, "authorization code flow"),
    ],
)
def test_a_document_that_is_anothers_or_unsafe_is_refused(changed: dict[str, Any], fault: str) -> None:
    provider = FakeProvider()
    provider.document |= changed
    with pytest.raises(SignOnRefused) as refused:
        discovery_of(provider).provider()
    assert refused.value.failure is SignOnFailure.AWAY
    assert fault in str(refused.value)


def test_what_a_document_leaves_out_is_as_the_standard_says() -> None:
    provider = FakeProvider()
    for name in ("id_token_signing_alg_values_supported", "userinfo_endpoint", "end_session_endpoint"):
        del provider.document[name]
    found = discovery_of(provider).provider()
    assert (found.auth_methods, found.userinfo_endpoint, found.pkce_methods) == (["client_secret_basic"], None, [])


def test_the_document_is_kept_for_an_hour_and_a_failure_for_five_seconds() -> None:
    provider, clock = FakeProvider(), Clock()
    discovery = discovery_of(provider, clock)
    provider.is_away = True
    for after_s, asked in ((0.0, 1), (4.9, 1), (5.1, 2)):
        clock.now += after_s
        with pytest.raises(SignOnRefused):
            discovery.provider()
        assert len(provider.asked) == asked
    provider.is_away = False
    clock.now += 6
    for after_s, asked in ((0.0, 3), (3_599.0, 3), (2.0, 4)):
        clock.now += after_s
        discovery.provider()
        assert len(provider.asked) == asked


@pytest.mark.parametrize(
    "document", [{}, {"keys": []}, {"keys": "x"}, {"keys": [1, None, {"kty": "oct", "k": "AAAA"}]}]
)
def test_keys_that_cannot_check_a_signature_are_none(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    provider = FakeProvider()
    discovery = discovery_of(provider)
    discovery.provider()
    monkeypatch.setattr(provider, "get", lambda *_: document)
    with pytest.raises(SignOnRefused, match="no key that signs"):
        discovery.keys(None)


@pytest.mark.parametrize(
    ("url", "protected"),
    [
        ("https://id.city", True),
        ("http://localhost:8080", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://id.city", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://10.0.0.1", False),
        ("//id.city", False),
        ("https://", False),
        ("https://[", False),
        ("javascript:alert(1)", False),
    ],
)
def test_nobody_on_the_way_reads_what_is_sent_to_a_protected_address(url: str, protected: bool) -> None:
    assert is_protected(url) is protected
