"""Tokens of machines: programs that use the API under a name of their own, with a role, limits and an end.

The secret is shown once, when the token is made; only a hash of it is kept.
"""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import Engine, RowMapping, insert, select, update

from devices.db.database import transaction
from devices.people.accounts import role_values, visibility_of, wait_for_turn
from devices.people.model import WHOLE_CITY, NameTaken, Refused, Role, UnknownPerson, Visibility, check_limits
from devices.people.tables import api_token, person

PREFIX: Final = "hwt_"
"""Tells the secret from tokens of the settings, and to programs that look for secrets in files what they found."""
_SECRET_BYTES: Final = 32


class UnknownToken(UnknownPerson):
    """No token has this name."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What a program may do, and until when."""

    name: str
    """Stands beside all that the program does; no person has it."""
    role: Role
    created_at: int
    created_by: str
    expires_at: int
    visibility: Visibility = WHOLE_CITY
    revoked_at: int | None = None

    def holds_at(self, instant: int) -> bool:
        return self.revoked_at is None and instant < self.expires_at


class Tokens:
    """All tokens, those too that hold no more. Every method raises DatabaseError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def exist(self) -> bool:
        """Return whether a token was ever made."""
        with transaction(self._engine) as connection:
            return connection.execute(select(api_token.c.name).limit(1)).first() is not None

    def all(self) -> list[ApiToken]:
        """Every token by name."""
        with transaction(self._engine) as connection:
            rows = connection.execute(select(api_token).order_by(api_token.c.name)).mappings()
            return [_token(row) for row in rows]

    def add(self, new: ApiToken) -> str:
        """Make a token and return its secret. Raises NameTaken, Refused."""
        check_limits(new.role, new.visibility)
        if new.expires_at <= new.created_at:
            raise Refused("the end of a token lies after its beginning")
        secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        values = {
            "name": new.name,
            "secret_hash": _hash(secret),
            **role_values(new.role, new.visibility),
            "created_at": new.created_at,
            "created_by": new.created_by,
            "expires_at": new.expires_at,
        }
        with transaction(self._engine) as connection:
            wait_for_turn(connection)
            of_token = select(api_token.c.name).where(api_token.c.name == new.name)
            of_person = select(person.c.name).where(person.c.name == new.name)
            if connection.execute(of_token.union(of_person)).first() is not None:
                raise NameTaken(f"{new.name} is the name of a person or a token already: give another")
            connection.execute(insert(api_token).values(values))
        return secret

    def revoke(self, name: str, now: int) -> None:
        """Let it hold no more, from the next request on. Raises UnknownToken."""
        first = (api_token.c.name == name) & api_token.c.revoked_at.is_(None)
        with transaction(self._engine) as connection:
            connection.execute(update(api_token).where(first).values(revoked_at=now))
            if connection.execute(select(api_token.c.name).where(api_token.c.name == name)).first() is None:
                raise UnknownToken(f"no token {name!r}: `haulwatch token list` shows all")

    def find(self, secret: str, now: int) -> ApiToken | None:
        """The token with this secret, if it holds. One indexed read, and none for what is no secret of a token."""
        if not secret.startswith(PREFIX):
            return None
        query = select(api_token).where(api_token.c.secret_hash == _hash(secret))
        with transaction(self._engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
        found = None if row is None else _token(row)
        return found if found is not None and found.holds_at(now) else None


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _token(row: RowMapping) -> ApiToken:
    return ApiToken(
        name=row["name"],
        role=Role(row["role"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
        expires_at=row["expires_at"],
        visibility=visibility_of(row),
        revoked_at=row["revoked_at"],
    )
