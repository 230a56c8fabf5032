"""Lock-out: after a few wrong passwords in a row nobody can sign in with that name for a while.

Names without an account are counted and locked alike, so that an answer does not tell which names exist.
"""

from typing import Any, Final

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from devices.people.model import PeopleError
from devices.people.tables import sign_in_failure as table

MAX_FAILURES: Final = 5
"""In a row. GB/T 22239-2019 asks for a limit without a number. Five are usual, far below the 100 of NIST SP 800-63B."""
LOCKED_MS: Final = 15 * 60_000
FORGOTTEN_AFTER_MS: Final = 24 * 3_600_000
"""A name that nobody tried for so long begins anew."""


class LockedOut(PeopleError):
    """Too many wrong passwords: try again later."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many wrong passwords: try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


def begin_attempt(connection: Connection, name: str, now: int) -> None:
    """Count an attempt as failed before its password is looked at, so that attempts at once count as well.

    Raises LockedOut; an attempt that is refused so does not count.
    """
    connection.execute(delete(table).where(table.c.last_at <= now - FORGOTTEN_AFTER_MS))
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    none_yet = {"name": name, "attempts": 0, "last_at": now}
    connection.execute(dialect.insert(table).values(none_yet).on_conflict_do_nothing())
    counted = update(table).where(table.c.name == name).values(attempts=table.c.attempts + 1)
    connection.execute(counted)  # before it is read: attempts at the same time wait here
    row = connection.execute(select(table).where(table.c.name == name)).mappings().one()
    if row["locked_until"] is not None and row["locked_until"] > now:
        raise LockedOut(-(-(row["locked_until"] - now) // 1000))
    attempts = row["attempts"] if row["locked_until"] is None else 1
    values = {
        "attempts": attempts,
        "last_at": now,
        "locked_until": now + LOCKED_MS if attempts >= MAX_FAILURES else None,
    }
    connection.execute(update(table).where(table.c.name == name).values(values))


def clear(connection: Connection, name: str) -> None:
    """Forget the failures: the password was right."""
    connection.execute(delete(table).where(table.c.name == name))
