"""What the outbox holds, for `haulwatch notify status`, /readyz and /metrics."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, case, func, literal_column, select

from devices.db.database import transaction
from ingest.notices.notice import Notice, State
from ingest.notices.outbox import notice_of
from ingest.notices.tables import OPEN, notice

_DAY_MS: Final = 24 * 3_600_000
_C: Final = notice.c
_GROUPED: Final = _C.channel.concat(literal_column("''"))
"""The channel, in a form by which SQLite does not read a whole index in its order in place of the last day."""


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
    waiting = select(_C.channel, func.count(), func.min(_C.planned_at), _count(_C.error.is_not(None)))
    sums = [_count(_C.state == state) for state in (State.SENT, State.DIGESTED, State.FAILED, State.UNCONFIRMED)]
    done = select(_GROUPED, *sums, func.max(case((_C.state == State.SENT, _C.done_at)))).where(recent)
    with transaction(engine) as connection:
        by_waiting = {row[0]: row[1:] for row in connection.execute(waiting.where(OPEN).group_by(_C.channel))}
        by_done = {row[0]: row[1:] for row in connection.execute(done.group_by(_GROUPED))}
        return [
            ChannelSummary._make(
                (
                    channel,
                    *by_waiting.get(channel, (0, None, 0)),
                    *by_done.get(channel, (0, 0, 0, 0, None)),
                    _newest_error(connection, channel, recent),
                )
            )
            for channel in sorted({*by_waiting, *by_done})
        ]


def newest_notices(engine: Engine, limit: int) -> Sequence[tuple[Notice, str]]:
    """The newest notices with what was last wrong with them, newest first. Raises DatabaseError."""
    query = select(notice).order_by(_C.no.desc()).limit(limit)
    with transaction(engine) as connection:
        return [(notice_of(row), row["error"] or "") for row in connection.execute(query).mappings()]


def _count(where: ColumnElement[bool]) -> Any:
    return func.coalesce(func.sum(case((where, 1), else_=0)), 0)


def _newest_error(connection: Connection, channel: str, recent: ColumnElement[bool]) -> str:
    query = select(_C.attempted_at, _C.error).where(_C.channel == channel, _C.error.is_not(None))
    query = query.order_by(_C.attempted_at.desc()).limit(1)
    troubled = recent & _C.state.in_([State.FAILED, State.UNCONFIRMED])
    found = [connection.execute(query.where(where)).first() for where in (OPEN, troubled)]
    return max(((row[0] or 0, row[1]) for row in found if row is not None), default=(0, ""))[1]
