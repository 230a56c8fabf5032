"""Sessions: who is signed in, by the secret that the browser holds in a cookie. Only a hash of it is kept.

BadCredentials   name and password do not belong together, or the account is disabled
LockedOut        too many failures (devices.people.sign_in_failures)
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, insert, select, update

from devices.db.database import transaction
from devices.people.accounts import person_of
from devices.people.model import PeopleError, Person
from devices.people.passwords import check_password, hash_password, is_password
from devices.people.sign_in_failures import begin_attempt, succeed
from devices.people.tables import person, person_session

_SECRET_BYTES: Final = 32


class BadCredentials(PeopleError):
    """Name and password do not belong together, or the account is disabled."""

    def __init__(self) -> None:
        super().__init__("name and password do not belong together, or the account is disabled")


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is signed in."""

    person: Person
    expires_at: int
    """Wall clock, ms."""
    secret: str = field(repr=False)

    @property
    def csrf_token(self) -> str:
        """What a page has to send with each change: another site's page can send the cookie, but cannot read this."""
        return urlsafe_b64encode(hmac.digest(self.secret.encode(), b"csrf", "sha256")).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class _Checked:
    """A person whose password was right, and the hash that it was checked with."""

    person: Person
    password_hash: str = field(repr=False)


class Sessions:
    """All sessions. Every method raises DatabaseError. Checking a password takes some 60 ms of a core and 64 MiB."""

    def __init__(self, engine: Engine, lifetime_ms: int) -> None:
        self._engine = engine
        self._lifetime_ms = lifetime_ms

    def close(self) -> None:
        self._engine.dispose()

    def sign_in(self, name: str, password: str, now: int, place: str = "", earlier: Session | None = None) -> Session:
        """Begin a session. Raises BadCredentials, LockedOut.

        `place`: where the request comes from, as `place_of` names it; `earlier`: the session of this browser, whose
        person no stranger locks out.
        """
        name = name.strip().lower()[:64]
        is_own = earlier is not None and earlier.person.name == name
        where = _of_session(earlier.secret) if earlier is not None and is_own else place
        checked = self._checked(name, password, now, where, is_own=is_own)
        found = checked.person
        session = Session(found, now + self._lifetime_ms, secrets.token_urlsafe(_SECRET_BYTES))
        with transaction(self._engine) as connection:
            _hold(connection, checked, {"password_changed_at": found.password_changed_at})
            connection.execute(delete(person_session).where(person_session.c.expires_at <= now))
            connection.execute(insert(person_session).values(session_values(session, now)))
        return session

    def find(self, secret: str, now: int) -> Session | None:
        """The session of this secret, unless it is over or the account was disabled. One indexed read."""
        return self.find_all([secret], now).get(secret)

    def find_all(self, secrets: Collection[str], now: int) -> dict[str, Session]:
        """As `find`, of several secrets in one read; those without a session are left out."""
        by_hash = {_hash(secret): secret for secret in secrets}
        query = (
            select(person, person_session.c.expires_at, person_session.c.secret_hash)
            .join(person_session, person_session.c.person == person.c.name)
            .where(person_session.c.secret_hash.in_(by_hash), person_session.c.expires_at > now)
            .where(person.c.enabled)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        found = ((by_hash[row["secret_hash"]], row) for row in rows)
        return {secret: Session(person_of(row), row["expires_at"], secret) for secret, row in found}

    def end(self, secret: str) -> str | None:
        """Return the token with which the identity provider named the person, if one did."""
        ended = delete(person_session).where(person_session.c.secret_hash == _hash(secret))
        with transaction(self._engine) as connection:
            id_token: str | None = connection.execute(ended.returning(person_session.c.id_token)).scalar_one_or_none()
        return id_token

    def change_password(self, session: Session, old: str, new: str, now: int) -> None:
        """Replace the person's password and end the other sessions. Raises BadCredentials, LockedOut, Refused."""
        name = session.person.name
        check_password(new, name)
        checked = self._checked(name, old, now, _of_session(session.secret), is_own=True)
        values = {"password_hash": hash_password(new), "password_changed_at": now}
        others = (person_session.c.person == name) & (person_session.c.secret_hash != _hash(session.secret))
        with transaction(self._engine) as connection:
            _hold(connection, checked, values)
            connection.execute(delete(person_session).where(others))

    def _checked(self, name: str, password: str, now: int, place: str, *, is_own: bool) -> _Checked:
        """The person with this password. Raises BadCredentials, LockedOut."""
        with transaction(self._engine) as connection:
            begin_attempt(connection, name, place, now, is_own=is_own)
            row = connection.execute(select(person).where(person.c.name == name)).mappings().one_or_none()
        found = row if row is not None and row["enabled"] else None
        if not is_password(password, None if found is None else found["password_hash"]) or found is None:
            raise BadCredentials
        with transaction(self._engine) as connection:
            succeed(connection, name, place, now, is_own=is_own)
        return _Checked(person_of(found), found["password_hash"])


def _hold(connection: Connection, checked: _Checked, values: Mapping[str, Any]) -> None:
    """Write to the account, which holds it until the transaction ends.

    Raises BadCredentials if the password was replaced or the account disabled since it was checked: else a session
    could begin after the one who replaced the password had ended all sessions.
    """
    same = (person.c.name == checked.person.name) & (person.c.password_hash == checked.password_hash) & person.c.enabled
    if not connection.execute(update(person).where(same).values(values)).rowcount:
        raise BadCredentials


def session_values(session: Session, now: int) -> dict[str, Any]:
    """The columns of a session that begins."""
    return {
        "secret_hash": _hash(session.secret),
        "person": session.person.name,
        "created_at": now,
        "expires_at": session.expires_at,
    }


def _of_session(secret: str) -> str:
    """The place of a browser in which somebody is signed in."""
    return f"session {_hash(secret)[:32]}"


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
