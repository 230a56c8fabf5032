"""The audit trail: who did what, and who looked at personal data.

Rows are added and never changed; the database sees to that (migrations 0024 and 0025). Old ones are removed by one
command, which notes that.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, Engine, delete, false, insert, select

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

    def prune(self, before: int, noted: Callable[[int], NewAuditEntry]) -> int:
        """Remove the entries before this time, and add the entry that `noted` makes of their number; return it.

        All of it happens or nothing. Needs the owner of the tables: raises DatabaseMisconfigured for others.
        """
        with transaction(self._engine) as connection:
            with _change_allowed(connection):
                removed = connection.execute(delete(audit).where(audit.c.at < before)).rowcount
            connection.execute(insert(audit).values(noted(removed).model_dump(mode="json")))
        return removed

    def entries(self, where: AuditFilter, *, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        """Entries, newest first; those with a number below `before`."""
        query = select(audit).order_by(audit.c.no.desc()).limit(limit)
        for condition in _conditions(where):
            query = query.where(condition)
        if before is not None:
            query = query.where(audit.c.no < before)
        with transaction(self._engine) as connection:
            return [AuditEntry.model_validate(dict(row)) for row in connection.execute(query).mappings()]


@contextmanager
def _change_allowed(connection: Connection) -> Iterator[None]:
    """Lift the trigger that refuses to delete. The table is locked until the transaction ends, so nobody else gains."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
        connection.exec_driver_sql("ALTER TABLE audit DISABLE TRIGGER audit_is_append_only")
        yield
        connection.exec_driver_sql("ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_is_append_only")
        return
    connection.execute(delete(audit).where(false()))  # waits for other writers before anything is read
    query = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = 'audit_no_delete'"
    trigger = connection.exec_driver_sql(query).scalar_one()
    connection.exec_driver_sql("DROP TRIGGER audit_no_delete")
    yield
    connection.exec_driver_sql(trigger)


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
