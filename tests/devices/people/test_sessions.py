"""Signing in, staying signed in, and being locked out, as stories with times."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from argon2.low_level import Type, verify_secret
from sqlalchemy import Engine, text

from devices.people.accounts import Accounts
from devices.people.model import NameTaken, Person, Refused, Role, UnknownPerson, Visibility, sign_in_name
from devices.people.passwords import is_password
from devices.people.sessions import BadCredentials, Sessions
from devices.people.sign_in_failures import LockedOut, place_of

pytestmark = pytest.mark.usefixtures("cheap_passwords")
T0 = 1_772_352_000_000
MINUTE, HOUR = 60_000, 3_600_000
PASSWORD = "渣土 four words of it"
ZEZHOU = Visibility(districts=frozenset({"zezhou"}))


@pytest.fixture
def accounts(engine: Engine) -> Accounts:
    accounts = Accounts(engine)
    accounts.add(Person("li.wei", "李伟", Role.OFFICER, ZEZHOU, created_at=T0), PASSWORD)
    return accounts


@pytest.fixture
def sessions(engine: Engine, accounts: Accounts) -> Sessions:
    return Sessions(engine, lifetime_ms=12 * HOUR)


def stored(engine: Engine, query: str) -> list[str]:
    with engine.connect() as connection:
        return [str(row[0]) for row in connection.execute(text(query))]


def test_a_shift_long_a_person_is_signed_in(sessions: Sessions) -> None:
    session = sessions.sign_in(" Li.Wei ", PASSWORD, T0)
    assert session.expires_at == T0 + 12 * HOUR
    found = sessions.find(session.secret, T0 + 12 * HOUR - 1)
    assert found is not None
    assert (found.person.name, found.person.role, found.person.visibility) == ("li.wei", Role.OFFICER, ZEZHOU)
    assert found.csrf_token == session.csrf_token != session.secret
    assert sessions.find(session.secret, T0 + 12 * HOUR) is None
    assert sessions.find(session.secret + "x", T0) is None


def test_of_several_secrets_those_that_are_signed_in_are_found(accounts: Accounts, sessions: Sessions) -> None:
    accounts.add(Person("wang.fang", "王芳", Role.VIEWER, created_at=T0), PASSWORD)
    first, second = (sessions.sign_in(name, PASSWORD, T0) for name in ("li.wei", "wang.fang"))
    asked = [first.secret, second.secret, "no secret"]
    assert sessions.find_all(asked, T0) == {first.secret: first, second.secret: second}
    accounts.set_enabled("wang.fang", enabled=False)
    assert sessions.find_all(asked, T0) == {first.secret: first}
    assert sessions.find_all([], T0) == {}


def while_checked(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Let something happen between the look at a password and what follows from it."""

    def checked(password: str, password_hash: str | None) -> bool:
        found = is_password(password, password_hash)
        meanwhile()
        return found

    monkeypatch.setattr("devices.people.sessions.is_password", checked)


