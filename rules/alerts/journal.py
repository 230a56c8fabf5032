"""The alert journal: every alert change and every action of a person, in the registry's database.

Judgement never reads it, so it does not know what people closed: the journal does. What goes on after a person closed
it is open again; an incident that began after that is a new alert, also where judgement counts it to the old one. One
judge writes changes; any number of API processes read and act.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, RowMapping, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from devices.db.database import transaction
from devices.db.page_cursor import cursor_of, read_cursor
from rules.alerts.acting import act_within, add_action, wait_for_turn
from rules.alerts.actions import (
    ActionEntry,
    ActionKind,
    AlertAction,
    AlertDetail,
    AlertFilter,
    AlertPage,
    AlertView,
    Close,
    Continue,
    JournalEntry,
    JournalPosition,
    Reopen,
    UnknownAlert,
)
from rules.alerts.model import TAKEN_BACK, AlertChange, Amendment, Phase, alert_id
from rules.alerts.selection import conditions, newest
from rules.alerts.tables import alert, alert_action, alert_change

_ACTION: Final[TypeAdapter[AlertAction]] = TypeAdapter(AlertAction)
_JOURNAL: Final = "haulwatch"
"""Who acts where the journal itself does."""
_GOING_ON: Final = frozenset({Phase.PROVISIONAL, Phase.CONFIRMED})
_REOPENED_AT: Final = (
    select(func.max(alert_action.c.at))
    .where(alert_action.c.alert_id == alert.c.alert_id)
    .where(alert_action.c.action["kind"].as_string() == ActionKind.REOPEN)
    .scalar_subquery()
)
_FIRST_AMENDMENT: Final = (
    select(alert_change.c.change["amendment"].as_string())
    .where(alert_change.c.alert_id == alert.c.alert_id)
    .order_by(alert_change.c.revision)
    .limit(1)
    .scalar_subquery()
)
_ALERTS: Final = select(alert, _REOPENED_AT.label("reopened_at"), _FIRST_AMENDMENT.label("first_amendment"))
_ALERT_ID: Final = "[0-9a-f]{16}"


class AlertJournal:
    """The journal. Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int:
        """Write changes in their order, all or none, and return how many were new. Writing one twice changes nothing.

        `recorded_at`: wall clock, ms.
        """
        if not changes:
            return 0
        with transaction(self._engine) as connection:
            wait_for_turn(connection)
            return sum(
                _record(connection, moved, recorded_at)
                for change in changes
                for moved in _to_its_alert(connection, change, recorded_at)
            )

    def has(self, key: str) -> bool:
        """True if the change with this key was recorded (`AlertChange.key`), for its alert or one that continues it."""
        followed, phase, revision = key.split()
        with transaction(self._engine) as connection:
            while not _is_recorded(connection, followed, phase, int(revision)):
                following = _following(_actions(connection, followed))
                if following is None:
                    return False
                followed = following.alert_id
        return True

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
            rows = connection.execute(_ALERTS.where(alert.c.alert_id.in_(touched))).mappings()
            views = [_view(row) for row in rows]
        return views, JournalPosition(
            changed[-1].no if changed else position.change, acted[-1].no if acted else position.action
        )

    def last_sequence(self) -> int:
        """Number of the newest change; 0 while there is none."""
        with transaction(self._engine) as connection:
            newest = select(alert_change.c.no).order_by(alert_change.c.no.desc()).limit(1)
            return connection.execute(newest).scalar() or 0

    def actions_after(self, sequence: int, limit: int) -> list[ActionEntry]:
        """Actions recorded after number `sequence`, oldest first, for followers that read on."""
        query = select(alert_action, alert.c.subject).join(alert, alert.c.alert_id == alert_action.c.alert_id)
        query = query.where(alert_action.c.no > sequence).order_by(alert_action.c.no).limit(limit)
        with transaction(self._engine) as connection:
            return [
                ActionEntry(
                    sequence=row["no"],
                    alert_id=row["alert_id"],
                    subject=row["subject"],
                    action=_ACTION.validate_python(row["action"]),
                )
                for row in connection.execute(query).mappings()
            ]

    def last_position(self) -> JournalPosition:
        """Numbers of the newest change and the newest action."""
        with transaction(self._engine) as connection:
            newest = [
                connection.execute(select(func.max(table.c.no))).scalar() for table in (alert_change, alert_action)
            ]
        return JournalPosition(*(number or 0 for number in newest))

    def last_recorded_until(self, instant: int) -> int:
        """Number of the newest change that was recorded at `instant` (wall clock, ms) or before; 0 if there is none."""
        newest = select(func.max(alert_change.c.no)).where(alert_change.c.recorded_at <= instant)
        with transaction(self._engine) as connection:
            return connection.execute(newest).scalar() or 0

    def alerts(self, where: AlertFilter, *, limit: int, before: str | None = None) -> AlertPage:
        """A page of alerts, newest `opened_at` first. Raises InvalidCursor."""
        ids = newest(where, limit + 1, None if before is None else read_cursor(before, _ALERT_ID, "this journal"))
        query = _ALERTS.where(alert.c.alert_id.in_(ids)).order_by(alert.c.opened_at.desc(), alert.c.alert_id.desc())
        with transaction(self._engine) as connection:
            found = tuple(_view(row) for row in connection.execute(query).mappings())
        last = found[limit - 1] if len(found) > limit else None
        next_cursor = None if last is None else cursor_of(last.opened_at, last.alert_id)
        return AlertPage(items=found[:limit], next_cursor=next_cursor)

    def open_alerts(self) -> dict[tuple[str, str], int]:
        """Number of open alerts, by rule and severity."""
        by = (alert.c.rule, alert.c.severity)
        query = select(*by, func.count()).where(*conditions(AlertFilter(open=True))).group_by(*by)
        with transaction(self._engine) as connection:
            return {(rule, severity): count for rule, severity, count in connection.execute(query)}

    def alert(self, alert_id: str) -> AlertDetail | None:
        """One alert with its history; None when no alert has this id."""
        with transaction(self._engine) as connection:
            return _detail(connection, alert_id)

    def act(self, alert_id: str, action: AlertAction) -> AlertDetail:
        """Record a person's action. A second acknowledgement keeps the first name; a closed alert stays closed.

        Raises UnknownAlert, AlreadyClosed, NotCorrected.
        """
        with transaction(self._engine) as connection:
            wait_for_turn(connection)
            act_within(connection, alert_id, action)
            detail = _detail(connection, alert_id)
        if detail is None:
            raise UnknownAlert(f"no alert {alert_id!r}")
        return detail


