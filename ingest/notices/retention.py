"""Removes old notices from the outbox: what was done with, about alerts that are over."""

from typing import Any, Final

from sqlalchemy import Engine, and_, delete, exists, select

from devices.db.database import transaction
from ingest.notices.notice import State
from ingest.notices.tables import notice, notice_change, notice_climb
from rules.alerts.tables import alert

_C: Final = notice.c
_AT_ONCE: Final = 1_000
"""Rows of one transaction: others write to the outbox meanwhile."""


class NoticeRetention:
    """Of one database. Every method raises DatabaseError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def purge(self, before: int) -> int:
        """Remove notices that were done with before this time, ms, and what was noted of planning them; returns how
        many. Those of an open alert stay, all of them, and a digest as long as one that it stands for.
        """
        removed = 0
        while more := self._purge_some(before):
            removed += more
        self._remove(notice_climb, notice_climb.c.due_at.is_(None) & (notice_climb.c.began_at < before))
        self._remove(notice_change, notice_change.c.planned_at < before)
        return removed

    def _purge_some(self, before: int) -> int:
        member = notice.alias()
        over = and_(
            _C.done_at < before,
            _C.state.not_in([State.WAITING, State.SENDING]),
            ~_is_open(_C.alert_id),
            ~exists(select(member.c.no).where(member.c.digest == _C.no)),
        )
        with transaction(self._engine) as connection:
            numbers = list(connection.execute(select(_C.no).where(over).order_by(_C.no).limit(_AT_ONCE)).scalars())
            if numbers:
                connection.execute(delete(notice).where(_C.no.in_(numbers)))
        return len(numbers)

    def _remove(self, table: Any, old: Any) -> None:
        """Notes of planning go with the notices: not before the last of the alert."""
        kept = exists(select(_C.no).where(_C.alert_id == table.c.alert_id))
        with transaction(self._engine) as connection:
            connection.execute(delete(table).where(old, ~_is_open(table.c.alert_id), ~kept))


def _is_open(alert_id: Any) -> Any:
    """As `rules.alerts.tables` has it in its index."""
    is_open = and_(alert.c.closed_at.is_(None), alert.c.outcome.is_(None))
    return exists(select(alert.c.alert_id).where(alert.c.alert_id == alert_id, is_open))
