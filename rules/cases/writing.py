"""Changes of cases, within a transaction that the caller holds: that of `CaseStore`, or that of a report of the public.

Case, events and the actions on its alerts are rows of one database and are committed together: a crash leaves all of a
change or nothing (decision 97). The caller begins with `wait_for_turn`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from devices.db import turns
from rules.alerts import acting
from rules.alerts.actions import Acknowledge, UnknownAlert
from rules.alerts.actions import Close as CloseAlert
from rules.alerts.actions import Comment as CommentOnAlert
from rules.alerts.model import TAKEN_BACK
from rules.alerts.tables import alert
from rules.cases.actions import (
    AddAlerts,
    Assign,
    Begin,
    CaseAction,
    Change,
    Close,
    Comment,
    RemoveAlert,
    Reopen,
    SetDeadline,
    state_after,
)
from rules.cases.deadlines import Terms
from rules.cases.model import (
    MAX_ALERTS,
    AlertTaken,
    CaseKind,
    CaseOutcome,
    CaseRefused,
    CaseState,
    EventKind,
    NewCase,
    OutdatedCase,
    Particulars,
    UnknownCase,
    WrongState,
)
from rules.cases.tables import case_alert, case_event, case_file

_CASES_LOCK: Final = 4_827_302
"""Whoever needs the turn of `rules.alerts.acting` too takes this one first."""


def wait_for_turn(connection: Connection) -> None:
    """Let writers of cases write one after the other, each with what the one before wrote: numbers have no gap, and no
    two cases take one alert. The first statement of its transaction.
    """
    turns.wait_for_turn(connection, _CASES_LOCK, case_file)


def open_case(connection: Connection, new: NewCase, actor: str, at: int, terms: Terms) -> str:
    """Open a case and return its number. Its alerts are acknowledged, since somebody works on them.

    Raises CaseRefused, UnknownAlert, AlertTaken.
    """
    new.check()
    if new.kind is CaseKind.ALERT and not new.alerts:
        raise CaseRefused("alerts", "name at least one alert, or open a case of another kind")
    deadline = terms.deadline(new.kind, at) if new.deadline is None else _to_come(new.deadline, at)
    year = terms.year(at)
    newest = select(func.max(case_file.c.serial)).where(case_file.c.year == year)
    serial = (connection.execute(newest).scalar() or 0) + 1
    number = f"{year:04}-{serial:06}"
    own = new.model_dump(mode="json", exclude={"alerts", "deadline", "reason"})
    row = own | {"number": number, "year": year, "serial": serial, "state": CaseState.OPEN, "version": 1}
    row |= {"opened_at": at, "opened_by": actor, "deadline": deadline, "reopened": 0}
    connection.execute(insert(case_file).values(row))
    detail = {"kind": new.kind, "title": new.title, "deadline": deadline, "assignee": new.assignee}
    add_event(connection, number, EventKind.OPENED, actor, at, new.reason, detail)
    if new.alerts:
        taken = _take(connection, number, new.alerts, actor, at, None)
        if values := _from_alerts(new, taken):
            connection.execute(_of(number).values(**values))
    return number


def act(connection: Connection, number: str, action: CaseAction, terms: Terms) -> None:
    """Change a case. Raises UnknownCase, OutdatedCase, WrongState, CaseRefused, UnknownAlert, AlertTaken."""
    row = connection.execute(select(case_file).where(case_file.c.number == number)).mappings().one_or_none()
    if row is None:
        raise UnknownCase(f"no case {number!r}")
    if not isinstance(action, Comment) and action.version != row["version"]:
        raise OutdatedCase(
            f"case {number} was changed meanwhile: it is version {row['version']}, not {action.version}. Read it again"
        )
    try:
        state = state_after(CaseState(row["state"]), action)
    except WrongState as exc:
        raise WrongState(f"case {number}: {exc}") from exc
    values = _effect(connection, row, action, terms)
    if not isinstance(action, Comment):
        connection.execute(_of(number).values(state=state, version=row["version"] + 1, **values))


def add_event(
    connection: Connection,
    number: str,
    kind: EventKind,
    actor: str,
    at: int,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add an event to a case."""
    row = {"number": number, "at": at, "actor": actor, "kind": kind, "reason": reason, "detail": dict(detail or {})}
    connection.execute(insert(case_event).values(row))


