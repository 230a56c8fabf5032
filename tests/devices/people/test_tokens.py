"""Tokens of machines, as stories with times."""

import hashlib

import pytest
from sqlalchemy import Engine, text

from devices.people.accounts import Accounts
from devices.people.model import NameTaken, Person, Refused, Role, Visibility
from devices.people.tokens import ApiToken, Tokens, UnknownToken

pytestmark = pytest.mark.usefixtures("cheap_passwords")
T0 = 1_772_352_000_000
DAY = 86_400_000
DISPATCH = ApiToken("dispatch", Role.OPERATOR, T0, "root", T0 + 90 * DAY, Visibility(hauliers=frozenset({"danhe"})))


@pytest.fixture
def tokens(engine: Engine) -> Tokens:
    return Tokens(engine)


def test_a_token_holds_until_its_end_with_its_role_and_limits(tokens: Tokens) -> None:
    assert not tokens.exist()
    secret = tokens.add(DISPATCH)
    assert tokens.exist()
    assert tokens.find(secret, T0 + 90 * DAY - 1) == DISPATCH
    assert tokens.find(secret, T0 + 90 * DAY) is None
    for wrong in ("", "hwt_", secret[:-1], secret + "x", secret.removeprefix("hwt_")):
        assert tokens.find(wrong, T0) is None


def test_only_a_hash_is_kept(engine: Engine, tokens: Tokens) -> None:
    secret = tokens.add(DISPATCH)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM api_token")).mappings().one()
    assert row["secret_hash"] == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(dict(row))
    assert len(secret) >= 40


def test_a_revoked_token_holds_no_more_and_stays_listed(tokens: Tokens) -> None:
    secret = tokens.add(DISPATCH)
    tokens.revoke("dispatch", T0 + DAY)
    tokens.revoke("dispatch", T0 + 2 * DAY)
    assert tokens.find(secret, T0) is None
    assert [one.revoked_at for one in tokens.all()] == [T0 + DAY]
    with pytest.raises(UnknownToken, match="another"):
        tokens.revoke("another", T0)


def test_no_token_bears_the_name_of_a_person_and_no_person_that_of_a_token(engine: Engine, tokens: Tokens) -> None:
    accounts = Accounts(engine)
    accounts.add(Person("li.wei", "李伟", Role.VIEWER), "four words of a sentence")
    tokens.add(DISPATCH)
    for name in ("li.wei", "dispatch"):
        with pytest.raises(NameTaken, match=name):
            tokens.add(ApiToken(name, Role.VIEWER, T0, "root", T0 + DAY))
    with pytest.raises(NameTaken, match="dispatch"):
        accounts.add(Person("dispatch", "Dispatch", Role.VIEWER), "four words of a sentence")


def test_a_token_that_cannot_be_is_refused(tokens: Tokens) -> None:
    with pytest.raises(Refused, match="end"):
        tokens.add(ApiToken("x", Role.VIEWER, T0, "root", T0))
    with pytest.raises(Refused, match="whole city"):
        tokens.add(ApiToken("x", Role.ADMINISTRATOR, T0, "root", T0 + DAY, DISPATCH.visibility))
    assert tokens.all() == []
