"""The notice rules of a city: every version, with who applied it, when, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from devices.db.database import transaction
from devices.errors import OperatorError
from ingest.notices.tables import notice_rules


@dataclass(frozen=True, slots=True)
class StoredNoticeRules:
    """One version."""

    version: int
    content: str
    """YAML, as its author wrote it. It holds names of secrets, never secrets."""
    applied_at: int
    """Wall clock, ms."""
    applied_by: str
    reason: str


class AppliedMeanwhile(OperatorError):
    """Somebody else applied other notice rules first."""


class NoticeRuleStore:
    """Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def newest_version(self) -> int:
        """The version that holds; 0 where none was applied. One indexed read."""
        with transaction(self._engine) as connection:
            return int(connection.execute(select(func.coalesce(func.max(notice_rules.c.version), 0))).scalar_one())

    def newest(self) -> StoredNoticeRules | None:
        """The rules that hold; None where none were applied."""
        found = self.history(1)
        return found[0] if found else None

    def history(self, limit: int) -> Sequence[StoredNoticeRules]:
        """The newest versions, newest first."""
        query = select(notice_rules).order_by(notice_rules.c.version.desc()).limit(limit)
        with transaction(self._engine) as connection:
            return [StoredNoticeRules(**row) for row in connection.execute(query).mappings()]

    def first_applied_at(self) -> int | None:
        """When the first rules were applied, ms: nobody is notified of what was recorded before."""
        with transaction(self._engine) as connection:
            found: int | None = connection.execute(select(func.min(notice_rules.c.applied_at))).scalar()
        return found

    def apply(self, stored: StoredNoticeRules) -> None:
        """Let this version hold from now on; it is checked already. Raises AppliedMeanwhile: the version is taken."""
        values = {name: getattr(stored, name) for name in notice_rules.c.keys()}  # noqa: SIM118 - no mapping
        taken = AppliedMeanwhile(
            f"somebody applied notice rules {stored.version} meanwhile: look at them with `haulwatch notify list`"
        )
        if stored.version != self.newest_version() + 1:
            raise taken
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(notice_rules).values(values))
        except IntegrityError as exc:
            raise taken from exc
