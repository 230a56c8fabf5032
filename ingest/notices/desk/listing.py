"""Reads the outbox for people: newest first, or all that concerns one alert. Every function may raise DatabaseError."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, RowMapping, select

from devices.db.database import transaction
from ingest.notices.notice import Notice, State
from ingest.notices.outbox import notice_of
from ingest.notices.tables import notice

MAX_OF_ALERT: Final = 500
"""Notices of one alert; the newest are shown. Its steps and changes by all channels make some dozens."""
_C: Final = notice.c


class Listed(NamedTuple):
    """A notice with what became of it. Times are wall clock, ms."""

    notice: Notice
    attempted_at: int | None
    """The last attempt began."""
    done_at: int | None
    """It was confirmed, given up, put into a digest or withdrawn."""
    error: str
    """What the last attempt met; empty: nothing is wrong."""
    digest: "Listed | None" = None
    """The message that stands for it, where it is in a digest."""


class OutboxFilter(NamedTuple):
    """Which notices are wanted. None: any."""

    states: Collection[State] | None = None
    channel: str | None = None
    troubled: bool = False
    """Only what was given up, was never confirmed, or waits after an error."""


class ChannelTimes(NamedTuple):
    """When a channel last brought something, and what it last met. Times are wall clock, ms."""

    last_sent_at: int | None
    last_digest_at: int | None
    last_error: str
    """Of what waits, was given up or was never confirmed; empty: none."""
    last_error_at: int | None


def page(engine: Engine, where: OutboxFilter, *, limit: int, before: int | None = None) -> Sequence[Listed]:
    """Notices with a number below `before`, newest first."""
    query = select(notice).order_by(_C.no.desc()).limit(limit)
    if before is not None:
        query = query.where(_C.no < before)
    if where.channel is not None:
        query = query.where(_C.channel == where.channel)
    if where.states is not None:
        query = query.where(_C.state.in_(sorted(where.states)))
    if where.troubled:
        waits = _C.state.in_([State.WAITING, State.SENDING]) & _C.error.is_not(None)
        query = query.where(waits | _C.state.in_([State.FAILED, State.UNCONFIRMED]))
    with transaction(engine) as connection:
        return _with_digests(connection, connection.execute(query).mappings().all())


def of_alert(engine: Engine, alert_id: str) -> Sequence[Listed]:
    """The newest notices of an alert, oldest first."""
    query = select(notice).where(_C.alert_id == alert_id).order_by(_C.no.desc()).limit(MAX_OF_ALERT)
    with transaction(engine) as connection:
        return _with_digests(connection, connection.execute(query).mappings().all())[::-1]


def channel_times(engine: Engine, names: Iterable[str]) -> dict[str, ChannelTimes]:
    """The times of each of these channels, by indexed reads: the outbox keeps its rows."""
    with transaction(engine) as connection:
        return {name: _times(connection, name) for name in names}


def _times(connection: Connection, channel: str) -> ChannelTimes:
    def newest(state: State) -> RowMapping | None:
        query = select(_C.done_at, _C.attempted_at, _C.error).where(_C.channel == channel, _C.state == state)
        if state in {State.WAITING, State.SENDING}:
            query = query.where(_C.error.is_not(None))
        return connection.execute(query.order_by(_C.due_at.desc()).limit(1)).mappings().first()

    sent, digested = newest(State.SENT), newest(State.DIGESTED)
    troubled = (State.WAITING, State.SENDING, State.FAILED, State.UNCONFIRMED)
    faults = [row for state in troubled if (row := newest(state)) is not None and row["error"]]
    last = max(faults, key=lambda row: row["attempted_at"] or 0, default=None)
    return ChannelTimes(
        last_sent_at=None if sent is None else sent["done_at"],
        last_digest_at=None if digested is None else digested["done_at"],
        last_error="" if last is None else last["error"],
        last_error_at=None if last is None else last["attempted_at"],
    )


def _with_digests(connection: Connection, rows: Sequence[RowMapping]) -> list[Listed]:
    numbers = {row["digest"] for row in rows if row["digest"] is not None}
    found = connection.execute(select(notice).where(_C.no.in_(sorted(numbers)))).mappings() if numbers else ()
    digests = {row["no"]: _listed(row) for row in found}
    return [_listed(row)._replace(digest=digests.get(row["digest"])) for row in rows]


def _listed(row: RowMapping) -> Listed:
    return Listed(notice_of(row), row["attempted_at"], row["done_at"], row["error"] or "")
