"""Cases as people see them: present state, events, and what is asked of them.

Times are wall clock in ms since 1970 UTC, but for `happened_from` and `happened_until`, which are true time of what the
case is about, as the device time of alerts is.

CaseError
├── UnknownCase      no case has this number
├── OutdatedCase     somebody changed the case meanwhile: read it again
├── CaseRefused      the request cannot stand; names the field and what to do
├── WrongState       the case is closed, or is not: the action does not fit its state
└── AlertTaken       an open case holds the alert already
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from devices.errors import OperatorError
from devices.readings.text import ShortText, unseen_character
from rules.alerts.actions import Outcome

NUMBER_PATTERN: Final = r"^[0-9]{4}-[0-9]{6}$"
MAX_TITLE: Final = 200
MAX_ADDRESS: Final = 200
MAX_REASON: Final = 2_000
"""Characters, as the notes of alert actions."""
MAX_ALERTS: Final = 100
"""Of one case: more are no matter that one person can put together."""


class CaseError(OperatorError):
    """A case cannot be changed as asked; base class."""


class UnknownCase(CaseError):
    """No case has this number."""


class OutdatedCase(CaseError):
    """Somebody changed the case since it was read."""


class CaseRefused(CaseError):
    """A field of the request cannot stand."""

    def __init__(self, field: str, hint: str) -> None:
        super().__init__(f"{field}: {hint}")
        self.field, self.hint = field, hint


class WrongState(CaseError):
    """The action does not fit the state of the case."""


class AlertTaken(CaseError):
    """An open case holds the alert."""

    def __init__(self, alert_id: str, number: str | None) -> None:
        """`number`: of that case; None where the caller may not see it."""
        super().__init__(f"alert {alert_id!r} is in {'another open case' if number is None else f'case {number}'}")
        self.alert_id, self.number = alert_id, number


class CaseKind(StrEnum):
    """Where a case comes from."""

    ALERT = "alert"
    """A person took up an alert."""
    REPORT = "report"
    """The public reported something."""
    MANUAL = "manual"
    """A person opened it: an inspection, a letter, an order from above."""


class CaseState(StrEnum):
    """How far a case is."""

    OPEN = "open"
    """Nobody works on it yet."""
    IN_PROGRESS = "in_progress"
    CLOSED = "closed"


class CaseOutcome(StrEnum):
    """What a case ended in."""

    CONFIRMED_VIOLATION = "confirmed_violation"
    """查证属实."""
    UNFOUNDED = "unfounded"
    """查不属实: it was not so."""
    NO_ACTION = "no_action"
    """True, but nothing to pursue."""
    DEVICE_FAULT = "device_fault"
    TRANSFERRED = "transferred"
    """移送: another authority goes on with it."""
    DUPLICATE = "duplicate"
    """重复: another case is about the same. It holds no alerts, and counts in no rate."""

    @property
    def of_alerts(self) -> Outcome:
        """The outcome that the alerts of the case get."""
        match self:
            case CaseOutcome.CONFIRMED_VIOLATION:
                return Outcome.CONFIRMED_VIOLATION
            case CaseOutcome.UNFOUNDED:
                return Outcome.FALSE_ALARM
            case CaseOutcome.DEVICE_FAULT:
                return Outcome.DEVICE_FAULT
            case CaseOutcome.NO_ACTION | CaseOutcome.TRANSFERRED | CaseOutcome.DUPLICATE:
                return Outcome.NO_ACTION


class EventKind(StrEnum):
    """What happened to a case."""

    OPENED = "opened"
    ALERT_ADDED = "alert_added"
    ALERT_REMOVED = "alert_removed"
    ASSIGNED = "assigned"
    BEGUN = "begun"
    COMMENTED = "commented"
    CHANGED = "changed"
    DEADLINE_SET = "deadline_set"
    CLOSED = "closed"
    REOPENED = "reopened"
    REPORT_JOINED = "report_joined"
    """A report of the public belongs to this case from now on. For who may read it, as the next."""
    REPORT_LEFT = "report_left"
    """A report of the public belongs to another case from now on."""


def _readable(text: str) -> str:
    """Lines may break; no other invisible character stands in a text that people read."""
    if (char := unseen_character(text.replace("\n", " ").replace("\r", " ").replace("\t", " "))) is not None:
        raise PydanticCustomError(
            "unseen_character", "Text should have no invisible character, has {char}", {"char": char}
        )
    return text


def _visible(text: str) -> str:
    if (char := unseen_character(text)) is not None:
        raise PydanticCustomError(
            "unseen_character", "Text should have no invisible character, has {char}", {"char": char}
        )
    return text


Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE), AfterValidator(_visible)]
Address = Annotated[str, Field(min_length=1, max_length=MAX_ADDRESS), AfterValidator(_visible)]
Reason = Annotated[str, Field(min_length=1, max_length=MAX_REASON), AfterValidator(_readable)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Particulars(_Value):
    """What a case is about; each may be unknown."""

    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    """WGS-84, as `lon`."""
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    address: Address | None = None
    district: ShortText | None = None
    """The district whose people see a case that holds no alert."""
    happened_from: int | None = None
    happened_until: int | None = None
    """The stretch it is about; equal to `happened_from` for a moment."""

    def check(self) -> None:
        """Raise CaseRefused if place or stretch are half or turned round."""
        if (self.lat is None) != (self.lon is None):
            raise CaseRefused("lat" if self.lat is None else "lon", "give both lat and lon, or neither")
        if (self.happened_from is None) != (self.happened_until is None):
            missing = "happened_from" if self.happened_from is None else "happened_until"
            raise CaseRefused(missing, "give both; for a moment the same time twice")
        stretch = (self.happened_from or 0, self.happened_until or 0)
        if stretch != tuple(sorted(stretch)):
            raise CaseRefused("happened_until", "must not be before happened_from")


class NewCase(Particulars):
    """What a person or a program asks for. Place and stretch that are absent come from the first alerts."""

    kind: CaseKind
    title: Title
    alerts: tuple[str, ...] = ()
    """Ids."""
    deadline: int | None = None
    """None: that of the settings."""
    assignee: ShortText | None = None
    reason: Reason | None = None


class CaseChange(_Value):
    """New values of some fields. What is not set stays; None takes a value away."""

    title: Title | None = None
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    address: Address | None = None
    district: ShortText | None = None
    happened_from: int | None = None
    happened_until: int | None = None


class CaseView(Particulars):
    """One case in its present state."""

    number: str
    """Year and number in it, by the calendar of the city."""
    kind: CaseKind
    title: str
    state: CaseState
    version: int
    """Grows with each change; a change names the version that it is based on."""
    opened_at: int
    opened_by: str
    deadline: int
    assignee: str | None
    outcome: CaseOutcome | None
    closed_at: int | None
    closed_by: str | None
    closing_reason: str | None
    reopened: int
    """How often it was reopened."""
    alerts: tuple[str, ...] = ()
    """Ids of the alerts that it holds, in the order in which they were added."""
    overdue: bool = False
    """Not closed, and the deadline is past."""


class CaseEvent(_Value):
    """Something that happened to a case. Events are added to and never changed."""

    no: int
    at: int
    actor: str
    kind: EventKind
    reason: str | None
    detail: dict[str, Any]
    """By kind: `alert_id`, `assignee`, `deadline`, `outcome`, the fields that were changed with their former values. Of
    reports that joined or left: `report` (its number), `case` (the other one) and `because`; `case`, and `because` of
    one that left, only where the other case may be seen.
    """


class CaseDetail(_Value):
    """A case with all its events, oldest first."""

    case: CaseView
    events: tuple[CaseEvent, ...]


class CasePage(_Value):
    """One page of cases, newest first."""

    items: tuple[CaseView, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class CaseScope:
    """The cases that somebody may see who may not see all of them.

    Those all of whose alerts are about these devices, also the alerts that were removed; and, without a limit by
    haulier, those without alerts that lie in one of the districts. What the public reports is about nobody yet and may
    show who reported: no haulier sees it, and nobody below an operator.
    """

    subjects: frozenset[str] | None
    """None: all devices, and cases without alerts wherever they lie."""
    districts: frozenset[str] | None
    """None: no limit by district."""
    is_of_haulier: bool
    reads_reports: bool
    """Whether reports of the public may be read: those whose cases lie in one of the districts."""

    def reads_reports_in(self, district: str | None) -> bool:
        """Whether the reports of a case that lies in this district may be read."""
        return self.reads_reports and (self.districts is None or district in self.districts)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Selects cases; an empty field selects all. `start` (inclusive) and `end` (exclusive) bound `opened_at`."""

    state: CaseState | None = None
    is_open: bool | None = None
    """True: not closed."""
    kind: CaseKind | None = None
    overdue_at: int | None = None
    """Only those that are overdue at this time."""
    assignee: str | None = None
    district: str | None = None
    """That of the case."""
    alert_id: str | None = None
    """Only those that hold this alert."""
    text: str | None = None
    """Words that stand in number, title or address; capital letters do not matter."""
    start: int | None = None
    end: int | None = None
    scope: CaseScope | None = None
