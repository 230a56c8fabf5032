"""What is believed of a provider's answer, and what is not: tokens made by hand, and answers of another provider."""

import base64
import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

import pytest
from joserfc.jwk import ECKey, RSAKey

from devices.sign_on.client import MAX_AGE_S, MAX_TOKEN_CHARS, SKEW_S
from devices.sign_on.discovery import ALIVE_S
from devices.sign_on.model import SignOnFailure, SignOnRefused
from tests.devices.sign_on.fake_provider import (
    CLIENT_ID,
    HOME,
    ISSUER,
    LI,
    NOW,
    OWN_KEY,
    Clock,
    FakeProvider,
    came_back,
    client_of,
    segment,
    signed,
    signed_on,
)

STRANGER: Final = ECKey.generate_key("P-256", {"kid": "one"})
Claims = dict[str, Any]


def failure_of(provider: FakeProvider, **options: Any) -> SignOnFailure:
    with pytest.raises(SignOnRefused) as refused:
        signed_on(provider, client_of(provider), **options)
    return refused.value.failure


def test_who_signs_in_at_the_provider_is_who_its_token_names() -> None:
    provider = FakeProvider()
    found = signed_on(provider, client_of(provider))
    assert (found.issuer, found.subject, found.claims["name"]) == (ISSUER, "4711", "李伟")
    assert provider.asked == ["/.well-known/openid-configuration", "/token", "/jwks"]


def unsigned(claims: Claims) -> str:
    return f"{segment({'alg': 'none'})}.{segment(claims)}."


def hmac_of(secret: bytes) -> Callable[[Claims], str]:
    """A token whose key everybody, or this server, has."""

    def forged(claims: Claims) -> str:
        start = f"{segment({'alg': 'HS256', 'kid': 'one'})}.{segment(claims)}"
        digest = hmac.digest(secret, start.encode(), sha256)
        return f"{start}.{segment_of(digest)}"

    return forged