def test_a_password_that_is_replaced_while_it_is_checked_begins_no_session(
    accounts: Accounts, sessions: Sessions, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_checked(monkeypatch, lambda: accounts.set_password("li.wei", "another sentence", T0))
    with pytest.raises(BadCredentials):
        sessions.sign_in("li.wei", PASSWORD, T0)
    assert stored(engine, "SELECT secret_hash FROM person_session") == []


def test_who_is_disabled_while_the_password_is_checked_has_no_session_when_enabled_again(
    accounts: Accounts, sessions: Sessions, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_checked(monkeypatch, lambda: accounts.set_enabled("li.wei", False))
    with pytest.raises(BadCredentials):
        sessions.sign_in("li.wei", PASSWORD, T0)
    assert stored(engine, "SELECT secret_hash FROM person_session") == []


def test_of_two_changes_of_a_password_at_once_one_holds_and_the_other_is_refused(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks = [sessions.sign_in("li.wei", PASSWORD, T0) for _ in range(2)]
    while_checked(monkeypatch, Barrier(2).wait)

    def change(number: int) -> type[Exception] | None:
        try:
            sessions.change_password(desks[number], PASSWORD, f"sentence number {number}", T0)
        except BadCredentials as exc:
            return type(exc)
        return None

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(change, range(2)))
    monkeypatch.undo()
    assert sorted(map(str, outcomes)) == sorted(map(str, [None, BadCredentials]))
    winner = outcomes.index(None)
    assert sessions.sign_in("li.wei", f"sentence number {winner}", T0).person.name == "li.wei"
    assert sessions.find(desks[winner].secret, T0) is not None
    assert sessions.find(desks[1 - winner].secret, T0) is None


def test_nothing_that_lets_in_is_in_the_database(engine: Engine, sessions: Sessions) -> None:
    secret = sessions.sign_in("li.wei", PASSWORD, T0).secret
    assert stored(engine, "SELECT secret_hash FROM person_session") == [hashlib.sha256(secret.encode()).hexdigest()]
    [hashed] = stored(engine, "SELECT password_hash FROM person")
    assert verify_secret(hashed.encode(), PASSWORD.encode(), Type.ID)


def test_signing_out_ends_one_session(sessions: Sessions) -> None:
    desk, phone = (sessions.sign_in("li.wei", PASSWORD, T0) for _ in range(2))
    sessions.end(desk.secret)
    assert sessions.find(desk.secret, T0) is None
    assert sessions.find(phone.secret, T0) is not None


def test_a_disabled_person_is_out_at_once_and_cannot_come_back(accounts: Accounts, sessions: Sessions) -> None:
    session = sessions.sign_in("li.wei", PASSWORD, T0)
    accounts.set_enabled("li.wei", False)
    assert sessions.find(session.secret, T0) is None
    with pytest.raises(BadCredentials):
        sessions.sign_in("li.wei", PASSWORD, T0)
    accounts.set_enabled("li.wei", True)
    assert sessions.find(session.secret, T0) is None
    assert sessions.sign_in("li.wei", PASSWORD, T0).person.name == "li.wei"


def test_another_role_holds_in_an_open_session(accounts: Accounts, sessions: Sessions) -> None:
    session = sessions.sign_in("li.wei", PASSWORD, T0)
    accounts.set_role("li.wei", Role.VIEWER, Visibility(hauliers=frozenset({"danhe"})))
    found = sessions.find(session.secret, T0)
    assert found is not None
    assert found.person.role is Role.VIEWER
    assert found.person.visibility == Visibility(hauliers=frozenset({"danhe"}))


def test_a_changed_password_ends_the_other_sessions(sessions: Sessions) -> None:
    desk, phone = (sessions.sign_in("li.wei", PASSWORD, T0) for _ in range(2))
    with pytest.raises(BadCredentials):
        sessions.change_password(desk, "not this one, certainly", "another sentence", T0)
    sessions.change_password(desk, PASSWORD, "another sentence", T0)
    assert sessions.find(desk.secret, T0) is not None
    assert sessions.find(phone.secret, T0) is None
    with pytest.raises(BadCredentials):
        sessions.sign_in("li.wei", PASSWORD, T0)
    assert sessions.sign_in("li.wei", "another sentence", T0).person.name == "li.wei"


@pytest.mark.parametrize("name", ["li.wei", "nobody"])
def test_after_five_failures_each_further_one_locks_for_twice_as_long_whether_the_name_exists_or_not(
    sessions: Sessions, name: str
) -> None:
    for second in range(4):
        with pytest.raises(BadCredentials):
            sessions.sign_in(name, "wrong wrong wrong", T0 + second * 1_000)
    now = T0 + 4_000
    for minutes in (1, 2, 4, 8, 15, 15):
        with pytest.raises(BadCredentials):
            sessions.sign_in(name, "wrong wrong wrong", now)
        with pytest.raises(LockedOut) as refused:
            sessions.sign_in(name, PASSWORD, now + 1_000)
        assert refused.value.retry_after_s == 60 * minutes - 1
        with pytest.raises(LockedOut):
            sessions.sign_in(name, PASSWORD, now + minutes * MINUTE - 1)
        now += minutes * MINUTE
    if name == "li.wei":
        assert sessions.sign_in(name, PASSWORD, now).person.name == "li.wei"
        with pytest.raises(BadCredentials):
            sessions.sign_in(name, "wrong wrong wrong", now)
        assert sessions.sign_in(name, PASSWORD, now).person.name == "li.wei", "the failures before are forgotten"


def fail(sessions: Sessions, place: str, now: int = T0) -> None:
    with pytest.raises(BadCredentials):
        sessions.sign_in("li.wei", "wrong wrong wrong", now, place)


def test_a_stranger_locks_himself_out_and_not_the_person(sessions: Sessions) -> None:
    for _ in range(5):
        fail(sessions, "10.0.0.66")
    with pytest.raises(LockedOut):
        sessions.sign_in("li.wei", PASSWORD, T0, "10.0.0.66")
    assert sessions.sign_in("li.wei", PASSWORD, T0, "10.0.0.7").person.name == "li.wei"
    with pytest.raises(LockedOut):
        sessions.sign_in("li.wei", PASSWORD, T0, "10.0.0.66")


def test_guesses_from_many_places_lock_a_name_but_where_the_person_signs_in_from(sessions: Sessions) -> None:
    desk = sessions.sign_in("li.wei", PASSWORD, T0, "10.0.0.7")
    for number in range(25):
        fail(sessions, f"10.9.0.{number}")
    with pytest.raises(LockedOut):
        sessions.sign_in("li.wei", PASSWORD, T0, "10.9.9.9")
    assert sessions.sign_in("li.wei", PASSWORD, T0, "10.0.0.7").person.name == "li.wei"
    assert sessions.sign_in("li.wei", PASSWORD, T0, "10.9.9.9", desk).person.name == "li.wei"
    with pytest.raises(LockedOut):
        sessions.sign_in("li.wei", PASSWORD, T0, "10.9.9.9")
    for number in range(1, 4):
        fail(sessions, f"10.8.0.{number}", T0 + 30 * number * MINUTE)
    day = 24 * HOUR
    assert sessions.sign_in("li.wei", PASSWORD, T0 + 3 * day, "10.9.9.9").person.name == "li.wei"


def test_a_place_is_ones_own_for_ninety_days(sessions: Sessions) -> None:
    day = 24 * HOUR
    sessions.sign_in("li.wei", PASSWORD, T0, "10.0.0.7")
    for now, locked in ((T0 + 90 * day - 1, False), (T0 + 180 * day, True)):
        for number in range(25):
            fail(sessions, f"10.9.0.{number}", now)
        if locked:
            with pytest.raises(LockedOut):
                sessions.sign_in("li.wei", PASSWORD, now, "10.0.0.7")
        else:
            assert sessions.sign_in("li.wei", PASSWORD, now, "10.0.0.7").person.name == "li.wei"


def test_of_places_one_has_signed_in_from_the_newest_are_kept(sessions: Sessions, engine: Engine) -> None:
    for number in range(30):
        sessions.sign_in("li.wei", PASSWORD, T0 + number, f"10.0.0.{number}")
    assert sorted(stored(engine, "SELECT place FROM known_place")) == sorted(f"10.0.0.{n}" for n in range(10, 30))


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix:socket", "unix:socket"),
    ],
)
def test_a_place_is_an_address_or_the_network_of_one_site(address: str, place: str) -> None:
    assert place_of(address) == place


