"""What the outbox holds, for `haulwatch notify status`, /readyz and /metrics."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Engine, case, func, select

from devices.db.database import transaction
from ingest.notices.notice import Notice, State
from ingest.notices.outbox import notice_of
from ingest.notices.tables import notice

_DAY_MS: Final = 24 * 3_600_000
_C: Final = notice.c
_WAITS: Final = _C.state.in_([State.WAITING, State.SENDING])


class ChannelSummary(NamedTuple):
    """What there is of a channel: all that waits, and what the last day brought. Times are wall clock, ms."""

    channel: str
    waiting: int
    oldest_waiting_at: int | None
    retried: int
    """Of those that wait: were tried before."""
    sent: int
    digested: int
    failed: int
    unconfirmed: int
    last_sent_at: int | None
    last_error: str
    """Of those that wait, failed or are unconfirmed, the newest; empty: none."""


def summarise(engine: Engine, now: int) -> Sequence[ChannelSummary]:
    """A line for each channel with notices, in the order of their names. Raises DatabaseError."""
    recent = _C.done_at > now - _DAY_MS
    states = (State.SENT, State.DIGESTED, State.FAILED, State.UNCONFIRMED)
    query = select(
        _C.channel,
        _count(_WAITS),
        func.min(case((_WAITS, _C.planned_at))),
        _count(_WAITS & _C.error.is_not(None)),
        *(_count(_C.state == state) for state in states),
        func.max(case((_C.state == State.SENT, _C.done_at))),
    )
    query = query.where(_WAITS | recent).group_by(_C.channel).order_by(_C.channel)
    with transaction(engine) as connection:
        rows = connection.execute(query).all()
        errors = {row[0]: connection.execute(_newest_error(row[0], recent)).scalar() or "" for row in rows}
    return [ChannelSummary._make((*row, errors[row[0]])) for row in rows]


def newest_notices(engine: Engine, limit: int) -> Sequence[tuple[Notice, str]]:
    """The newest notices with what was last wrong with them, newest first. Raises DatabaseError."""
    query = select(notice).order_by(_C.no.desc()).limit(limit)
    with transaction(engine) as connection:
        return [(notice_of(row), row["error"] or "") for row in connection.execute(query).mappings()]


def _count(where: ColumnElement[bool]) -> Any:
    return func.coalesce(func.sum(case((where, 1), else_=0)), 0)


def _newest_error(channel: str, recent: ColumnElement[bool]) -> Any:
    troubled = _WAITS | (recent & _C.state.in_([State.FAILED, State.UNCONFIRMED]))
    query = select(_C.error).where(_C.channel == channel, _C.error.is_not(None), troubled)
    return query.order_by(_C.attempted_at.desc()).limit(1)