def segment_of(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def with_own_key(claims: Claims) -> str:
    """The header brings the key that the token is signed with."""
    return signed(claims, STRANGER, jwk=STRANGER.as_dict(private=False))


def changed_afterwards(claims: Claims) -> str:
    start, _, signature = signed(claims, OWN_KEY).split(".")
    return f"{start}.{segment(claims | {'sub': 'another'})}.{signature}"


FORGED: Final = {
    "signed by a stranger's key of the same name": lambda claims: signed(claims, STRANGER),
    "signed by a key that the provider does not have": lambda claims: signed(claims, STRANGER, kid="other"),
    "with a key of its own": with_own_key,
    "with an address of keys": lambda claims: signed(claims, STRANGER, jku="https://evil.example/jwks", kid="x"),
    "not signed": unsigned,
    "not signed, in other letters": lambda claims: unsigned(claims).replace(
        segment({"alg": "none"}), segment({"alg": "nOnE"})
    ),
    "signature left out": lambda claims: signed(claims, OWN_KEY).rpartition(".")[0] + ".",
    "signed with the public key as a secret": hmac_of(OWN_KEY.as_pem(private=False)),
    "signed with the client's secret": hmac_of(b"secret"),
    "changed after it was signed": changed_afterwards,
    "no token": lambda _: "nothing",
    "empty": lambda _: "",
    "no object": lambda _: f"{segment({'alg': 'ES256', 'kid': 'one'})}.{segment([1])}.{'A' * 86}",
    "too long": lambda claims: signed(claims | {"more": "x" * MAX_TOKEN_CHARS}, OWN_KEY),
    "not a text": lambda _: 4711,
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_not_believed(forged: Callable[[Claims], str]) -> None:
    provider = FakeProvider()
    provider.forged = forged
    assert failure_of(provider) is SignOnFailure.INVALID


def removed(name: str) -> Callable[[Claims], object]:
    return lambda claims: claims.pop(name)


def changed(**values: Any) -> Callable[[Claims], object]:
    return lambda claims: claims.update(values)


WRONG: Final = {
    "another issuer": changed(iss="https://evil.example"),
    "the issuer with a slash": changed(iss=f"{ISSUER}/"),
    "no issuer": removed("iss"),
    "for another client": changed(aud="another"),
    "for several others": changed(aud=["another", "third"]),
    "for us among others, to nobody": changed(aud=[CLIENT_ID, "another"]),
    "for us, to another": changed(azp="another"),
    "for nobody": removed("aud"),
    "for an empty list": changed(aud=[]),
    "of another attempt": changed(nonce="another"),
    "of no attempt": removed("nonce"),
    "of an empty attempt": changed(nonce=""),
    "of a number": changed(nonce=4711),
    "over": changed(exp=NOW - SKEW_S),
    "without an end": removed("exp"),
    "with an end in words": changed(exp="never"),
    "with an end that is no number": changed(exp=float("nan")),
    "not yet valid": changed(nbf=NOW + SKEW_S + 1),
    "of the future": changed(iat=NOW + SKEW_S + 1),
    "of the past": changed(iat=NOW - MAX_AGE_S - SKEW_S - 1),
    "of no time": removed("iat"),
    "of nobody": removed("sub"),
    "of an empty name": changed(sub=""),
    "of a number as a name": changed(sub=4711),
    "of a name too long": changed(sub="x" * 256),
    "of a name that no database takes": changed(sub="47\x0011"),
    "with another access token": changed(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_a_token_made_for_another_time_place_or_person_is_not_believed(change: Callable[[Claims], object]) -> None:
    provider = FakeProvider()
    provider.changed = change
    assert failure_of(provider) is SignOnFailure.INVALID


@pytest.mark.parametrize(
    "change",
    [
        changed(exp=NOW - SKEW_S + 1),
        changed(iat=NOW + SKEW_S),
        changed(nbf=NOW + SKEW_S),
        changed(iat=NOW - MAX_AGE_S - SKEW_S),
        changed(aud=[CLIENT_ID]),
        changed(aud=[CLIENT_ID, "another"], azp=CLIENT_ID),
    ],
)
def test_clocks_may_differ_by_a_minute_and_several_may_be_meant(change: Callable[[Claims], object]) -> None:
    """The oracle of the tests above: at the other side of each bound the same token is believed."""
    provider = FakeProvider()
    provider.changed = change
    assert signed_on(provider, client_of(provider)).subject == "4711"


def test_a_code_is_redeemed_once_and_with_the_verifier_of_its_attempt_only() -> None:
    provider = FakeProvider()
    client = client_of(provider)
    url, pending = client.begin()
    query = provider.authorise(url)
    assert came_back(client, pending, query).subject == "4711"
    with pytest.raises(SignOnRefused, match="invalid_grant"):
        came_back(client, pending, query)

    (url, own), (_, others) = client.begin(), client.begin()
    assert len({own.state, own.nonce, own.verifier, others.state, others.nonce, others.verifier}) == 6
    with pytest.raises(SignOnRefused, match="invalid_grant"):
        came_back(client, others, provider.authorise(url))


def test_a_code_of_another_attempt_with_the_right_verifier_has_the_wrong_nonce() -> None:
    """A stolen code that is put into the victim's answer: the token was made for another attempt."""
    provider = FakeProvider()
    provider.changed = changed(nonce="of the thief")
    assert failure_of(provider) is SignOnFailure.INVALID


@pytest.mark.parametrize("issuer", ["https://evil.example", "", None])
def test_an_answer_of_another_provider_is_not_redeemed_here(issuer: str | None) -> None:
    """Mix-up (RFC 9207): nothing is sent to the token endpoint."""
    provider = FakeProvider()
    client = client_of(provider)
    url, pending = client.begin()
    query = provider.authorise(url)
    del query["iss"]
    query |= {} if issuer is None else {"iss": issuer}
    with pytest.raises(SignOnRefused) as refused:
        came_back(client, pending, query)
    assert refused.value.failure is SignOnFailure.INVALID
    assert "/token" not in provider.asked


def test_a_provider_that_does_not_name_itself_may_leave_that_out_and_may_not_name_another() -> None:
    provider = FakeProvider()
    del provider.document["authorization_response_iss_parameter_supported"]
    client = client_of(provider)
    for issuer, is_believed in ((None, True), ("https://evil.example", False)):
        url, pending = client.begin()
        query = {"code": provider.authorise(url)["code"]} | ({"iss": issuer} if issuer else {})
        if is_believed:
            assert came_back(client, pending, query).subject == "4711"
        else:
            with pytest.raises(SignOnRefused, match="issuer"):
                came_back(client, pending, query)


@pytest.mark.parametrize("query", [{"error": "access_denied"}, {"error": "x" * 9_000, "code": "c"}, {}])
def test_a_provider_that_says_no_is_asked_nothing(query: dict[str, str]) -> None:
    provider = FakeProvider()
    client = client_of(provider)
    _, pending = client.begin()
    with pytest.raises(SignOnRefused) as refused:
        came_back(client, pending, query | {"iss": ISSUER})
    assert refused.value.failure is SignOnFailure.REFUSED
    assert len(str(refused.value)) < 200
    assert "/token" not in provider.asked


def test_claims_that_the_token_lacks_come_from_userinfo_of_the_same_person() -> None:
    provider = FakeProvider()
    provider.person = {"sub": "4711", "name": "李伟 of the token"}
    found = signed_on(provider, client_of(provider), wanted=("name", "groups"))
    assert (found.claims["groups"], found.claims["name"]) == (["officers"], "李伟 of the token")
    provider.userinfo = LI | {"sub": "another"}
    assert failure_of(provider, wanted=("groups",)) is SignOnFailure.INVALID


def test_userinfo_is_not_asked_for_what_the_token_has() -> None:
    provider = FakeProvider()
    signed_on(provider, client_of(provider), wanted=("groups", "name"))
    assert "/me" not in provider.asked


def test_new_keys_of_the_provider_are_read_once_a_token_names_one_of_them() -> None:
    provider, clock = FakeProvider(), Clock()
    client = client_of(provider, clock)
    signed_on(provider, client)
    new = ECKey.generate_key("P-256", {"kid": "two", "alg": "ES256"})
    provider.published, provider.key = [OWN_KEY, new], new
    clock.now += 5
    with pytest.raises(SignOnRefused):
        signed_on(provider, client)
    assert provider.asked.count("/jwks") == 1, "a token can name any key: they are not asked for again at once"
    clock.now += 6
    assert signed_on(provider, client).subject == "4711"
    signed_on(provider, client)
    assert provider.asked.count("/jwks") == 2


def test_a_key_for_encryption_or_of_a_kind_that_is_not_used_keeps_no_other_from_being_used() -> None:
    provider = FakeProvider()
    for_encryption = RSAKey.generate_key(2048, {"kid": "enc", "use": "enc"})
    provider.published = [for_encryption, OWN_KEY]
    assert signed_on(provider, client_of(provider)).subject == "4711"


def test_nobody_is_sent_to_a_provider_that_is_away_and_who_is_there_can_still_come_back() -> None:
    provider, clock = FakeProvider(), Clock()
    client = client_of(provider, clock)
    url, pending = client.begin()
    query = provider.authorise(url)
    clock.now += ALIVE_S
    document, provider.document = provider.document, {}
    with pytest.raises(SignOnRefused) as refused:
        client.begin()
    assert refused.value.failure is SignOnFailure.AWAY
    assert came_back(client, pending, query).subject == "4711", "what the document said holds for an hour"
    provider.document = document
    clock.now += 6
    assert client.begin()


def test_a_wrong_secret_is_the_operators_fault_and_not_the_persons() -> None:
    provider = FakeProvider()
    client = client_of(provider)
    url, pending = client.begin()
    query = provider.authorise(url)
    provider.post = lambda *_: (401, {"error": "invalid_client"})  # type: ignore[method-assign]
    with pytest.raises(SignOnRefused) as refused:
        came_back(client, pending, query)
    assert refused.value.failure is SignOnFailure.AWAY


def test_signing_out_goes_to_the_provider_if_it_has_a_page_for_that() -> None:
    provider = FakeProvider()
    assert client_of(provider).sign_out_url("the.id.token") == (
        f"{ISSUER}/end?id_token_hint=the.id.token&client_id={CLIENT_ID}"
        f"&post_logout_redirect_uri={HOME.replace(':', '%3A').replace('/', '%2F')}%2F"
    )
    del provider.document["end_session_endpoint"]
    assert client_of(provider).sign_out_url("the.id.token") is None
