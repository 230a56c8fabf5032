"""What people do with a case, and the state that follows: the state machine of cases."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from devices.readings.text import ShortText
from rules.cases.model import (
    MAX_ALERTS,
    CaseChange,
    CaseOutcome,
    CaseState,
    EventKind,
    Reason,
    WrongState,
)


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True)

    actor: ShortText
    at: int
    """Wall clock, ms since 1970 UTC."""


class _Changing(_Action):
    version: int
    """Of the case as the person saw it: what somebody did meanwhile must not be overwritten unseen."""
    reason: Reason | None = None


class AddAlerts(_Changing):
    """The case is about these alerts as well."""

    kind: Literal[EventKind.ALERT_ADDED] = EventKind.ALERT_ADDED
    alerts: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_ALERTS)]


class RemoveAlert(_Changing):
    """An alert was added wrongly."""

    kind: Literal[EventKind.ALERT_REMOVED] = EventKind.ALERT_REMOVED
    alert_id: str
    reason: Reason


class Assign(_Changing):
    """Somebody is to work on the case; None: nobody any more."""

    kind: Literal[EventKind.ASSIGNED] = EventKind.ASSIGNED
    assignee: ShortText | None


class Begin(_Changing):
    """Somebody works on the case now."""

    kind: Literal[EventKind.BEGUN] = EventKind.BEGUN


class Comment(_Action):
    """A remark. It changes nothing, so that it needs no version."""

    kind: Literal[EventKind.COMMENTED] = EventKind.COMMENTED
    reason: Reason


class Change(_Changing):
    """Title, place or stretch of the case are corrected."""

    kind: Literal[EventKind.CHANGED] = EventKind.CHANGED
    change: CaseChange


class SetDeadline(_Changing):
    """The case is due at another time."""

    kind: Literal[EventKind.DEADLINE_SET] = EventKind.DEADLINE_SET
    deadline: int
    reason: Reason


class Close(_Changing):
    """The case is dealt with."""

    kind: Literal[EventKind.CLOSED] = EventKind.CLOSED
    outcome: CaseOutcome
    reason: Reason


class Reopen(_Changing):
    """A closed case was not dealt with after all."""

    kind: Literal[EventKind.REOPENED] = EventKind.REOPENED
    reason: Reason
    deadline: int | None = None
    """None: that of the settings, from now on."""


CaseAction = AddAlerts | RemoveAlert | Assign | Begin | Comment | Change | SetDeadline | Close | Reopen


def state_after(state: CaseState, action: CaseAction) -> CaseState:
    """The state of a case after an action. Raises WrongState if the action does not fit the state before."""
    match action, state:
        case Comment(), _:
            return state
        case Reopen(), CaseState.CLOSED:
            return CaseState.OPEN
        case Reopen(), _:
            raise WrongState("it is not closed, so it cannot be reopened")
        case _, CaseState.CLOSED:
            raise WrongState("it is closed: reopen it, or comment on it")
        case Close(), _:
            return CaseState.CLOSED
        case Begin(), CaseState.OPEN:
            return CaseState.IN_PROGRESS
        case Begin(), _:
            raise WrongState("somebody works on it already")
        case _:
            return state
