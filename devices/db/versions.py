"""Rules that people apply, as rows: every version with who applied it, when, and why. The highest version holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, Table, func, insert, select
from sqlalchemy.exc import IntegrityError

from devices.db.database import transaction
from devices.errors import OperatorError


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version."""

    version: int
    content: str
    """YAML, as its author wrote it."""
    applied_at: int
    """Wall clock, ms."""
    applied_by: str
    reason: str


class AppliedMeanwhile(OperatorError):
    """Somebody else applied another version first."""


class VersionStore:
    """Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine, table: Table, applied_meanwhile: str) -> None:
        """`table`: has the columns of `StoredVersion`. `applied_meanwhile`: the message of the exception, with
        `{version}` in it.
        """
        self._engine, self._table, self._applied_meanwhile = engine, table, applied_meanwhile

    def close(self) -> None:
        self._engine.dispose()

    def newest_version(self) -> int:
        """The version that holds; 0 where none was applied. One indexed read."""
        with transaction(self._engine) as connection:
            return int(connection.execute(select(func.coalesce(func.max(self._table.c.version), 0))).scalar_one())

    def newest(self) -> StoredVersion | None:
        """The version that holds; None where none was applied."""
        found = self.history(1)
        return found[0] if found else None

    def history(self, limit: int) -> Sequence[StoredVersion]:
        """The newest versions, newest first."""
        query = select(self._table).order_by(self._table.c.version.desc()).limit(limit)
        with transaction(self._engine) as connection:
            return [StoredVersion(**row) for row in connection.execute(query).mappings()]

    def apply(self, stored: StoredVersion) -> None:
        """Let this version hold from now on. It is checked already, and its version follows the newest one.

        Raises AppliedMeanwhile: that version is taken.
        """
        taken = AppliedMeanwhile(self._applied_meanwhile.format(version=stored.version))
        values = {name: getattr(stored, name) for name in self._table.c.keys()}  # noqa: SIM118 - no mapping
        if stored.version != self.newest_version() + 1:
            raise taken
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(self._table).values(values))
        except IntegrityError as exc:
            raise taken from exc
