"""Accounts of people whom an identity provider names: made once, followed, and never taken over."""

from dataclasses import replace
from typing import Final

import pytest
from sqlalchemy import Engine, text

from devices.people.accounts import Accounts
from devices.people.model import NameTaken, Person, Refused, Role, Visibility
from devices.people.provider_people import AccountDisabled, ProviderPeople, ProviderPerson
from devices.people.sessions import BadCredentials, Sessions
from devices.people.tokens import ApiToken, Tokens

pytestmark = pytest.mark.usefixtures("cheap_passwords")
T0: Final = 1_772_352_000_000
SHIFT: Final = 12 * 3_600_000
ZEZHOU: Final = Visibility(districts=frozenset({"zezhou"}))
LI: Final = ProviderPerson("https://id.city", "4711", "li.wei", "李伟", Role.OFFICER, ZEZHOU)


@pytest.fixture
def people(engine: Engine) -> ProviderPeople:
    return ProviderPeople(engine, SHIFT)


@pytest.fixture
def accounts(engine: Engine) -> Accounts:
    return Accounts(engine)


@pytest.fixture
def sessions(engine: Engine) -> Sessions:
    return Sessions(engine, SHIFT)


def test_the_first_time_makes_the_account_and_the_session(
    people: ProviderPeople, accounts: Accounts, sessions: Sessions
) -> None:
    signed_on = people.sign_in(LI, "the.id.token", T0)
    assert signed_on.is_new
    [account] = accounts.all()
    assert account == Person("li.wei", "李伟", Role.OFFICER, ZEZHOU, None, True, T0, T0, "https://id.city")
    found = sessions.find(signed_on.session.secret, T0 + SHIFT - 1)
    assert found is not None
    assert found.person == account
    assert sessions.find(signed_on.session.secret, T0 + SHIFT) is None
    assert sessions.end(signed_on.session.secret) == "the.id.token"


def test_each_time_the_role_of_now_holds_and_the_name_stays(
    people: ProviderPeople, accounts: Accounts, sessions: Sessions
) -> None:
    before = people.sign_in(LI, "token", T0).session
    renamed = replace(LI, name="li.w", display_name="李 伟", role=Role.VIEWER, visibility=Visibility())
    signed_on = people.sign_in(renamed, "token", T0 + 1)
    assert not signed_on.is_new
    [account] = accounts.all()
    assert (account.name, account.display_name, account.role) == ("li.wei", "李 伟", Role.VIEWER)
    assert account.visibility.is_whole
    found = sessions.find(before.secret, T0 + 1)
    assert found is not None
    assert found.person.role is Role.VIEWER, "in open sessions too"


def test_nobody_takes_over_an_account_by_a_name(people: ProviderPeople, accounts: Accounts, engine: Engine) -> None:
    accounts.add(Person("admin", "Admin", Role.ADMINISTRATOR, created_at=T0), "four words of a sentence")
    Tokens(engine).add(ApiToken("dispatch", Role.VIEWER, T0, "root", T0 + 1))
    people.sign_in(LI, "token", T0)
    for taker in (
        replace(LI, subject="666", name="admin"),
        replace(LI, subject="666", name="dispatch"),
        replace(LI, subject="666", name="li.wei"),
        replace(LI, issuer="https://other", name="li.wei"),
    ):
        with pytest.raises(NameTaken, match=taker.name):
            people.sign_in(taker, "token", T0)
    assert {one.name: one.issuer for one in accounts.all()} == {"admin": None, "li.wei": "https://id.city"}


def test_a_disabled_account_stays_disabled_whatever_the_provider_says(
    people: ProviderPeople, accounts: Accounts, sessions: Sessions
) -> None:
    session = people.sign_in(LI, "token", T0).session
    accounts.set_enabled("li.wei", False)
    with pytest.raises(AccountDisabled):
        people.sign_in(replace(LI, role=Role.ADMINISTRATOR, visibility=Visibility()), "token", T0)
    [account] = accounts.all()
    assert (account.enabled, account.role) == (False, Role.OFFICER)
    assert sessions.find(session.secret, T0) is None
    accounts.set_enabled("li.wei", True)
    assert not people.sign_in(LI, "token", T0).is_new


def test_who_lost_the_role_is_signed_out_everywhere(people: ProviderPeople, sessions: Sessions) -> None:
    desk, phone = (people.sign_in(LI, "token", T0).session for _ in range(2))
    other = people.sign_in(replace(LI, subject="4712", name="wang"), "token", T0).session
    assert people.withdraw("https://id.city", "nobody") is None
    assert people.withdraw(LI.issuer, LI.subject) == "li.wei"
    assert [sessions.find(one.secret, T0) is None for one in (desk, phone, other)] == [True, True, False]


@pytest.mark.parametrize("password", ["", "four words of a sentence"])
def test_such_an_account_has_no_password_and_gets_none(
    people: ProviderPeople, accounts: Accounts, sessions: Sessions, password: str
) -> None:
    people.sign_in(LI, "token", T0)
    with pytest.raises(Refused, match=r"https://id\.city"):
        accounts.set_password("li.wei", "four words of a sentence", T0)
    with pytest.raises(BadCredentials):
        sessions.sign_in("li.wei", password, T0)


def test_an_administrator_of_a_part_is_nobody(people: ProviderPeople, accounts: Accounts) -> None:
    with pytest.raises(Refused, match="whole city"):
        people.sign_in(replace(LI, role=Role.ADMINISTRATOR), "token", T0)
    assert accounts.all() == []


def test_sessions_of_passwords_have_no_token(accounts: Accounts, sessions: Sessions, engine: Engine) -> None:
    accounts.add(Person("wang", "Wang", Role.VIEWER, created_at=T0), "four words of a sentence")
    session = sessions.sign_in("wang", "four words of a sentence", T0)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id_token FROM person_session")).scalar_one() is None
    assert sessions.end(session.secret) is None
    assert sessions.end(session.secret) is None