def _effect(connection: Connection, row: RowMapping, action: CaseAction, terms: Terms) -> dict[str, Any]:
    """Do what an action asks for beside the state, add its events, and return the columns of the case that it sets."""
    number: str = row["number"]
    detail: dict[str, Any] = {}
    values: dict[str, Any] = {}
    match action:
        case AddAlerts():
            _take(connection, number, action.alerts, action.actor, action.at, action.reason)
            return {}  # an event for each
        case RemoveAlert():
            detail = {"alert_id": action.alert_id}
            _let_go(connection, number, action)
        case Assign():
            detail = values = {"assignee": action.assignee}
        case Begin() | Comment():
            pass
        case Change():
            values = _changed(row, action)
            detail = {"before": {name: row[name] for name in values}, "after": values}
        case SetDeadline():
            values = {"deadline": _to_come(action.deadline, action.at)}
            detail = values | {"before": row["deadline"]}
        case Close():
            _close_alerts(connection, number, action)
            values = {"outcome": action.outcome, "closed_at": action.at, "closed_by": action.actor}
            values |= {"closing_reason": action.reason}
            detail = {"outcome": action.outcome, "deadline": row["deadline"]}
        case Reopen():
            _claim_again(connection, number)
            given = action.deadline
            due = terms.deadline(CaseKind(row["kind"]), action.at) if given is None else _to_come(given, action.at)
            values = dict.fromkeys(("outcome", "closed_at", "closed_by", "closing_reason"))
            values |= {"deadline": due, "reopened": row["reopened"] + 1}
            detail = {"deadline": due, "outcome": row["outcome"]}
    add_event(connection, number, action.kind, action.actor, action.at, action.reason, detail)
    return values


def _of(number: str) -> Any:
    return update(case_file).where(case_file.c.number == number)


def _to_come(deadline: int, at: int) -> int:
    if deadline <= at:
        raise CaseRefused("deadline", "give a time to come")
    return deadline


def _take(
    connection: Connection, number: str, alert_ids: Iterable[str], actor: str, at: int, reason: str | None
) -> list[RowMapping]:
    """Let the case hold these alerts, and return them as the journal has them."""
    acting.wait_for_turn(connection)
    rows = connection.execute(_alerts_of(number)).all()
    before = {row.alert_id: row.held for row in rows}
    last = max((row.position for row in rows), default=-1)
    wanted = list(dict.fromkeys(alert_ids))
    if sum(before.values()) + len(wanted) > MAX_ALERTS:
        raise CaseRefused("alerts", f"a case holds at most {MAX_ALERTS} alerts: open another")
    taken = []
    for place, alert_id in enumerate(wanted, start=last + 1):
        claimed = select(case_alert.c.number).where(case_alert.c.alert_id == alert_id, case_alert.c.claims)
        holder = connection.execute(claimed).scalar()
        if holder is not None:
            raise AlertTaken(alert_id, holder)
        row = connection.execute(select(alert).where(alert.c.alert_id == alert_id)).mappings().one_or_none()
        if row is None:
            raise UnknownAlert(f"no alert {alert_id!r}")
        values = {"held": True, "claims": True, "position": place}
        if alert_id in before:
            connection.execute(_alert_row(number, alert_id).values(**values))
        else:
            key = {"number": number, "alert_id": alert_id, "subject": row["subject"]}
            connection.execute(insert(case_alert).values(key | values))
        add_event(connection, number, EventKind.ALERT_ADDED, actor, at, reason, {"alert_id": alert_id})
        acting.act_within(connection, alert_id, Acknowledge(actor=actor, at=at, note=_note(number, "taken up 立案")))
        taken.append(row)
    return taken


