"""All weighing sessions of a city, in the registry's database."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Engine, cast, false, insert, or_, select, tuple_, update

from devices.city.model import City
from devices.db.database import transaction
from devices.db.page_cursor import cursor_of, read_cursor
from devices.db.turns import wait_for_turn
from devices.readings.models import Weighing
from rules.weighing.model import (
    Decision,
    NamedSession,
    ResolveRefused,
    SessionChange,
    SessionDetail,
    SessionFilter,
    SessionOutdated,
    SessionPage,
    SessionView,
    UnknownSession,
)
from rules.weighing.projection import project, sessions_to_revise
from rules.weighing.revisions import Changed
from rules.weighing.rows import Key, Place, add_weighings, assign, last_decision, rows_of, weighings_since
from rules.weighing.session import MatchedBy
from rules.weighing.tables import weighing_decision, weighing_progress, weighing_session, weighing_session_change
from rules.weighing.truck_match import TruckMatcher

_TURN: Final = 4_827_338
"""Nobody who holds it asks for another (`devices.db.turns`)."""
_SESSION_ID: Final = "[0-9a-f]{16}"
_FETCHED: Final = 2_000


class SessionStore:
    """All sessions. Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails.

    `city` returns the city as it is now.
    """

    def __init__(
        self,
        engine: Engine,
        city: Callable[[], City],
        named: Callable[[Connection, NamedSession], None] = lambda connection, named: None,
    ) -> None:
        """`named`: called in the same transaction with each session that changed whose truck a person names, or named
        before.
        """
        self._engine, self._city, self._named = engine, city, named
        self._trucks: tuple[City, TruckMatcher] | None = None

    def close(self) -> None:
        self._engine.dispose()

    def progress(self, source: str) -> int:
        """Number of the last weighing that was taken from this source."""
        with transaction(self._engine) as connection:
            return _progress(connection, source)

    def take(self, source: str, last: int, found: Iterable[Weighing], now: int) -> Changed:
        """Take weighings up to number `last` of a source. Those that are there already change nothing."""
        city, trucks = self._now()
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            added = add_weighings(connection, found, city, trucks)
            assign(connection, rows_of(connection, added), city, trucks)  # people may have decided about them before
            changed = project(connection, added, city, trucks, now)
            self._pass_on(connection, changed, now)
            if _progress(connection, source) < last:
                row = weighing_progress.c
                exists = connection.execute(
                    update(weighing_progress).where(row.source == source).values(no=last)
                ).rowcount
                if not exists:
                    connection.execute(insert(weighing_progress).values(source=source, no=last))
            return changed

    def rematch(self, now: int, since: int = 0) -> Changed:
        """Look again for trucks and sites of weighings since `since`, after the registry changed."""
        city, trucks = self._now()
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            changed, again = list[Place](), list[Key]()
            for rows in weighings_since(connection, since):
                changed += assign(connection, rows, city, trucks)[1]
                again += [row.key for row in rows if _is_by_tag(row.weighing, trucks)]
            for one in sessions_to_revise(connection, since, city, trucks):
                again += one
            revised = project(connection, again, city, trucks, now, changed)
            self._pass_on(connection, revised, now)
            return revised

    def resolve(self, session_id: str, decision: Decision) -> SessionDetail:
        """Say which truck a session is of. Raises UnknownSession, SessionOutdated, ResolveRefused."""
        city, trucks = self._now()
        if decision.vehicle_id is not None and decision.vehicle_id not in city.vehicles:
            raise ResolveRefused("vehicle_id", f"no vehicle {decision.vehicle_id!r}: register it, or name another")
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            before = _one(connection, session_id)
            keys = [Key(*one) for one in before.weighings]
            if before.withdrawn:
                raise ResolveRefused("session", "it was withdrawn: later weighings made another of it")
            if before.matched_by is MatchedBy.PLATE:
                raise ResolveRefused("session", f"its plate is that of vehicle {before.vehicle_id}")
            if decision.revision not in {None, before.revision}:
                raise SessionOutdated(f"it has revision {before.revision} meanwhile: look at it again")
            for key in keys:
                connection.execute(
                    insert(weighing_decision).values(
                        device_id=key.device_id,
                        ts=key.ts,
                        vehicle_id=decision.vehicle_id,
                        actor=decision.actor,
                        reason=decision.reason,
                        at=decision.at,
                    )
                )
            _, left = assign(connection, rows_of(connection, keys), city, trucks)
            changed = project(connection, keys, city, trucks, decision.at, left)
            self._pass_on(connection, changed, decision.at)
            return _detail(connection, session_id)

    def session(self, session_id: str, where: SessionFilter | None = None) -> SessionDetail | None:
        """One session with its revisions; None where there is none that the filter selects."""
        selected = select(weighing_session.c.id).where(
            weighing_session.c.id == session_id, *_conditions(where or SessionFilter(), withdrawn=True)
        )
        with transaction(self._engine) as connection:
            if connection.execute(selected).first() is None:
                return None
            return _detail(connection, session_id)

    def sessions(self, where: SessionFilter, *, limit: int, before: str | None = None) -> SessionPage:
        """A page of sessions that stand, newest first. Raises InvalidCursor."""
        table = weighing_session.c
        query = select(weighing_session).where(*_conditions(where))
        if before is not None:
            read = read_cursor(before, _SESSION_ID, "these sessions")
            query = query.where(tuple_(table.weighed_at, table.id) < tuple_(*read))
        query = query.order_by(table.weighed_at.desc(), table.id.desc()).limit(limit + 1)
        with transaction(self._engine) as connection:
            found = [SessionView.model_validate(dict(row)) for row in connection.execute(query).mappings()]
        last = found[limit - 1] if len(found) > limit else None
        next_cursor = None if last is None else cursor_of(last.weighed_at, last.id)
        return SessionPage(items=tuple(found[:limit]), next_cursor=next_cursor)

    def every(self, where: SessionFilter) -> Iterator[SessionView]:
        """All sessions that stand, newest first, read page by page."""
        cursor: str | None = None
        while True:
            page = self.sessions(where, limit=_FETCHED, before=cursor)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def changes_since(self, at: int, *, start: int | None = None, end: int | None = None) -> Iterator[SessionChange]:
        """Revisions since a wall-clock time, ms, oldest first, read some at once. `start` (inclusive) and `end`
        (exclusive): only of sessions that were weighed then, before the revision or after it.
        """
        table, last = weighing_session_change.c, 0
        where = [table.at >= at]
        if start is not None and end is not None:
            # As text first: what JSON has is a number of 4 bytes to SQLAlchemy.
            weighed_at = [cast(state["weighed_at"].as_string(), BigInteger) for state in (table.before, table.after)]
            where.append(or_(*(one.between(start, end - 1) for one in weighed_at)))
        while True:
            query = select(weighing_session_change).where(*where, table.no > last).order_by(table.no).limit(_FETCHED)
            with transaction(self._engine) as connection:
                found = [SessionChange.model_validate(dict(row)) for row in connection.execute(query).mappings()]
            yield from found
            if len(found) < _FETCHED:
                return
            last = found[-1].no

    def _pass_on(self, connection: Connection, changed: Changed, now: int) -> None:
        for session_id in changed.named:
            session = _one(connection, session_id)
            actor, reason = last_decision(connection, [Key(*one) for one in session.weighings])
            self._named(connection, NamedSession(session, actor, reason, now))

    def _now(self) -> tuple[City, TruckMatcher]:
        city = self._city()
        if self._trucks is None or self._trucks[0] is not city:
            self._trucks = city, TruckMatcher(city)
        return self._trucks


def _is_by_tag(weighing: Weighing, trucks: TruckMatcher) -> bool:
    """The tag says whose it is, or contradicts the plate."""
    if weighing.rfid is None:
        return False
    return trucks.match(weighing.plate, weighing.ts, weighing.rfid) != trucks.match(weighing.plate, weighing.ts)


def _wait_for_turn(connection: Connection) -> None:
    """Let writers write one after the other; the first statement of a transaction."""
    wait_for_turn(connection, _TURN, weighing_progress)


def _progress(connection: Connection, source: str) -> int:
    row = weighing_progress.c
    found = connection.execute(select(row.no).where(row.source == source)).first()
    return 0 if found is None else int(found[0])


def _one(connection: Connection, session_id: str) -> SessionView:
    row = connection.execute(select(weighing_session).where(weighing_session.c.id == session_id)).mappings().first()
    if row is None:
        raise UnknownSession(f"no weighing session {session_id!r}: `haulwatch weighings list` shows them")
    return SessionView.model_validate(dict(row))


def _detail(connection: Connection, session_id: str) -> SessionDetail:
    table = weighing_session_change.c
    query = select(weighing_session_change).where(table.id == session_id).order_by(table.no)
    found = [SessionChange.model_validate(dict(row)) for row in connection.execute(query).mappings()]
    return SessionDetail(session=_one(connection, session_id), changes=tuple(found))


def _conditions(where: SessionFilter, *, withdrawn: bool = False) -> list[Any]:
    table = weighing_session.c
    found: list[Any] = [] if withdrawn else [table.withdrawn.is_(False)]
    if where.vehicle_id is not None:
        found.append(table.vehicle_id == where.vehicle_id)
    if where.vehicles is not None:
        found.append(or_(false(), table.vehicle_id.in_(sorted(where.vehicles))))
    if where.site is not None:
        found.append(table.site == where.site)
    if where.flow is not None:
        found.append(table.flow == where.flow)
    if where.unmatched:
        found += [table.vehicle_id.is_(None), table.dismissed.is_(False)]
    if where.start is not None:
        found.append(table.weighed_at >= where.start)
    if where.end is not None:
        found.append(table.weighed_at < where.end)
    return found