def _to_its_alert(connection: Connection, change: AlertChange, recorded_at: int) -> list[AlertChange]:
    """The change under the id of the alert that holds its incident; a retraction concerns them all.

    That alert is the one that judgement names, unless a person closed it before the incident began. A change that is
    recorded already stays where it is, so that writing it twice changes nothing.
    """
    found = [change]
    while not _is_recorded(connection, found[-1].alert_id, str(change.phase), change.revision):
        latest = found[-1]
        actions = _actions(connection, latest.alert_id)
        following = _following(actions)
        if following is None and _begins_after_closing(connection, latest, actions):
            following = _continue(connection, latest, recorded_at)
        taken_back = change.amendment in TAKEN_BACK
        if following is None or (change.onset is not None and change.onset < following.onset and not taken_back):
            break
        begun = {"alert_id": following.alert_id, "opened_at": following.onset, "continues": change.alert_id}
        found.append(latest.model_copy(update=begun))
    return found if change.amendment in TAKEN_BACK else found[-1:]


def _is_recorded(connection: Connection, alert_id: str, phase: str, revision: int) -> bool:
    key = (alert_change.c.alert_id == alert_id, alert_change.c.phase == phase)
    query = select(alert_change.c.no).where(*key, alert_change.c.revision == revision)
    return connection.execute(query).first() is not None


