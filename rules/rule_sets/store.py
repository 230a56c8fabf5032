"""The rule sets of a city: every version, with who applied it, when, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, RowMapping, func, insert, select
from sqlalchemy.exc import IntegrityError

from devices.db.database import transaction
from devices.errors import OperatorError
from rules.rule_sets.tables import rule_set

MAX_REASON: Final = 500
"""Characters."""


@dataclass(frozen=True, slots=True)
class StoredRuleSet:
    """One version."""

    version: int
    content: str
    """YAML, as its author wrote it."""
    applied_at: int
    """Wall clock, ms."""
    applied_by: str
    reason: str


class UnknownRuleSet(OperatorError):
    """No rule set has this version."""


class AppliedMeanwhile(OperatorError):
    """Somebody else applied another rule set first."""


class RuleSetStore:
    """Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def newest_version(self) -> int:
        """The version that holds; 0 where none was applied. One indexed read."""
        with transaction(self._engine) as connection:
            return int(connection.execute(select(func.coalesce(func.max(rule_set.c.version), 0))).scalar_one())

    def newest(self) -> StoredRuleSet | None:
        """The rule set that holds; None where none was applied."""
        found = self.history(1)
        return found[0] if found else None

    def version(self, version: int) -> StoredRuleSet:
        """Raises UnknownRuleSet."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(rule_set).where(rule_set.c.version == version)).mappings().first()
        if row is None:
            raise UnknownRuleSet(f"no rule set {version}: `haulwatch rules history` lists them")
        return _stored(row)

    def history(self, limit: int) -> Sequence[StoredRuleSet]:
        """The newest versions, newest first."""
        query = select(rule_set).order_by(rule_set.c.version.desc()).limit(limit)
        with transaction(self._engine) as connection:
            return [_stored(row) for row in connection.execute(query).mappings()]

    def apply(self, stored: StoredRuleSet) -> None:
        """Let this version hold from now on. It is checked already, and its version follows the newest one.

        Raises AppliedMeanwhile: that version is taken.
        """
        taken = AppliedMeanwhile(
            f"somebody applied rule set {stored.version} meanwhile: look at it with `haulwatch rules diff`, then again"
        )
        values = {name: getattr(stored, name) for name in rule_set.c.keys()}  # noqa: SIM118 - no mapping
        if stored.version != self.newest_version() + 1:
            raise taken
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(rule_set).values(values))
        except IntegrityError as exc:
            raise taken from exc


def _stored(row: RowMapping) -> StoredRuleSet:
    return StoredRuleSet(**row)
