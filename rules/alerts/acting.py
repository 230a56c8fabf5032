"""What people do about alerts, within a transaction that the caller holds: the journal's own, or that of a case."""

from typing import Any, Final

from sqlalchemy import Connection, RowMapping, insert, select, update

from devices.db import turns
from rules.alerts.actions import (
    Acknowledge,
    AlertAction,
    AlreadyClosed,
    Assign,
    Close,
    Comment,
    Continue,
    Correct,
    NotCorrected,
    Reopen,
    UnknownAlert,
)
from rules.alerts.tables import alert, alert_action

_ACTIONS_LOCK: Final = 4_827_301


def wait_for_turn(connection: Connection) -> None:
    """Lock out other writers of actions, so that readers see actions in the order of their numbers and never skip one,
    and so that nothing read from here on is out of date when it is written.

    PostgreSQL numbers a row when it is written and shows it when it is committed.
    """
    turns.wait_for_turn(connection, _ACTIONS_LOCK, alert)


def act_within(connection: Connection, alert_id: str, action: AlertAction) -> None:
    """Record an action. The caller waited for its turn in this transaction.

    Raises UnknownAlert, AlreadyClosed, NotCorrected.
    """
    touched = connection.execute(update(alert).where(alert.c.alert_id == alert_id).values(alert_id=alert_id))
    if touched.rowcount == 0:
        raise UnknownAlert(f"no alert {alert_id!r}")
    row = connection.execute(select(alert).where(alert.c.alert_id == alert_id)).mappings().one()
    values = _effect(action, row)
    if values:
        connection.execute(update(alert).where(alert.c.alert_id == alert_id).values(**values))
    add_action(connection, alert_id, action)


def add_action(connection: Connection, alert_id: str, action: AlertAction) -> None:
    row = {"alert_id": alert_id, "at": action.at, "action": action.model_dump(mode="json")}
    connection.execute(insert(alert_action).values(row))


def _effect(action: AlertAction, row: RowMapping) -> dict[str, Any]:
    """The columns of the alert that an action sets."""
    match action:
        case Acknowledge():
            return {} if row["acknowledged_by"] else {"acknowledged_by": action.actor, "acknowledged_at": action.at}
        case Assign():
            return {"assigned_to": action.assignee}
        case Comment() | Reopen() | Continue():
            return {}
        case Close():
            if row["outcome"] is not None:
                raise AlreadyClosed(f"alert {row['alert_id']!r} was closed by {row['handled_by']}: {row['outcome']}")
            return {"outcome": str(action.outcome), "handled_by": action.actor, "handled_at": action.at}
        case Correct():
            if row["outcome"] is None:
                raise NotCorrected(f"nobody has closed alert {row['alert_id']!r}: close it with its outcome")
            if row["outcome"] == action.outcome:
                raise NotCorrected(f"alert {row['alert_id']!r} has this outcome already: give another one")
            return {"outcome": str(action.outcome)}
