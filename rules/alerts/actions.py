"""An alert as people meet it: its present state, its history, and what was done about it.

JournalError
├── UnknownAlert    no alert has this id
├── AlreadyClosed   a person closed it before; the outcome stands
└── InvalidCursor   not a cursor this journal gave out
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from rules.alerts.model import AlertChange, Amendment, Evidence, Phase, Severity, Text


class JournalError(Exception):
    """The journal was asked for something it cannot do."""


class UnknownAlert(JournalError):
    """No alert has this id."""


class AlreadyClosed(JournalError):
    """A person closed it before; the outcome stands."""


class InvalidCursor(JournalError):
    """Not a cursor this journal gave out."""


class Outcome(StrEnum):
    """What people found when they looked into an alert."""

    CONFIRMED_VIOLATION = "confirmed_violation"
    FALSE_ALARM = "false_alarm"
    NO_ACTION = "no_action"
    """True, but nothing to pursue: told off, too old, permitted by word of mouth."""
    DEVICE_FAULT = "device_fault"


class ActionKind(StrEnum):
    """What a person may do with an alert."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    COMMENT = "comment"
    CLOSE = "close"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


_Actor = Annotated[str, Field(min_length=1, max_length=64)]


class _Action(_Value):
    actor: _Actor
    at: int
    """Wall clock, ms since 1970 UTC: people act in their own time, not in device time."""
    note: Annotated[str, Field(max_length=2_000)] | None = None


class Acknowledge(_Action):
    """Somebody has seen it."""

    kind: Literal[ActionKind.ACKNOWLEDGE] = ActionKind.ACKNOWLEDGE


class Assign(_Action):
    """Somebody is to look into it."""

    kind: Literal[ActionKind.ASSIGN] = ActionKind.ASSIGN
    assignee: _Actor


class Comment(_Action):
    """A remark; `note` is required."""

    kind: Literal[ActionKind.COMMENT] = ActionKind.COMMENT
    note: Annotated[str, Field(min_length=1, max_length=2_000)]


class Close(_Action):
    """Dealt with."""

    kind: Literal[ActionKind.CLOSE] = ActionKind.CLOSE
    outcome: Outcome


AlertAction = Annotated[Acknowledge | Assign | Comment | Close, Field(discriminator="kind")]


class AlertView(_Value):
    """One alert as it stands now. Times are device time in ms, except where said."""

    alert_id: str
    rule: str
    rule_version: int
    subject: str
    phase: Phase
    severity: Severity
    opened_at: int
    confirmed_at: int | None
    closed_at: int | None
    amendment: Amendment | None
    title: Text
    lat: float | None
    lon: float | None
    evidence: Evidence
    revision: int
    acknowledged_by: str | None
    acknowledged_at: int | None
    """Wall clock."""
    assigned_to: str | None
    outcome: Outcome | None
    """Set when a person closed it."""
    handled_by: str | None
    handled_at: int | None
    """Wall clock of that closing."""
    first_recorded_at: int
    """Wall clock."""

    @property
    def open(self) -> bool:
        """Neither ended by itself nor closed by a person."""
        return self.closed_at is None and self.outcome is None


class JournalEntry(_Value):
    """One change at its place in the journal."""

    no: int
    """Grows with every change recorded; may leave gaps."""
    recorded_at: int
    """Wall clock, ms."""
    change: AlertChange


class JournalPosition(NamedTuple):
    """How far somebody has read: the last change of judgement, and the last action of a person; 0 before the first."""

    change: int = 0
    action: int = 0


class AlertDetail(_Value):
    """An alert with its whole history, oldest first."""

    alert: AlertView
    changes: tuple[JournalEntry, ...]
    actions: tuple[AlertAction, ...]


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts; an empty field asks for all.

    `start` (inclusive) and `end` (exclusive) bound `opened_at`, device time in ms.
    """

    rule: str | None = None
    severity: Severity | None = None
    phase: Phase | None = None
    subject: str | None = None
    start: int | None = None
    end: int | None = None
    open: bool | None = None
    """True: neither ended by itself nor closed by a person."""
    handled: bool | None = None
    """True: closed by a person with an outcome."""


class AlertPage(_Value):
    """Newest first."""

    items: tuple[AlertView, ...]
    next_cursor: str | None
    """Pass as `before` for the page that follows; None on the last page."""