def test_wrong_old_passwords_in_a_session_lock_that_session_only(sessions: Sessions) -> None:
    desk = sessions.sign_in("li.wei", PASSWORD, T0, "10.0.0.7")
    for _ in range(5):
        with pytest.raises(BadCredentials):
            sessions.change_password(desk, "wrong wrong wrong", "another sentence", T0)
    with pytest.raises(LockedOut):
        sessions.change_password(desk, PASSWORD, "another sentence", T0)
    assert sessions.sign_in("li.wei", PASSWORD, T0, "10.0.0.7").person.name == "li.wei"


def test_a_right_password_forgets_the_wrong_ones(sessions: Sessions) -> None:
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(BadCredentials):
                sessions.sign_in("li.wei", "wrong wrong wrong", T0)
        assert sessions.sign_in("li.wei", PASSWORD, T0).person.name == "li.wei"


def test_a_new_password_unlocks(accounts: Accounts, sessions: Sessions) -> None:
    for _ in range(5):
        with pytest.raises(BadCredentials):
            sessions.sign_in("li.wei", "wrong wrong wrong", T0)
    accounts.set_password("li.wei", "a fresh sentence", T0)
    assert sessions.sign_in("li.wei", "a fresh sentence", T0).person.name == "li.wei"


def test_guesses_at_the_same_time_do_not_get_past_the_lock(sessions: Sessions) -> None:
    def guess(number: int) -> type[Exception] | None:
        try:
            sessions.sign_in("li.wei", f"wrong guess number {number}", T0)
        except (BadCredentials, LockedOut) as exc:
            return type(exc)
        return None

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(guess, range(12)))
    assert outcomes.count(BadCredentials) == 5
    assert outcomes.count(LockedOut) == 7


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("short", "12 to 256"),
        ("x" * 257, "12 to 256"),
        ("aaaaaaaaaaaaaaaa", "repeated"),
        ("wang.xiaoming", "the name"),
        ("\udcff\udcfe0123456789ab", "UTF-8"),
    ],
)
def test_a_weak_password_is_refused(accounts: Accounts, password: str, fault: str) -> None:
    with pytest.raises(Refused, match=fault):
        accounts.add(Person("wang.xiaoming", "王小明", Role.VIEWER), password)
    assert [one.name for one in accounts.all()] == ["li.wei"]


def test_names_are_unique_and_known(accounts: Accounts) -> None:
    with pytest.raises(NameTaken, match=r"li\.wei"):
        accounts.add(Person("li.wei", "Another", Role.VIEWER), PASSWORD)
    with pytest.raises(UnknownPerson, match="wang"):
        accounts.set_enabled("wang", False)
    with pytest.raises(Refused, match="whole city"):
        accounts.set_role("li.wei", Role.ADMINISTRATOR, ZEZHOU)


@pytest.mark.parametrize("name", ["", "li wei", "李伟", "a" * 65, ".li", "li\x00"])
def test_a_name_that_cannot_be_typed_everywhere_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="a-z"):
        sign_in_name(name)


@pytest.mark.parametrize("name", ["anonymous", "Haulwatch", "api-token", "api-read-token", "unknown"])
def test_a_name_that_stands_for_haulwatch_itself_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="itself"):
        sign_in_name(name)