def _let_go(connection: Connection, number: str, action: RemoveAlert) -> None:
    acting.wait_for_turn(connection)
    gone = _alert_row(number, action.alert_id).where(case_alert.c.held).values(held=False, claims=False)
    if connection.execute(gone).rowcount == 0:
        raise CaseRefused("alert_id", f"case {number} does not hold alert {action.alert_id!r}")
    note = _note(number, "removed from it 移出")
    acting.act_within(connection, action.alert_id, CommentOnAlert(actor=action.actor, at=action.at, note=note))


def _close_alerts(connection: Connection, number: str, action: Close) -> None:
    """Give the outcome to each alert of the case that has none. One that was closed by itself keeps its outcome, and
    gets a remark if the case ends in another; one that judgement took back stands for nothing and stays as it is.
    """
    acting.wait_for_turn(connection)
    held = select(case_alert.c.alert_id).where(case_alert.c.number == number, case_alert.c.held)
    query = select(alert).where(alert.c.alert_id.in_(held)).order_by(alert.c.alert_id)
    rows = connection.execute(query).mappings().all()
    if action.outcome is CaseOutcome.DUPLICATE and rows:
        hint = "its alerts would be closed without anybody's finding: remove them, or add them to the other case first"
        raise CaseRefused("outcome", hint)
    outcome = action.outcome.of_alerts
    for row in rows:
        doing = {"actor": action.actor, "at": action.at, "note": _note(number, f"closed 结案, {action.outcome}")}
        if row["amendment"] in TAKEN_BACK:
            continue
        if row["outcome"] is None:
            acting.act_within(connection, row["alert_id"], CloseAlert(outcome=outcome, **doing))
        elif row["outcome"] != outcome:
            acting.act_within(connection, row["alert_id"], CommentOnAlert(**doing))
    connection.execute(update(case_alert).where(case_alert.c.number == number).values(claims=False))


def _claim_again(connection: Connection, number: str) -> None:
    for row in connection.execute(_alerts_of(number)):
        if row.held:
            claimed = select(case_alert.c.number).where(case_alert.c.alert_id == row.alert_id, case_alert.c.claims)
            holder = connection.execute(claimed).scalar()
            if holder is not None:
                raise AlertTaken(row.alert_id, holder)
    held = (case_alert.c.number == number) & case_alert.c.held
    connection.execute(update(case_alert).where(held).values(claims=True))


def _alerts_of(number: str) -> Any:
    return select(case_alert).where(case_alert.c.number == number)


def _alert_row(number: str, alert_id: str) -> Any:
    return update(case_alert).where(case_alert.c.number == number, case_alert.c.alert_id == alert_id)


def _note(number: str, what: str) -> str:
    return f"case 案件 {number}: {what}"


def _changed(row: RowMapping, action: Change) -> dict[str, Any]:
    given = action.change.model_dump(exclude_unset=True)
    if not given:
        raise CaseRefused("change", "name at least one field with its new value")
    if given.get("title", "") is None:
        raise CaseRefused("title", "a case has a title: give one, or leave the field out")
    names = Particulars.model_fields.keys()
    Particulars.model_validate({name: given.get(name, row[name]) for name in names}).check()
    return given


def _from_alerts(new: NewCase, rows: list[RowMapping]) -> dict[str, Any]:
    """Place and stretch of a case for which nobody gave any: the first place, and from first beginning to last end."""
    values: dict[str, Any] = {}
    located = [row for row in rows if row["lat"] is not None]
    if new.lat is None and located:
        values |= {"lat": located[0]["lat"], "lon": located[0]["lon"]}
    if new.happened_from is None:
        values["happened_from"] = min(row["opened_at"] for row in rows)
        values["happened_until"] = max(row["closed_at"] or row["opened_at"] for row in rows)
    return values
