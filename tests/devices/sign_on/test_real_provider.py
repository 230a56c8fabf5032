"""The client and a certified OpenID provider, over TLS."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import pytest

from devices.access.certificates import Authority
from devices.sign_on.client import OidcClient, Registration
from devices.sign_on.discovery import Discovery
from devices.sign_on.exchange import Exchange
from devices.sign_on.model import Answer, SignOnFailure, SignOnRefused
from tests.closing import closed_later
from tests.servers import free_port
from tests.servers.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider, identity_provider

pytestmark = pytest.mark.real
HOME: Final = "http://127.0.0.1:9"
WANTED: Final = ("name", "preferred_username", "groups", "districts")


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    with identity_provider(tmp_path_factory.mktemp("provider"), HOME) as running:
        person = {"name": "李伟", "preferred_username": "li.wei", "groups": ["officers"], "districts": ["zezhou"]}
        running.know(**{"4711": person})
        yield running


def client_of(provider: IdentityProvider, *, secret: str = CLIENT_SECRET, ca_file: Path | None = None) -> OidcClient:
    exchange = closed_later(Exchange(ca_file or provider.ca_file))
    callback = f"{HOME}/api/v1/sign-on/callback"
    registration = Registration(CLIENT_ID, secret, "openid profile groups", callback, f"{HOME}/")
    return OidcClient(Discovery(provider.issuer, exchange), exchange, registration)


def answer_in(url: str) -> tuple[str, Answer]:
    query = dict(parse_qsl(urlsplit(url).query))
    return query["state"], Answer(query.get("code"), query.get("iss"), query.get("error"))


def test_who_signs_in_there_is_named_with_all_claims(provider: IdentityProvider) -> None:
    client = client_of(provider)
    url, pending = client.begin()
    state, answer = answer_in(provider.sign_in(url, "4711"))
    assert (state, answer.issuer) == (pending.state, provider.issuer)
    found = client.finish(pending, answer, WANTED)
    assert (found.issuer, found.subject) == (provider.issuer, "4711")
    assert {name: found.claims[name] for name in WANTED} == {
        "name": "李伟", "preferred_username": "li.wei", "groups": ["officers"], "districts": ["zezhou"],
    }  # fmt: skip
    with pytest.raises(SignOnRefused, match="invalid_grant"):
        client.finish(pending, answer, WANTED)  # the provider takes a code once
    assert (client.sign_out_url(found.id_token) or "").startswith(f"{provider.issuer}/session/end?id_token_hint=")


def test_the_code_of_another_attempt_is_refused_by_the_provider(provider: IdentityProvider) -> None:
    """PKCE: the verifier does not belong to the challenge."""
    client = client_of(provider)
    (url, _), (_, others) = client.begin(), client.begin()
    with pytest.raises(SignOnRefused, match="invalid_grant"):
        client.finish(others, answer_in(provider.sign_in(url, "4711"))[1], WANTED)


def test_a_token_of_another_attempt_is_refused_here(provider: IdentityProvider) -> None:
    client = client_of(provider)
    url, pending = client.begin()
    answer = answer_in(provider.sign_in(url, "4711"))[1]
    with pytest.raises(SignOnRefused, match="ID token"):
        client.finish(replace(pending, nonce="of another attempt"), answer, WANTED)


def test_a_wrong_secret_is_the_operators_fault(provider: IdentityProvider) -> None:
    client = client_of(provider, secret="wrong")
    url, pending = client.begin()
    with pytest.raises(SignOnRefused) as refused:
        client.finish(pending, answer_in(provider.sign_in(url, "4711"))[1], WANTED)
    assert refused.value.failure is SignOnFailure.AWAY


def test_a_provider_whose_certificate_nobody_vouches_for_is_not_asked(
    provider: IdentityProvider, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_text(Authority.create(datetime.now(UTC)).own.certificate)
    for ca_file in (other, Path("/etc/ssl/certs/ca-certificates.crt")):
        if not ca_file.exists():
            continue
        with pytest.raises(SignOnRefused, match="CERTIFICATE_VERIFY_FAILED") as refused:
            client_of(provider, ca_file=ca_file).begin()
        assert refused.value.failure is SignOnFailure.AWAY


def test_a_provider_under_another_name_than_its_own_is_not_believed(provider: IdentityProvider) -> None:
    exchange = closed_later(Exchange(provider.ca_file))
    by_address = provider.issuer.replace("localhost", "127.0.0.1")
    with pytest.raises(SignOnRefused, match=f"is that of '{provider.issuer}'"):
        Discovery(by_address, exchange).provider()


def test_a_provider_that_is_away_is_said_so(provider: IdentityProvider) -> None:
    with pytest.raises(SignOnRefused) as refused:
        client_of(replace(provider, port=free_port())).begin()
    assert refused.value.failure is SignOnFailure.AWAY
