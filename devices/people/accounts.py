"""Accounts of people, in the registry's database. `haulwatch user` writes them; the API reads them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, false, insert, select, update
from sqlalchemy.exc import IntegrityError

from devices.db.database import transaction
from devices.people.model import (
    Language,
    NameTaken,
    Person,
    Refused,
    Role,
    UnknownPerson,
    Visibility,
    check_limits,
)
from devices.people.passwords import check_password, hash_password
from devices.people.sign_in_failures import unlock
from devices.people.tables import api_token, person, person_session


class Accounts:
    """All accounts. Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def exist(self) -> bool:
        """Return whether there is an account, enabled or not. Accounts are never removed."""
        with transaction(self._engine) as connection:
            return connection.execute(select(person.c.name).limit(1)).first() is not None

    def all(self) -> list[Person]:
        """Every account by name."""
        with transaction(self._engine) as connection:
            return [person_of(row) for row in connection.execute(select(person).order_by(person.c.name)).mappings()]

    def add(self, new: Person, password: str) -> None:
        """Raises NameTaken, Refused."""
        check_limits(new.role, new.visibility)
        check_password(password, new.name)
        values = {
            "name": new.name,
            "display_name": new.display_name,
            "password_hash": hash_password(password),
            **role_values(new.role, new.visibility),
            "language": new.language,
            "enabled": new.enabled,
            "created_at": new.created_at,
            "password_changed_at": new.created_at,
        }
        with transaction(self._engine) as connection:
            wait_for_turn(connection)
            if connection.execute(select(api_token.c.name).where(api_token.c.name == new.name)).first() is not None:
                raise NameTaken(f"{new.name} is the name of a token: `haulwatch token list` shows all")
            try:
                connection.execute(insert(person).values(values))
            except IntegrityError as exc:
                raise NameTaken(f"{new.name} has an account already: `haulwatch user list` shows all") from exc

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Let a person sign in, or not any more; this ends all sessions of the person. Raises UnknownPerson."""
        self._change(name, {"enabled": enabled})

    def set_role(self, name: str, role: Role, visibility: Visibility) -> None:
        """Holds from the next request on, also in sessions that are open. Raises UnknownPerson, Refused."""
        check_limits(role, visibility)
        self._change(name, role_values(role, visibility), end_sessions=False)

    def set_password(self, name: str, password: str, now: int) -> None:
        """Replace the password, end all sessions and unlock the name. Raises UnknownPerson, Refused.

        Who signs in by an identity provider has no password here.
        """
        check_password(password, name)
        with transaction(self._engine) as connection:
            issuer = connection.execute(select(person.c.issuer).where(person.c.name == name)).scalar_one_or_none()
        if issuer is not None:
            raise Refused(f"{name} signs in by {issuer}, which keeps the password")
        self._change(name, {"password_hash": hash_password(password), "password_changed_at": now})

    def _change(self, name: str, values: Mapping[str, Any], *, end_sessions: bool = True) -> None:
        with transaction(self._engine) as connection:
            if not connection.execute(update(person).where(person.c.name == name).values(values)).rowcount:
                raise UnknownPerson(f"{name!r} has no account: `haulwatch user list` shows all")
            if end_sessions:
                connection.execute(delete(person_session).where(person_session.c.person == name))
                unlock(connection, name)


def wait_for_turn(connection: Connection) -> None:
    """Wait for other writers on SQLite, before anything is read: a write that changes nothing."""
    connection.execute(update(person).where(false()).values(enabled=person.c.enabled))


def role_values(role: Role, visibility: Visibility) -> dict[str, Any]:
    """The columns of a role and of what it may see."""
    return {
        "role": str(role),
        "districts": None if visibility.districts is None else sorted(visibility.districts),
        "hauliers": None if visibility.hauliers is None else sorted(visibility.hauliers),
    }


def visibility_of(row: RowMapping) -> Visibility:
    districts, hauliers = row["districts"], row["hauliers"]
    return Visibility(
        None if districts is None else frozenset(districts), None if hauliers is None else frozenset(hauliers)
    )


def person_of(row: RowMapping) -> Person:
    return Person(
        name=row["name"],
        display_name=row["display_name"],
        role=Role(row["role"]),
        visibility=visibility_of(row),
        language=None if row["language"] is None else Language(row["language"]),
        enabled=row["enabled"],
        created_at=row["created_at"],
        password_changed_at=row["password_changed_at"],
        issuer=row["issuer"],
    )
