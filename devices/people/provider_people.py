"""Accounts of people whom an identity provider names: made when they first sign in, and changed each time they do.

AccountDisabled   the account is disabled, and stays so whatever the provider says
NameTaken         another account, or a token, has the name (devices.people.model)
"""

import secrets
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from devices.db.database import transaction
from devices.people.accounts import person_of, role_values
from devices.people.model import NameTaken, PeopleError, Role, Visibility, check_limits
from devices.people.sessions import Session, session_values
from devices.people.tables import api_token, person, person_session

_NO_PASSWORD: Final = ""
"""No password has this hash."""


class AccountDisabled(PeopleError):
    """The account is disabled."""


@dataclass(frozen=True, slots=True)
class ProviderPerson:
    """Somebody as the provider names him, with what the mapping gives."""

    issuer: str
    subject: str
    """With the issuer, who it is for ever; names change."""
    name: str
    """For the account, if it is made now; an account keeps its name."""
    display_name: str
    role: Role
    visibility: Visibility


@dataclass(frozen=True, slots=True)
class SignedOn:
    """A session of such a person."""

    session: Session = field(repr=False)
    is_new: bool
    """The account was made just now."""


class ProviderPeople:
    """All such accounts. Every method raises DatabaseError."""

    def __init__(self, engine: Engine, lifetime_ms: int) -> None:
        """`lifetime_ms`: of a session."""
        self._engine = engine
        self._lifetime_ms = lifetime_ms

    def sign_in(self, who: ProviderPerson, id_token: str, now: int) -> SignedOn:
        """Begin a session with the role that `who` has now. Raises AccountDisabled, NameTaken, Refused.

        An account is found by issuer and subject, never by its name: else who may choose a name at the provider
        could take over an account.
        """
        check_limits(who.role, who.visibility)
        values = {"display_name": who.display_name, **role_values(who.role, who.visibility)}
        of_subject = (person.c.issuer == who.issuer) & (person.c.subject == who.subject)
        with transaction(self._engine) as connection:
            connection.execute(delete(person_session).where(person_session.c.expires_at <= now))  # before it reads
            held = update(person).where(of_subject, person.c.enabled).values(values)
            is_new = not connection.execute(held).rowcount and self._made(connection, who, values, now)
            row: RowMapping = connection.execute(select(person).where(of_subject)).mappings().one()
            session = Session(person_of(row), now + self._lifetime_ms, secrets.token_urlsafe(32))
            connection.execute(insert(person_session).values({**session_values(session, now), "id_token": id_token}))
        return SignedOn(session, is_new)

    def withdraw(self, issuer: str, subject: str) -> str | None:
        """End all sessions of a person to whom the mapping gives nothing any more; return the name of the account."""
        of_subject = (person.c.issuer == issuer) & (person.c.subject == subject)
        names = select(person.c.name).where(of_subject)
        with transaction(self._engine) as connection:
            connection.execute(delete(person_session).where(person_session.c.person.in_(names)))
            found: str | None = connection.execute(names).scalar_one_or_none()
        return found

    def _made(self, connection: Connection, who: ProviderPerson, values: dict[str, Any], now: int) -> bool:
        """Make the account. Raises AccountDisabled, NameTaken."""
        of_subject = (person.c.issuer == who.issuer) & (person.c.subject == who.subject)
        if connection.execute(select(person.c.name).where(of_subject)).first() is not None:
            raise AccountDisabled(f"{who.name}: the account is disabled")
        taken = NameTaken(f"{who.name} is the name of another account or token")
        of_token = select(api_token.c.name).where(api_token.c.name == who.name)
        of_person = select(person.c.name).where(person.c.name == who.name)
        if connection.execute(of_token.union(of_person)).first() is not None:
            raise taken
        identity = {"name": who.name, "issuer": who.issuer, "subject": who.subject, "password_hash": _NO_PASSWORD}
        times = {"created_at": now, "password_changed_at": now}
        try:
            connection.execute(insert(person).values(**identity, **values, **times, enabled=True))
        except IntegrityError as exc:
            raise taken from exc
        return True
