"""Sessions as people see them, and what is asked of them.

WeighingError
├── UnknownSession   no session has this id
├── SessionOutdated  the session is another than the one that a person saw
└── ResolveRefused   the request cannot stand; names the field and what to do
"""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from devices.errors import OperatorError
from rules.weighing.session import Flow, MatchedBy, TareSource


class WeighingError(OperatorError):
    """Sessions cannot be read or changed as asked; base class."""


class UnknownSession(WeighingError):
    """No session has this id."""


class ResolveRefused(WeighingError):
    """A field of the request cannot stand."""

    def __init__(self, field: str, hint: str) -> None:
        super().__init__(f"{field}: {hint}")
        self.field, self.hint = field, hint


class SessionOutdated(WeighingError):
    """The session is another than the one that a person saw."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class SessionView(_Value):
    """One session as it is now; fields as of `rules.weighing.session.WeighingSession`."""

    id: str
    """Of its first weighing."""
    revision: int
    """Grows with each change."""
    withdrawn: bool
    """Later weighings showed that there was none, or that it is a part of another."""
    site: str
    bridge: str
    vehicle: str | None
    vehicle_id: str | None
    plate: str
    entered_at: int
    left_at: int | None
    weighed_at: int
    gross_kg: float
    tare_kg: float | None
    net_kg: float | None
    tare_source: TareSource | None
    flow: Flow
    matched_by: MatchedBy
    confidence: float
    material: str | None
    manifest: str | None
    tickets: tuple[str, ...]
    weighings: tuple[tuple[str, int], ...]
    dismissed: bool
    """A person decided that no registered truck is meant."""
    updated_at: int
    """Wall clock, ms."""

    @property
    def is_unmatched(self) -> bool:
        """It waits for a person to say which truck it was."""
        return self.vehicle_id is None and not self.dismissed and not self.withdrawn


class SessionChange(_Value):
    """One revision of a session."""

    no: int
    id: str
    revision: int
    at: int
    """Wall clock, ms."""
    before: dict[str, Any] | None
    """The fields that changed; null: there was no session."""
    after: dict[str, Any] | None
    """Null: there is none any more."""


class SessionDetail(_Value):
    """A session with all its revisions, oldest first."""

    session: SessionView
    changes: tuple[SessionChange, ...]


class SessionPage(_Value):
    """One page of sessions, newest first."""

    items: tuple[SessionView, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Selects sessions; an empty field selects all. `start` (inclusive) and `end` (exclusive) bound `weighed_at`."""

    vehicle_id: str | None = None
    vehicles: frozenset[str] | None = None
    """Only of these registered vehicles; None: of all, and of trucks that are not known."""
    site: str | None = None
    flow: Flow | None = None
    unmatched: bool = False
    """Only those that wait for a person."""
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class NamedSession:
    """A session whose truck a person names, or named before, and the last decision about it."""

    session: SessionView
    actor: str
    reason: str
    at: int
    """Wall clock, ms."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person says of whose truck a session is."""

    vehicle_id: str | None
    """None: of no registered vehicle."""
    actor: str
    reason: str
    at: int
    """Wall clock, ms."""
    revision: int | None = None
    """Of the session, as this person saw it; None: it holds whatever the session is meanwhile."""