def _following(actions: Sequence[AlertAction]) -> Continue | None:
    """The action that names the alert which continues this one, if one does."""
    return next((taken for taken in reversed(actions) if isinstance(taken, Continue)), None)


def _begins_after_closing(connection: Connection, change: AlertChange, actions: Sequence[AlertAction]) -> bool:
    """True if a person closed the alert, and the incident of this change is newer than all that it held."""
    if change.onset is None or change.phase not in _GOING_ON:
        return False
    if not any(isinstance(action, Close) for action in actions):
        return False
    held = select(alert_change.c.change).where(alert_change.c.alert_id == change.alert_id)
    last = connection.execute(held.order_by(alert_change.c.revision.desc()).limit(1)).scalar_one()
    return bool(change.onset > (last.get("onset") or last["opened_at"]))


def _continue(connection: Connection, change: AlertChange, recorded_at: int) -> Continue:
    """Begin a new alert for the incident of this change. Its id is derived, as all are."""
    onset = change.onset or change.opened_at
    new_id = alert_id(change.rule, change.alert_id, onset)
    following = Continue(actor=_JOURNAL, at=recorded_at, alert_id=new_id, onset=onset)
    add_action(connection, change.alert_id, following)
    return following


def _reopen(connection: Connection, change: AlertChange, recorded_at: int) -> None:
    """Open the alert again, if a person had closed it and it goes on. Better values of what was are no going on."""
    if change.phase not in _GOING_ON or change.revised:
        return
    closed = select(alert.c.outcome, alert.c.handled_by).where(alert.c.alert_id == change.alert_id)
    outcome, closed_by = connection.execute(closed).one()
    if outcome is None:
        return
    since = change.onset or change.opened_at
    reopening = Reopen(actor=_JOURNAL, at=recorded_at, outcome=outcome, closed_by=closed_by, since=since)
    add_action(connection, change.alert_id, reopening)
    no_closing = {"outcome": None, "handled_by": None, "handled_at": None}
    connection.execute(update(alert).where(alert.c.alert_id == change.alert_id).values(**no_closing))


def _actions(connection: Connection, alert_id: str) -> list[AlertAction]:
    """Every action on an alert, oldest first."""
    query = select(alert_action.c.action).where(alert_action.c.alert_id == alert_id).order_by(alert_action.c.no)
    return [_ACTION.validate_python(found) for found in connection.execute(query).scalars()]


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
        _reopen(connection, change, recorded_at)
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
    columns = change.model_dump(mode="json", exclude={"at", "title", "onset", "revised", "takes_over", "continues"})
    return {**columns, "title_en": change.title.en, "title_zh": change.title.zh}


def _detail(connection: Connection, alert_id: str) -> AlertDetail | None:
    row = connection.execute(_ALERTS.where(alert.c.alert_id == alert_id)).mappings().one_or_none()
    if row is None:
        return None
    changes = select(alert_change).where(alert_change.c.alert_id == alert_id).order_by(alert_change.c.revision)
    return AlertDetail(
        alert=_view(row),
        changes=tuple(_entry(found) for found in connection.execute(changes).mappings()),
        actions=tuple(_actions(connection, alert_id)),
    )


def _view(row: RowMapping) -> AlertView:
    is_late = row["first_amendment"] == Amendment.NEW_LATE
    title = {"en": row["title_en"], "zh": row["title_zh"]}
    return AlertView.model_validate(
        {**row, "title": title, "learned_at": row["first_recorded_at"] if is_late else None}
    )


def _entry(row: RowMapping) -> JournalEntry:
    change = AlertChange.model_validate(row["change"])
    return JournalEntry(sequence=row["no"], recorded_at=row["recorded_at"], change=change)
