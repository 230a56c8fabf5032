"""The rule sets of a city: every version, with who applied it, when, and why."""

from typing import Final

from sqlalchemy import Engine, select

from devices.db.database import transaction
from devices.db.versions import StoredVersion, VersionStore
from devices.errors import OperatorError
from rules.rule_sets.tables import rule_set

MAX_REASON: Final = 500
"""Characters."""


class UnknownRuleSet(OperatorError):
    """No rule set has this version."""


class RuleSetStore(VersionStore):
    """Adds a look at one version."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(
            engine,
            rule_set,
            "somebody applied rule set {version} meanwhile: look at it with `haulwatch rules diff`, then again",
        )

    def version(self, version: int) -> StoredVersion:
        """Raises UnknownRuleSet."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(rule_set).where(rule_set.c.version == version)).mappings().first()
        if row is None:
            raise UnknownRuleSet(f"no rule set {version}: `haulwatch rules history` lists them")
        return StoredVersion(**row)
