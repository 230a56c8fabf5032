"""The audit trail: who did what, and who looked at personal data.

Rows are added and never changed; the database sees to that (migration 0024).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine, insert, select

from devices.db.database import transaction
from devices.people.tables import audit

MAX_ACTION: Final = 128
MAX_TARGET: Final = 256
"""Characters."""


class ActorKind(StrEnum):
    """How somebody has shown who he is."""

    PERSON = "person"
    """By signing in; also the name that somebody tried to sign in with."""
    MACHINE = "machine"
    """By a token of its own."""
    SETTING = "setting"
    """By a token of the settings."""
    COMMAND_LINE = "command_line"
    """As a user of the machine."""


class NewAuditEntry(BaseModel):
    """One action, or the first of equal looks within an hour."""

    model_config = ConfigDict(frozen=True)

    at: int
    """Wall clock, ms since 1970 UTC."""
    actor: str
    kind: ActorKind
    address: str
    """Where the request came from; empty for the command line."""
    action: str
    """Method and path of the endpoint, or the command."""
    target: str
    """What it concerned: ids of the path, names of filters; empty: everything."""
    status: int | None
    """HTTP status of the answer; none for the command line."""


class AuditEntry(NewAuditEntry):
    """An entry as it was kept."""

    no: int


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Selects entries; an empty field selects all. start <= at < end."""

    actor: str | None = None
    target: str | None = None
    start: int | None = None
    end: int | None = None


class AuditTrail:
    """The trail in one database. Every method raises DatabaseError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def add(self, entry: NewAuditEntry) -> None:
        with transaction(self._engine) as connection:
            connection.execute(insert(audit).values(entry.model_dump(mode="json")))

    def entries(self, where: AuditFilter, *, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        """Entries, newest first; those with a number below `before`."""
        query = select(audit).order_by(audit.c.no.desc()).limit(limit)
        for condition in _conditions(where):
            query = query.where(condition)
        if before is not None:
            query = query.where(audit.c.no < before)
        with transaction(self._engine) as connection:
            return [AuditEntry.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def _conditions(where: AuditFilter) -> list[Any]:
    conditions: list[Any] = []
    if where.actor is not None:
        conditions.append(audit.c.actor == where.actor)
    if where.target is not None:
        conditions.append(audit.c.target == where.target)
    if where.start is not None:
        conditions.append(audit.c.at >= where.start)
    if where.end is not None:
        conditions.append(audit.c.at < where.end)
    return conditions
