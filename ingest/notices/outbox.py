"""The outbox of notices, in the registry's database: every step is one transaction, so that a process may die anywhere.

What is planned is there with the mark that it was planned, and once: `uq_notice`. Before an attempt the row says
`sending`; after it, what came of it. Whoever finds `sending` that is older than any attempt knows that a process died
in it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, Table, case, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from devices.db.database import transaction
from ingest.notices.notice import (
    ARRIVED,
    TOLD,
    Climb,
    Kind,
    NewNotice,
    Notice,
    Notified,
    State,
)
from ingest.notices.tables import DIGESTS, MAX_MENTIONS_CHARS, OPEN, notice, notice_change, notice_climb

_C: Final = notice.c


class _TakenMeanwhile(Exception):
    """Rolls a transaction back."""


class NoticeOutbox:
    """Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails. Any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    # Planning

    def plan(
        self,
        alert_id: str,
        event: str,
        notices: Sequence[NewNotice],
        climbs: Sequence[Climb],
        now: int,
        *,
        inherited: bool = False,
    ) -> bool:
        """Keep what follows from one change of an alert, all or nothing. False: it was planned before, nothing changed.

        `inherited`: whom they name was notified by another alert; nothing is sent.
        """
        state = State.INHERITED if inherited else State.WAITING
        with transaction(self._engine) as connection:
            mark = {"alert_id": alert_id, "event": event, "planned_at": now}
            if not _insert_once(connection, notice_change, mark):
                return False
            _insert(connection, notices, state, now)
            for climb in climbs:
                row = {"rule": climb.rule, "step": climb.step, "due_at": climb.due_at, "began_at": now}
                _insert_once(connection, notice_climb, {"alert_id": alert_id, **row})
        return True

    def notified(self, alert_id: str) -> list[Notified]:
        """Whoever has a notice of the alert, each once."""
        query = (
            select(_C.channel, _C.recipient, _C.mentions).where(_C.alert_id == alert_id, _C.state.in_(TOLD)).distinct()
        )
        with transaction(self._engine) as connection:
            return [Notified(row.channel, row.recipient, _names(row.mentions)) for row in connection.execute(query)]

    def climbed(self, alert_id: str) -> frozenset[str]:
        """The rules that have notified of the alert."""
        query = select(notice_climb.c.rule).where(notice_climb.c.alert_id == alert_id)
        with transaction(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    # Escalation

    def due_climbs(self, now: int, limit: int) -> list[Climb]:
        """Climbs whose next step is due, the oldest first."""
        query = select(notice_climb).where(notice_climb.c.due_at <= now).order_by(notice_climb.c.due_at).limit(limit)
        with transaction(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return [Climb(row["alert_id"], row["rule"], row["step"], row["due_at"]) for row in rows]

    def climbs_due_after(self, rule: str, step: int, instant: int, limit: int) -> list[Climb]:
        """Climbs of a rule that took this step, and whose next one is due after an instant, ms."""
        row = (notice_climb.c.rule == rule) & (notice_climb.c.step == step)
        query = select(notice_climb).where(row, notice_climb.c.due_at > instant).limit(limit)
        with transaction(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return [Climb(row["alert_id"], row["rule"], row["step"], row["due_at"]) for row in rows]

    def climb(self, climb: Climb, to: Climb, notices: Sequence[NewNotice], now: int) -> bool:
        """Take the next step, all or nothing. False: another process has taken it."""
        return self._move(climb, {"step": to.step, "due_at": to.due_at}, notices, now)

    def end_climb(self, climb: Climb, reason: str, now: int) -> bool:
        return self._move(climb, {"due_at": None, "ended": reason}, (), now)

    def _move(self, climb: Climb, values: dict[str, Any], notices: Sequence[NewNotice], now: int) -> bool:
        row = (notice_climb.c.alert_id == climb.alert_id) & (notice_climb.c.rule == climb.rule)
        same = row & (notice_climb.c.step == climb.step) & notice_climb.c.due_at.is_not(None)
        with transaction(self._engine) as connection:
            if connection.execute(update(notice_climb).where(same).values(**values)).rowcount == 0:
                return False
            _insert(connection, notices, State.WAITING, now)
        return True

    # Delivery

    def waiting(self, channel: str, limit: int) -> list[Notice]:
        """Notices that wait, digests first, then the gravest, also those that are not due yet.

        A digest that waits stands for all that its recipient gets, so that no number of others may hide it.
        """
        first = case((_C.kind == Kind.DIGEST, 0), else_=1)
        query = select(notice).where(_C.channel == channel, _C.state == State.WAITING)
        with transaction(self._engine) as connection:
            rows = connection.execute(query.order_by(first, _C.severity, _C.no).limit(limit)).mappings().all()
        return [notice_of(row) for row in rows]

    def stuck(self, channel: str, before: int, after: int) -> list[Notice]:
        """Notices in whose attempt a process died: it began before this instant, ms, and has no end. Or it began
        `after` an instant ahead of now: the clock was set back since.
        """
        began = (_C.attempted_at < before) | (_C.attempted_at > after)
        query = select(notice).where(_C.channel == channel, _C.state == State.SENDING, began)
        with transaction(self._engine) as connection:
            return [notice_of(row) for row in connection.execute(query.order_by(_C.no)).mappings().all()]

    def begin(self, number: int, now: int) -> bool:
        """Note that an attempt begins. False: another process has begun one, or it is not to be sent any more."""
        attempt = {"state": State.SENDING, "attempts": _C.attempts + 1, "attempted_at": now}
        return self._change(number, State.WAITING, attempt)

    def sent(self, number: int, now: int) -> bool:
        return self._change(number, State.SENDING, {"state": State.SENT, "done_at": now, "error": None})

    def again(self, number: int, due_at: int, error: str, *, unconfirmed: bool) -> bool:
        """Let it wait for another attempt."""
        values = {"state": State.WAITING, "due_at": due_at, "error": error}
        return self._change(number, State.SENDING, values | {"unconfirmed": _C.unconfirmed + int(unconfirmed)})

    def give_up(self, number: int, state: State, now: int, error: str) -> bool:
        """`state`: FAILED or UNCONFIRMED."""
        return self._change(number, State.SENDING, {"state": state, "done_at": now, "error": error})

    def withdraw(self, numbers: Iterable[int], now: int) -> None:
        """Take notices back that wait."""
        waiting = _C.no.in_(list(numbers)) & (_C.state == State.WAITING)
        with transaction(self._engine) as connection:
            connection.execute(update(notice).where(waiting).values(state=State.WITHDRAWN, done_at=now))

    def withdraw_others(self, channels: Sequence[str], now: int) -> int:
        """Take back what waits for other channels than these. Returns how many."""
        waiting = _C.channel.not_in(list(channels)) & (_C.state == State.WAITING)
        values = {"state": State.WITHDRAWN, "done_at": now, "error": "the notice rules have no such channel any more"}
        with transaction(self._engine) as connection:
            return connection.execute(update(notice).where(OPEN, waiting).values(**values)).rowcount

    def give_up_others(self, channels: Sequence[str], before: int, now: int) -> int:
        """End attempts by other channels than these in which a process died: they began before this instant, ms, and
        nobody judges them any more. Returns how many.
        """
        died = _C.channel.not_in(list(channels)) & (_C.state == State.SENDING) & (_C.attempted_at < before)
        error = "the process ended while it was being sent, and the notice rules have no such channel any more"
        values = {"state": State.UNCONFIRMED, "done_at": now, "error": error}
        with transaction(self._engine) as connection:
            return connection.execute(update(notice).where(OPEN, died).values(**values)).rowcount

    def arrived(self, alert_id: str, channel: str, recipient: str) -> bool:
        """True if a notice of the alert reached this recipient, or may have."""
        query = select(_C.no).where(_C.alert_id == alert_id, _C.channel == channel, _C.recipient == recipient)
        query = query.where(_C.state.in_(ARRIVED) | (_C.unconfirmed > 0) | (_C.state == State.SENDING))
        with transaction(self._engine) as connection:
            return connection.execute(query.limit(1)).first() is not None

    def bundle(self, members: Sequence[int], digest: NewNotice, now: int) -> bool:
        """Put a digest in the place of notices that wait. False: another process has taken one of them."""
        waiting = _C.no.in_(list(members)) & (_C.state == State.WAITING)
        try:
            with transaction(self._engine) as connection:
                row = _row(digest, State.WAITING, now)
                number = connection.execute(insert(notice).values(row).returning(_C.no)).scalar_one()
                values = {"state": State.DIGESTED, "done_at": now, "digest": number}
                if connection.execute(update(notice).where(waiting).values(**values)).rowcount != len(members):
                    raise _TakenMeanwhile
        except _TakenMeanwhile:
            return False
        return True

    def last_digests(self, channel: str, within_ms: int, now: int) -> dict[str, int]:
        """When the newest digest was made, by recipient: of those that wait, and of those of the last `within_ms`."""
        query = select(_C.recipient, func.max(_C.planned_at)).where(_C.channel == channel).group_by(_C.recipient)
        lately = query.where(DIGESTS, _C.planned_at > now - within_ms, _C.planned_at <= now)
        waiting = query.where(_C.state == State.WAITING, _C.kind == Kind.DIGEST)
        with transaction(self._engine) as connection:
            found = {row[0]: row[1] for row in connection.execute(waiting)}
            return found | {row[0]: row[1] for row in connection.execute(lately)}

    def attempts_since(self, channel: str, since: int) -> int:
        with transaction(self._engine) as connection:
            query = select(func.count()).where(_C.channel == channel, _C.attempted_at > since)
            return int(connection.execute(query).scalar_one())

    def _change(self, number: int, state: State, values: dict[str, Any]) -> bool:
        """Change a row that is in this state; the change is durable on return."""
        row = (_C.no == number) & (_C.state == state)
        with transaction(self._engine) as connection:
            return connection.execute(update(notice).where(row).values(**values)).rowcount > 0


def _insert(connection: Connection, notices: Sequence[NewNotice], state: State, now: int) -> None:
    for new in notices:
        _insert_once(connection, notice, _row(new, state, now))


def _insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row and return True; a row that exists with its key stays as it is."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    key = next(iter(table.primary_key.columns))
    inserted = dialect.insert(table).values(**values).on_conflict_do_nothing().returning(key)
    return connection.execute(inserted).first() is not None


def _row(new: NewNotice, state: State, now: int) -> dict[str, Any]:
    payload = None if new.payload is None else dict(new.payload)
    texts = {**new._asdict(), "mentions": _joined(new.mentions), "payload": payload}
    return {**texts, "state": state, "planned_at": now, "due_at": now}


def notice_of(row: RowMapping) -> Notice:
    """The notice in a row of the table."""
    given = {name: row[name] for name in NewNotice._fields}
    new = NewNotice(**{**given, "kind": Kind(row["kind"]), "mentions": _names(row["mentions"])})
    own = {name: row[name] for name in ("no", "planned_at", "due_at", "attempts", "unconfirmed")}
    return Notice(new=new, state=State(row["state"]), **own)


def _joined(names: Sequence[str]) -> str:
    """As many names as the column holds: the notice reaches the group also where it cannot mention all."""
    joined = ",".join(names)
    return joined if len(joined) <= MAX_MENTIONS_CHARS else joined[: MAX_MENTIONS_CHARS + 1].rpartition(",")[0]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
