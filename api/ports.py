"""What the API needs of the other parts, each as small as it can be, and what it is told at start.

The API opens no file and no connection: whoever wires it hands these over.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, NamedTuple, Protocol

from fastapi import Depends, Request

from api.http.instants import now_ms
from devices.city.model import City
from devices.commands.model import Command
from devices.commands.store import CommandPage
from devices.readings.refusals import Reason
from ingest.collector.collector import CollectorStatus
from ingest.ledger.dead_letters import DeadLetter
from ingest.ledger.report import Ledger, RecorderStatus
from ingest.log.raw_log import Removed
from ingest.mqtt.broker_statistics import BrokerCounters
from ingest.store import History
from rules.alerts.actions import AlertAction, AlertDetail, AlertFilter, AlertPage, JournalEntry
from rules.detectors.route_deviation.judgement import RouteDeviationParameters
from rules.detectors.silent_device.judgement import SilentDeviceParameters


class Journal(Protocol):
    """`rules.alerts.journal.AlertJournal`. Called from worker threads only. Each may raise DatabaseError."""

    def last_sequence(self) -> int:
        """Number of the newest change; 0 while there is none."""

    def changes_after(self, sequence: int, limit: int) -> list[JournalEntry]:
        """Changes after number `sequence`, oldest first."""

    def alerts(self, where: AlertFilter, *, limit: int, before: str | None = None) -> AlertPage:
        """Newest first. Raises InvalidCursor."""

    def open_alerts(self) -> Mapping[tuple[str, str], int]:
        """How many are open, by rule and severity."""

    def alert(self, alert_id: str) -> AlertDetail | None: ...

    def act(self, alert_id: str, action: AlertAction) -> AlertDetail:
        """Raises UnknownAlert, AlreadyClosed."""


class DeadLetterBox(Protocol):
    """`ingest.ledger.dead_letters.DeadLetters`. Synchronous; every method may raise StateUnavailable."""

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


class Commands(Protocol):
    """`devices.commands.store.CommandStore`. Synchronous; every method may raise DatabaseError."""

    def issue(self, command: Command) -> None:
        """Raises LockedOut."""

    def command(self, command_id: str) -> Command | None: ...

    def commands(self, device_id: str | None = None, *, limit: int, before: str | None = None) -> CommandPage:
        """Newest first. Raises BadCursor."""


class ReadinessState(StrEnum):
    """How a part is."""

    OK = "ok"
    DEGRADED = "degraded"
    """Nothing is lost, but somebody should look."""
    FAILED = "failed"
    """Do not send traffic."""


class ReadinessResult(NamedTuple):
    """What a check found, in words that may be shown to anybody."""

    state: ReadinessState
    detail: str
    since: int | None = None
    """ms since 1970 UTC, where the part knows; else it is since it was first seen so."""


class Check(NamedTuple):
    """One question of /readyz; it may also raise."""

    name: str
    run: Callable[[], Awaitable[ReadinessResult]]


class Lag(NamedTuple):
    """How far a consumer of the raw log is behind."""

    messages: int
    """It has still to read."""
    oldest_age_s: float | None
    """How long ago the first of them was received; 0 when there is none, None when that record cannot be read."""
    offset: int = 0
    """Of the last one it has noted as read."""


class Disk(NamedTuple):
    """The raw log, and the disk it is on."""

    free_bytes: int
    reserve_bytes: int
    """With less than this free the log takes nothing, or loses its oldest."""
    log_bytes: int
    removed: Removed


@dataclass(frozen=True)
class ApiParts:
    """The parts behind the API."""

    city: Callable[[], City]
    """The city as it is now; called for every request, so it answers from memory."""
    history: History
    journal: Journal
    commands: Commands
    ledger: Callable[[], Ledger]
    """`ingest.ledger.report.read_ledger`, bound. Synchronous; raises StateUnavailable, RawLogError."""
    dead_letters: DeadLetterBox
    redrive: Callable[[int], int]
    """`DeadLetters.redrive`, bound to the raw log: the new offset. Synchronous; raises NoSuchLetter, NotRedrivable,
    StateUnavailable, RawLogError."""
    lag: Callable[[], Mapping[str, Lag]]
    """Of each consumer (`recorder`, `judge`). Synchronous; raises RawLogError."""
    collector: Callable[[], CollectorStatus | None]
    """What the collector says; None while none runs. Synchronous."""
    recorder: Callable[[], RecorderStatus]
    """`ingest.ledger.report.read_status`, bound. Synchronous; raises StateUnavailable, RawLogError."""
    alive: Callable[[], Mapping[str, bool]] = dict
    """Whether each process of the path says that it runs. Synchronous."""
    disk: Callable[[], Disk | None] = lambda: None
    """Synchronous; raises RawLogError, OSError."""
    broker: Callable[[], BrokerCounters | None] = lambda: None
    """The broker's own counters; None where nobody watches them."""
    checks: tuple[Check, ...] = ()
    route_deviation: RouteDeviationParameters = field(default_factory=RouteDeviationParameters)
    """As the judge has them: how wide a corridor is on the map."""
    silent_device: SilentDeviceParameters = field(default_factory=SilentDeviceParameters)
    """As the judge has them: when a truck on the map is silent."""
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
    origins: tuple[str, ...] = ()
    """Of pages (`scheme://host[:port]`) that a viewer's browser lets read here."""
    public_map: bool = False
    """Whether `/geo` needs no token, whatever else does."""
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
