"""Alerts as people see them: present state, history, and the actions people took.

JournalError
├── UnknownAlert    no alert has this id
├── AlreadyClosed   a person closed the alert before; only a correction changes its outcome
└── NotCorrected    there is no outcome that a correction would change
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from rules.alerts.model import AlertChange, Amendment, Evidence, Phase, Severity, Text


class JournalError(Exception):
    """The journal cannot do what was asked; base class."""


class UnknownAlert(JournalError):
    """No alert has this id."""


class AlreadyClosed(JournalError):
    """A person closed the alert before; only a correction changes its outcome."""


class NotCorrected(JournalError):
    """There is no outcome that a correction would change: nobody closed the alert, or it has this one already."""


class Outcome(StrEnum):
    """What people found when they looked into an alert."""

    CONFIRMED_VIOLATION = "confirmed_violation"
    FALSE_ALARM = "false_alarm"
    NO_ACTION = "no_action"
    """True, but nothing to pursue: warned in person, too old, permitted orally."""
    DEVICE_FAULT = "device_fault"


class ActionKind(StrEnum):
    """Actions on an alert: those of people, and `REOPEN` and `CONTINUE`, which the journal takes itself."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    COMMENT = "comment"
    CLOSE = "close"
    REOPEN = "reopen"
    CONTINUE = "continue"
    CORRECT = "correct"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


_Actor = Annotated[str, Field(min_length=1, max_length=64)]


class _Action(_Value):
    actor: _Actor
    at: int
    """Wall clock, ms since 1970 UTC: people do not act in device time."""
    note: Annotated[str, Field(max_length=2_000)] | None = None


class Acknowledge(_Action):
    """Somebody has seen the alert."""

    kind: Literal[ActionKind.ACKNOWLEDGE] = ActionKind.ACKNOWLEDGE


class Assign(_Action):
    """Somebody is to look into the alert."""

    kind: Literal[ActionKind.ASSIGN] = ActionKind.ASSIGN
    assignee: _Actor


class Comment(_Action):
    """A remark; `note` is required."""

    kind: Literal[ActionKind.COMMENT] = ActionKind.COMMENT
    note: Annotated[str, Field(min_length=1, max_length=2_000)]


class Close(_Action):
    """The alert is dealt with."""

    kind: Literal[ActionKind.CLOSE] = ActionKind.CLOSE
    outcome: Outcome


class Correct(_Action):
    """The outcome was wrong, as an appeal showed; `note`, which is required, says why. The closing stays on record."""

    kind: Literal[ActionKind.CORRECT] = ActionKind.CORRECT
    outcome: Outcome
    """The outcome that holds from now on."""
    note: Annotated[str, Field(min_length=1, max_length=2_000)]


class Reopen(_Action):
    """Taken by the journal: the alert went on after a person had closed it, so it is open again."""

    kind: Literal[ActionKind.REOPEN] = ActionKind.REOPEN
    outcome: Outcome
    """The outcome that stood until now."""
    closed_by: _Actor
    since: int
    """When the incident that goes on began, device time, ms."""


class Continue(_Action):
    """Taken by the journal: an incident that began after a person had closed the alert is an alert of its own."""

    kind: Literal[ActionKind.CONTINUE] = ActionKind.CONTINUE
    alert_id: str
    """The alert that holds that incident and what follows it."""
    onset: int
    """When that incident began, device time, ms."""


AlertAction = Annotated[
    Acknowledge | Assign | Comment | Close | Correct | Reopen | Continue, Field(discriminator="kind")
]


class AlertView(_Value):
    """One alert in its present state. Times are device time in ms, unless the field says wall clock."""

    alert_id: str
    rule: str
    rule_version: int
    rule_set: int = 0
    """Number of the rule set of the last change; 0: none was applied."""
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
    """When that person closed it, wall clock."""
    reopened_at: int | None = None
    """When it last went on after a person had closed it, wall clock. That closing stands in the history."""
    first_recorded_at: int
    """Wall clock."""
    learned_at: int | None = None
    """When an alert of readings that were uploaded late was learned of, wall clock; None: at once."""
    listed_only: bool = False
    """It was over for so long when it was learned of that it called nobody. Set by `rules.alerts.shelves.as_called`."""
    shelved_until: int | None = None
    """When the shelf ends that keeps it from calling people, wall clock; None: it is not shelved. Set likewise."""

    @property
    def open(self) -> bool:
        """True if the alert neither ended by itself nor was closed by a person."""
        return self.closed_at is None and self.outcome is None


def learned_too_late(alert: AlertView, call_within_ms: int) -> bool:
    """True if an alert of late readings was over for longer than this when it was learned of.

    One that is still open is never too late: somebody can act.
    """
    return alert.closed_at is not None and alert.first_recorded_at - alert.closed_at > call_within_ms


class JournalEntry(_Value):
    """One change with its number in the journal."""

    sequence: int
    """Grows with every change recorded; may leave gaps."""
    recorded_at: int
    """Wall clock, ms."""
    change: AlertChange


class JournalPosition(NamedTuple):
    """How far somebody has read: the number of the last alert change and of the last action; 0 before the first."""

    change: int = 0
    action: int = 0


class AlertDetail(_Value):
    """An alert with its whole history, oldest first."""

    alert: AlertView
    changes: tuple[JournalEntry, ...]
    actions: tuple[AlertAction, ...]


class Box(NamedTuple):
    """A rectangle of WGS-84 degrees, edges included."""

    west: float
    south: float
    east: float
    north: float


class ActionEntry(_Value):
    """One action with its number in the journal."""

    sequence: int
    """Grows with every action recorded; not the numbers of the changes."""
    alert_id: str
    subject: str
    """The device the alert is about."""
    action: AlertAction


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Selects alerts; an empty field selects all.

    `start` (inclusive) and `end` (exclusive) bound `opened_at`, device time in ms.
    """

    rule: str | None = None
    severity: Severity | None = None
    phase: Phase | None = None
    subject: str | None = None
    start: int | None = None
    end: int | None = None
    open: bool | None = None
    """True: alerts that neither ended by themselves nor were closed by a person."""
    handled: bool | None = None
    """True: alerts that a person closed with an outcome."""
    acknowledged: bool | None = None
    assigned_to: str | None = None
    subjects: frozenset[str] | None = None
    """Only alerts about one of these devices; an empty set selects none."""
    ids: tuple[str, ...] | None = None
    """Only these alerts: some hundred at most."""
    text: str | None = None
    """Words that stand in a title, in either language, or in the device id; capital letters do not matter."""
    box: Box | None = None
    """Only alerts with a place inside it."""


class AlertPage(_Value):
    """One page of alerts, newest first."""

    items: tuple[AlertView, ...]
    next_cursor: str | None
    """Pass as `before` for the page that follows; None on the last page."""
