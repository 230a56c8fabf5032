"""What the API needs of the other parts, each as small as it can be, and what it is told at start.

The API opens no file and no connection: whoever wires it hands these over.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple, Protocol

from fastapi import Depends, Request

from api.instants import now_ms
from devices.city import City
from devices.refusals import Reason
from ingest.collector import CollectorStatus
from ingest.dead_letters import DeadLetter
from ingest.ledger import Ledger, RecorderStatus
from ingest.store import History
from rules.handling import AlertAction, AlertDetail, AlertFilter, AlertPage, JournalEntry


class Journal(Protocol):
    """`rules.journal.AlertJournal`. Synchronous: called from worker threads only. Each may raise DatabaseError."""

    def last_no(self) -> int:
        """Number of the newest change; 0 while there is none."""

    def changes_after(self, no: int, limit: int) -> list[JournalEntry]:
        """Changes after number `no`, oldest first."""

    def alerts(self, where: AlertFilter, *, limit: int, before: str | None = None) -> AlertPage:
        """Newest first. Raises InvalidCursor."""

    def alert(self, alert_id: str) -> AlertDetail | None: ...

    def act(self, alert_id: str, action: AlertAction) -> AlertDetail:
        """Raises UnknownAlert, AlreadyClosed."""


class DeadLetterBox(Protocol):
    """`ingest.dead_letters.DeadLetters`. Synchronous; every method may raise StateUnavailable."""

    def list(
        self,
        *,
        device: str | None = None,
        reason: Reason | None = None,
        since: int | None = None,
        until: int | None = None,
        redriven: bool = False,
        after_id: int = 0,
        limit: int = 100,
    ) -> "list[DeadLetter]":
        """Oldest first."""

    def show(self, letter_id: int) -> DeadLetter:
        """Raises NoSuchLetter."""

    def payload(self, letter_id: int) -> bytes:
        """Raises NoSuchLetter."""


class Verdict(NamedTuple):
    """What a check found, in words that may be shown to anybody."""

    ok: bool
    detail: str


class Check(NamedTuple):
    """One question of /readyz; it may also raise."""

    name: str
    run: Callable[[], Awaitable[Verdict]]


class Lag(NamedTuple):
    """How far a consumer of the raw log is behind."""

    messages: int
    """It has still to read."""
    oldest_age_s: float | None
    """How long ago the first of them was received; 0 when there is none, None when that record cannot be read."""


@dataclass(frozen=True)
class ApiParts:
    """The parts behind the API."""

    city: Callable[[], City]
    """The city as it is now; called for every request, so it answers from memory."""
    history: History
    journal: Journal
    ledger: Callable[[], Ledger]
    """`ingest.ledger.read_ledger`, bound. Synchronous; raises StateUnavailable, RawLogError."""
    dead_letters: DeadLetterBox
    redrive: Callable[[int], int]
    """`DeadLetters.redrive`, bound to the raw log: the new offset. Synchronous; raises NoSuchLetter, AlreadyRedriven,
    StateUnavailable, RawLogError."""
    lag: Callable[[], Mapping[str, Lag]]
    """Of each consumer (`recorder`, `judge`). Synchronous; raises RawLogError."""
    collector: Callable[[], CollectorStatus | None]
    """What the collector says; None while none runs. Synchronous."""
    recorder: Callable[[], RecorderStatus]
    """`ingest.ledger.read_status`, bound. Synchronous; raises StateUnavailable, RawLogError."""
    checks: tuple[Check, ...] = ()
    now: Callable[[], int] = now_ms
    """The wall clock, ms."""


@dataclass(frozen=True)
class ApiOptions:
    """What is set for the API as a whole."""

    version: str
    token: str | None = field(default=None, repr=False)
    """Bearer token for writing (and reading); None: every write is refused."""
    read_token: str | None = field(default=None, repr=False)
    """Bearer token for reading; None: reading needs none."""
    max_body_bytes: int = 65_536
    max_streams: int = 200
    """Live streams at once; each holds a connection."""
    heartbeat_s: float = 15.0
    """Silence after which a stream sends a comment, so that proxies keep it open."""


def parts_of(request: Request) -> ApiParts:
    parts: ApiParts = request.app.state.parts
    return parts


def options_of(request: Request) -> ApiOptions:
    options: ApiOptions = request.app.state.options
    return options


Parts = Annotated[ApiParts, Depends(parts_of)]
