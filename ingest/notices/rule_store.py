"""The notice rules of a city: every version, with who applied it, when, and why."""

from sqlalchemy import Engine, func, select

from devices.db.database import transaction
from devices.db.versions import VersionStore
from ingest.notices.tables import notice_rules


class NoticeRuleStore(VersionStore):
    """The content names secrets, and never holds them."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(
            engine,
            notice_rules,
            "somebody applied notice rules {version} meanwhile: look at them with `haulwatch notify list`",
        )

    def first_applied_at(self) -> int | None:
        """When the first rules were applied, ms: nobody is notified of what was recorded before."""
        with transaction(self._engine) as connection:
            found: int | None = connection.execute(select(func.min(notice_rules.c.applied_at))).scalar()
        return found
