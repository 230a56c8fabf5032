"""The alert journal: every alert change and every action of a person, in the registry's database.

It is the one module of `rules/` that does I/O. Judgement never reads it. One judge writes changes; any number of API
processes read and act.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, RowMapping, and_, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from devices.db.database import transaction
from rules.alerts.actions import (
    Acknowledge,
    AlertAction,
    AlertDetail,
    AlertFilter,
    AlertPage,
    AlertView,
    AlreadyClosed,
    Assign,
    Close,
    Comment,
    InvalidCursor,
    JournalEntry,
    JournalPosition,
    UnknownAlert,
)
from rules.alerts.model import AlertChange, Phase
from rules.alerts.tables import alert, alert_action, alert_change

_ACTION: Final[TypeAdapter[AlertAction]] = TypeAdapter(AlertAction)
_ACTIONS_LOCK: Final = 4_827_301
"""PostgreSQL identifies advisory locks by number. Any number will do that nothing else in this database uses."""
_CURSOR: Final = re.compile(r"([0-9]{1,15}) ([0-9a-f]{16})")


class AlertJournal:
    """The journal. Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int:
        """Write changes in their order, all or none, and return how many were new. Writing one twice changes nothing.

        `recorded_at`: wall clock, ms.
        """
        if not changes:
            return 0
        with transaction(self._engine) as connection:
            return sum(_record(connection, change, recorded_at) for change in changes)

    def changes_after(self, sequence: int, limit: int) -> list[JournalEntry]:
        """Changes recorded after number `sequence`, oldest first, for followers that read on."""
        query = select(alert_change).where(alert_change.c.no > sequence).order_by(alert_change.c.no).limit(limit)
        with transaction(self._engine) as connection:
            return [_entry(row) for row in connection.execute(query).mappings()]

    def touched_after(self, position: JournalPosition, limit: int) -> tuple[list[AlertView], JournalPosition]:
        """Alerts that judgement changed or a person acted on after `position`, in their present state, and the position
        after them.

        At most `limit` changes and as many actions at a time: call again until the position stays.
        """
        changes = select(alert_change.c.no, alert_change.c.alert_id).where(alert_change.c.no > position.change)
        actions = select(alert_action.c.no, alert_action.c.alert_id).where(alert_action.c.no > position.action)
        with transaction(self._engine) as connection:
            changed = connection.execute(changes.order_by(alert_change.c.no).limit(limit)).all()
            acted = connection.execute(actions.order_by(alert_action.c.no).limit(limit)).all()
            touched = {alert_id for _, alert_id in (*changed, *acted)}
            rows = connection.execute(select(alert).where(alert.c.alert_id.in_(touched))).mappings()
            views = [_view(row) for row in rows]
        return views, JournalPosition(
            changed[-1].no if changed else position.change, acted[-1].no if acted else position.action
        )

    def last_sequence(self) -> int:
        """Number of the newest change; 0 while there is none."""
        with transaction(self._engine) as connection:
            newest = select(alert_change.c.no).order_by(alert_change.c.no.desc()).limit(1)
            return connection.execute(newest).scalar() or 0

    def alerts(self, where: AlertFilter, *, limit: int, before: str | None = None) -> AlertPage:
        """A page of alerts, newest `opened_at` first. Raises InvalidCursor."""
        query = select(alert).order_by(alert.c.opened_at.desc(), alert.c.alert_id.desc()).limit(limit + 1)
        for condition in _conditions(where):
            query = query.where(condition)
        if before is not None:
            opened_at, last_id = _read_cursor(before)
            query = query.where(
                or_(alert.c.opened_at < opened_at, and_(alert.c.opened_at == opened_at, alert.c.alert_id < last_id))
            )
        with transaction(self._engine) as connection:
            found = tuple(_view(row) for row in connection.execute(query).mappings())
        more = len(found) > limit
        return AlertPage(items=found[:limit], next_cursor=_cursor(found[limit - 1]) if more else None)

    def open_alerts(self) -> dict[tuple[str, str], int]:
        """Number of open alerts, by rule and severity."""
        by = (alert.c.rule, alert.c.severity)
        query = select(*by, func.count()).where(*_conditions(AlertFilter(open=True))).group_by(*by)
        with transaction(self._engine) as connection:
            return {(rule, severity): count for rule, severity, count in connection.execute(query)}

    def alert(self, alert_id: str) -> AlertDetail | None:
        """One alert with its history; None when no alert has this id."""
        with transaction(self._engine) as connection:
            return _detail(connection, alert_id)

    def act(self, alert_id: str, action: AlertAction) -> AlertDetail:
        """Record a person's action. A second acknowledgement keeps the first name; a closed alert stays closed.

        Raises UnknownAlert, AlreadyClosed.
        """
        with transaction(self._engine) as connection:
            # Write first: this locks the row, so two people cannot both close the alert.
            touched = connection.execute(update(alert).where(alert.c.alert_id == alert_id).values(alert_id=alert_id))
            if touched.rowcount == 0:
                raise UnknownAlert(f"no alert {alert_id!r}")
            row = connection.execute(select(alert).where(alert.c.alert_id == alert_id)).mappings().one()
            values = _effect(action, row)
            if values:
                connection.execute(update(alert).where(alert.c.alert_id == alert_id).values(**values))
            _wait_for_other_actions(connection)
            row_of_action = {"alert_id": alert_id, "at": action.at, "action": action.model_dump(mode="json")}
            connection.execute(insert(alert_action).values(row_of_action))
            detail = _detail(connection, alert_id)
        if detail is None:
            raise UnknownAlert(f"no alert {alert_id!r}")
        return detail


def _wait_for_other_actions(connection: Connection) -> None:
    """Lock out other actions, so that readers see actions in the order of their numbers and never skip one.

    PostgreSQL numbers a row when it is written and shows it when it is committed. SQLite has one writer at a time, and
    the changes come from one judge.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_ACTIONS_LOCK)))


def _effect(action: AlertAction, row: RowMapping) -> dict[str, Any]:
    """The columns of the alert that an action sets."""
    match action:
        case Acknowledge():
            return {} if row["acknowledged_by"] else {"acknowledged_by": action.actor, "acknowledged_at": action.at}
        case Assign():
            return {"assigned_to": action.assignee}
        case Comment():
            return {}
        case Close():
            if row["outcome"] is not None:
                raise AlreadyClosed(f"alert {row['alert_id']!r} was closed by {row['handled_by']}: {row['outcome']}")
            return {"outcome": str(action.outcome), "handled_by": action.actor, "handled_at": action.at}


def _record(connection: Connection, change: AlertChange, recorded_at: int) -> bool:
    new = {
        "alert_id": change.alert_id,
        "phase": str(change.phase),
        "revision": change.revision,
        "recorded_at": recorded_at,
        "change": change.model_dump(mode="json"),
    }
    if not _insert_once(connection, alert_change, new):
        return False
    state = _state(change)
    fresh = {"first_recorded_at": recorded_at, "confirmed_at": None, **state}
    if not _insert_once(connection, alert, fresh):
        newer = (alert.c.alert_id == change.alert_id) & (alert.c.revision < change.revision)
        connection.execute(update(alert).where(newer).values(**state))
    if change.phase is Phase.CONFIRMED:
        first = (alert.c.alert_id == change.alert_id) & alert.c.confirmed_at.is_(None)
        connection.execute(update(alert).where(first).values(confirmed_at=change.at))
    return True


def _insert_once(connection: Connection, table: Any, values: Mapping[str, Any]) -> bool:
    """Insert a row and return True; a row that exists with this key stays as it is."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    inserted = dialect.insert(table).values(**values).on_conflict_do_nothing().returning(table.c.alert_id)
    return connection.execute(inserted).first() is not None


def _state(change: AlertChange) -> dict[str, Any]:
    columns = change.model_dump(mode="json", exclude={"at", "title"})
    return {**columns, "title_en": change.title.en, "title_zh": change.title.zh}


def _conditions(where: AlertFilter) -> list[Any]:
    conditions = [
        alert.c[name] == str(value)
        for name in ("rule", "severity", "phase", "subject")
        if (value := getattr(where, name)) is not None
    ]
    if where.start is not None:
        conditions.append(alert.c.opened_at >= where.start)
    if where.end is not None:
        conditions.append(alert.c.opened_at < where.end)
    if where.open is not None:
        is_open = and_(alert.c.closed_at.is_(None), alert.c.outcome.is_(None))
        conditions.append(is_open if where.open else ~is_open)
    if where.handled is not None:
        conditions.append(alert.c.outcome.is_not(None) if where.handled else alert.c.outcome.is_(None))
    return conditions


def _detail(connection: Connection, alert_id: str) -> AlertDetail | None:
    row = connection.execute(select(alert).where(alert.c.alert_id == alert_id)).mappings().one_or_none()
    if row is None:
        return None
    changes = select(alert_change).where(alert_change.c.alert_id == alert_id).order_by(alert_change.c.revision)
    actions = select(alert_action.c.action).where(alert_action.c.alert_id == alert_id).order_by(alert_action.c.no)
    return AlertDetail(
        alert=_view(row),
        changes=tuple(_entry(found) for found in connection.execute(changes).mappings()),
        actions=tuple(_ACTION.validate_python(found) for found in connection.execute(actions).scalars()),
    )


def _view(row: RowMapping) -> AlertView:
    return AlertView.model_validate({**row, "title": {"en": row["title_en"], "zh": row["title_zh"]}})


def _entry(row: RowMapping) -> JournalEntry:
    change = AlertChange.model_validate(row["change"])
    return JournalEntry(sequence=row["no"], recorded_at=row["recorded_at"], change=change)


def _cursor(last: AlertView) -> str:
    return base64.urlsafe_b64encode(f"{last.opened_at} {last.alert_id}".encode()).decode()


def _read_cursor(text: str) -> tuple[int, str]:
    try:
        found = _CURSOR.fullmatch(base64.b64decode(text, altchars=b"-_", validate=True).decode())
    except (binascii.Error, UnicodeDecodeError, ValueError) as exc:
        raise InvalidCursor(f"{text!r} is not a cursor of this journal") from exc
    if found is None:
        raise InvalidCursor(f"{text!r} is not a cursor of this journal")
    return int(found[1]), found[2]
