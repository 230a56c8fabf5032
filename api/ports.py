"""Ports: what the API needs from the other parts, as small protocols, and its options.

The API opens no file and no connection; `haulwatch.wiring` passes in all parts.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, BinaryIO, NamedTuple, Protocol

from fastapi import Depends, Request

from api.attachment_ports import Attachments, NoAttachments
from api.base_map_ports import BaseMap
from api.case_ports import Cases
from api.deposit_ports import DepositDesk, NoDeposits
from api.manifest_ports import Manifests, NoManifests
from api.notice_ports import NoNotices, NoticeDesk
from api.people_ports import People
from api.programme_ports import NoProgramme, ProgrammeDesk
from api.registry_ports import RegistryEntries
from api.report_ports import PublicReports, ReportOptions
from api.stock_ports import NoStocks, Stocks
from api.weighing_ports import NoWeighingSessions, WeighingSessions
from devices.access.signatures import NoSigningKey
from devices.city.model import City, Device
from devices.commands.model import Command
from devices.commands.store import CommandPage
from devices.db.versions import StoredVersion
from devices.readings.instants import now_ms
from devices.readings.refusals import Reason
from ingest.alerts.rate import AlertRate
from ingest.collector.collector import CollectorStatus
from ingest.gateways.status import GatewayFigures
from ingest.judge.what_if_job import WhatIfJob, WhatIfRequest
from ingest.ledger.dead_letters import DeadLetter, Redriven
from ingest.ledger.report import Ledger, RecorderStatus
from ingest.ledger.unregistered import UnregisteredDevice
from ingest.log.kafka.figures import FleetFigures, PartitionFigures
from ingest.log.raw_log import Removed
from ingest.mqtt.broker_statistics import BrokerCounters
from ingest.notices.summary import ChannelSummary
from ingest.store import History
from rules.alerts.actions import (
    ActionEntry,
    AlertAction,
    AlertDetail,
    AlertFilter,
    AlertPage,
    JournalEntry,
    JournalPosition,
)
from rules.alerts.shelves import NewShelf, Shelf
from rules.rule_sets.choice import RuleSetChoice
from rules.suspected_sites.model import Decision, Proposal, ProposalState

Sees = Callable[[str], bool]
"""Whether somebody may see the device of this id."""


class Journal(Protocol):
    """`rules.alerts.journal.AlertJournal`. Called from worker threads only. Every method may raise DatabaseError."""

    def last_position(self) -> JournalPosition:
        """Numbers of the newest change and the newest action; 0 while there is none."""

    def changes_after(self, sequence: int, limit: int) -> list[JournalEntry]:
        """Changes after number `sequence`, oldest first."""

    def actions_after(self, sequence: int, limit: int) -> list[ActionEntry]:
        """Actions after number `sequence`, oldest first."""

    def alerts(self, where: AlertFilter, *, limit: int, before: str | None = None) -> AlertPage:
        """A page of alerts, newest first. Raises InvalidCursor."""

    def open_alerts(self) -> Mapping[tuple[str, str], int]:
        """Number of open alerts by (rule, severity)."""

    def alert(self, alert_id: str) -> AlertDetail | None: ...

    def act(self, alert_id: str, action: AlertAction) -> AlertDetail:
        """Raises UnknownAlert, AlreadyClosed, NotCorrected."""


class Shelves(Protocol):
    """`rules.alerts.shelves.ShelfStore`. Synchronous; every method may raise DatabaseError."""

    def standing_after(self, instant: int) -> list[Shelf]:
        """Those whose end lies after this instant, oldest first."""

    def newest(self, limit: int) -> list[Shelf]: ...

    def add(self, new: NewShelf) -> Shelf:
        """Raises ShelfRefused."""

    def end(self, number: int, ended_by: str, ended_at: int) -> Shelf:
        """Raises UnknownShelf."""


class RuleSets(Protocol):
    """`rules.rule_sets.store.RuleSetStore`. Synchronous; every method may raise DatabaseError."""

    def newest(self) -> StoredVersion | None: ...

    def version(self, version: int) -> StoredVersion:
        """Raises UnknownRuleSet."""

    def history(self, limit: int) -> Sequence[StoredVersion]:
        """The newest versions, newest first."""

    def apply(self, stored: StoredVersion) -> None:
        """Raises AppliedMeanwhile."""


class SuspectedSites(Protocol):
    """`rules.suspected_sites.store.ProposalStore`. Synchronous; every method may raise DatabaseError."""

    def proposals(self, state: ProposalState | None = None) -> Sequence[Proposal]:
        """Those of one state or all, the one with the latest visit first."""

    def decide(self, proposal_id: str, decision: Decision) -> Proposal:
        """Raises UnknownProposal, AlreadyDecided."""


class DeadLetterBox(Protocol):
    """`ingest.ledger.dead_letters.DeadLetters`. Synchronous; every method may raise StateUnavailable."""

    def list(  # noqa: PLR0913 - one filter each
        self,
        *,
        device: str | None = None,
        devices: Collection[str] | None = None,
        reason: Reason | None = None,
        since: int | None = None,
        until: int | None = None,
        redriven: bool = False,
        after_id: int = 0,
        limit: int = 100,
    ) -> "list[DeadLetter]":
        """Dead letters that match every filter, oldest first."""

    def show(self, letter_id: int) -> DeadLetter:
        """Raises NoSuchLetter."""

    def payload(self, letter_id: int) -> bytes:
        """Raises NoSuchLetter."""


class WhatIfs(Protocol):
    """`ingest.judge.what_if_job.WhatIfJobs`. Synchronous."""

    def start(self, request: WhatIfRequest, started_by: str) -> WhatIfJob:
        """Raises JobRuns."""

    def current(self) -> WhatIfJob | None: ...

    def cancel(self) -> WhatIfJob | None: ...


class Commands(Protocol):
    """`devices.commands.store.CommandStore`. Synchronous; every method may raise DatabaseError."""

    def issue(self, command: Command) -> None:
        """Raises LockedOut."""

    def command(self, command_id: str) -> Command | None: ...

    def commands(self, device_id: str | None = None, *, limit: int, before: str | None = None) -> CommandPage:
        """A page of commands, newest first. Raises BadCursor."""


class EvidencePacks(Protocol):
    """`haulwatch.wiring.packs.processes.PackProcesses`. Synchronous; takes up to some minutes."""

    def __call__(self, alert_id: str, by: str, at: int, part: City | None) -> BinaryIO:
        """Make the pack of an alert for somebody who may see this part of the city (None: all of it), at a wall-clock
        time in ms. The caller closes the file. Raises NoSuchAlert, NotExported, NoSigningKey, RawLogError,
        DatabaseError.
        """


def _no_packs(alert_id: str, by: str, at: int, part: City | None) -> BinaryIO:
    raise NoSigningKey("this server makes no evidence packs")


class ReadinessState(StrEnum):
    """State of a part."""

    OK = "ok"
    DEGRADED = "degraded"
    """No data is lost, but an operator should look."""
    FAILED = "failed"
    """Do not send traffic."""


class ReadinessResult(NamedTuple):
    """Result of a check. The detail may be shown to anybody: it names no hosts, paths or secrets."""

    state: ReadinessState
    detail: str
    since: int | None = None
    """ms since 1970 UTC, if the part knows; otherwise the server uses the time it first saw this state."""


class Check(NamedTuple):
    """One check of /readyz. `run` may raise; the check has failed then."""

    name: str
    run: Callable[[], Awaitable[ReadinessResult]]


class Lag(NamedTuple):
    """Lag of a consumer of the raw log."""

    messages: int
    """Unread messages."""
    oldest_age_s: float | None
    """Time since the oldest unread message was received; 0 if there is none, None if its record cannot be read."""
    offset: int = 0
    """Offset of the last message the consumer has committed."""


class Adopted(NamedTuple):
    """What an adoption did."""

    registered: bool
    """False: somebody registered it before."""
    redriven: int
    """Readings that were quarantined, and were sent through the path again."""


class Disk(NamedTuple):
    """The raw log and its disk."""

    free_bytes: int
    reserve_bytes: int
    """With less free space than this the raw log appends nothing, or removes its oldest segments (a setting)."""
    log_bytes: int
    removed: Removed


@dataclass(frozen=True)
class ApiParts:
    """The parts behind the API."""

    city: Callable[[], City]
    """The current city. Called for every request, so it reads from memory."""
    history: History
    weighbridges: Callable[[], Sequence[Device]]
    """All of the city, whoever asks: a weighing belongs to its truck. Only `api.resources.weighings` takes them."""
    journal: Journal
    shelves: Shelves
    commands: Commands
    ledger: Callable[[], Ledger]
    """`ingest.ledger.report.read_ledger`, bound. Synchronous; raises StateUnavailable, RawLogError."""
    dead_letters: DeadLetterBox
    redrive: Callable[[int], int]
    """`DeadLetters.redrive`, bound to the raw log: returns the new offset. Synchronous; raises NoSuchLetter,
    NotRedrivable, StateUnavailable, RawLogError."""
    redrive_all: Callable[[Sequence[int]], Mapping[int, Redriven]]
    """`DeadLetters.redrive_all`, bound likewise. Synchronous; raises StateUnavailable, RawLogError."""
    unregistered: Callable[[], Sequence[UnregisteredDevice]]
    """Devices that were heard and are not registered, the last heard first. Synchronous; raises StateUnavailable."""
    adopt: Callable[[Device], Adopted]
    """Registers a device and redrives what waits of it. Synchronous; raises UnfitDevice, DatabaseError,
    StateUnavailable, RawLogError."""
    lag: Callable[[], Mapping[str, Lag]]
    """Lag by consumer (`recorder`, `judge`). Synchronous; raises RawLogError."""
    rules: Callable[[], RuleSetChoice]
    """The rule set that holds."""
    rule_sets: RuleSets
    what_if: WhatIfs
    suspected_sites: SuspectedSites
    registry: RegistryEntries
    """Not narrowed: `api.resources.registry` asks who may see which."""
    cases: Cases
    people: People
    public_reports: PublicReports
    corridor_m: Callable[[], float]
    """Half the width, in metres, of a corridor on the map, as the judge has it."""
    silent_after_s: Callable[[int], int]
    """Seconds without a reading after which the map shows a truck as silent, given the seconds between its reports."""
    collector: Callable[[], CollectorStatus | None]
    """Status of the collector; None while none runs. Synchronous."""
    recorder: Callable[[], RecorderStatus]
    """`ingest.ledger.report.read_status`, bound. Synchronous; raises StateUnavailable, RawLogError."""
    alive: Callable[[], Mapping[str, bool]] = dict
    """By process of the path: True while its heartbeat is recent. Synchronous."""
    disk: Callable[[], Disk | None] = lambda: None
    """Synchronous; raises RawLogError, OSError."""
    broker: Callable[[], BrokerCounters | None] = lambda: None
    """The broker's own counters; None if no process reads them."""
    rule_failures: Callable[[], Mapping[str, int]] = dict
    """Readings on which a rule raised, by its name. Synchronous."""
    alerts_refused: Callable[[], int] = lambda: 0
    """Alert changes that the broker refuses. Synchronous."""
    alert_rate: Callable[[], AlertRate | None] = lambda: None
    """How often alerts call people; None while the judge, which publishes, does not run. Synchronous."""
    alerts_waiting: Callable[[], int] = lambda: 0
    """Alert changes that wait for the database. Synchronous."""
    notices: Callable[[], Sequence[ChannelSummary]] = tuple
    """What the outbox of notices holds, by channel. Synchronous; raises DatabaseError."""
    notice_desk: NoticeDesk = field(default_factory=NoNotices)
    """All that people see of notices. It is not narrowed: `api.resources.notices` asks who may see which."""
    partitions: Callable[[], Sequence[PartitionFigures]] = tuple
    """Of the raw log on Kafka; none where it is in the data directory. Synchronous; raises RawLogError."""
    fleet: Callable[[], FleetFigures | None] = lambda: None
    """Who judges verdicts, where judges share partitions. Synchronous; raises RawLogError."""
    verdicts_damaged: Callable[[], int] = lambda: 0
    """Records with verdicts that the judge on this machine passed because they are damaged. Synchronous."""
    gateways: Callable[[], Mapping[str, GatewayFigures | None]] = dict
    """Of gateways on this data directory, by name; None: it does not run, and nobody stopped it. Synchronous."""
    over_limit: Callable[[], Mapping[str, Mapping[str, int]]] = dict
    """How much devices sent or caused beyond each limit within the last hour, by device. Synchronous."""
    evidence_pack: EvidencePacks = _no_packs
    attachments: Attachments = field(default_factory=NoAttachments)
    weighing_sessions: WeighingSessions = field(default_factory=NoWeighingSessions)
    call_within_ms: int = 14_400_000
    """An alert that was learned of longer after its end calls nobody."""
    checks: tuple[Check, ...] = ()
    base_map: BaseMap = field(default_factory=BaseMap)
    manifests: Manifests = field(default_factory=NoManifests)
    programme: ProgrammeDesk = field(default_factory=NoProgramme)
    deposits: DepositDesk = field(default_factory=NoDeposits)
    stocks: Stocks = field(default_factory=NoStocks)
    """Not narrowed: `api.resources.programme.stocks` asks which sites may be seen."""
    now: Callable[[], int] = now_ms
    """The wall clock, ms."""


@dataclass(frozen=True)
class ApiOptions:
    """Options of the API as a whole."""

    version: str
    token: str | None = field(default=None, repr=False)
    """Bearer token for everything. None: there is no such token."""
    read_token: str | None = field(default=None, repr=False)
    """Bearer token for reading. None: until there is an account, reading needs no token on this machine."""
    origins: tuple[str, ...] = ()
    """Origins (`scheme://host[:port]`) of other pages that may read this API in a viewer's browser (CORS)."""
    hosts: tuple[str, ...] = ()
    """Host names under which this API is reached, beside `localhost` and every IP address."""
    public_map: bool = False
    """True: `/geo` needs no token, even if all other reads need one."""
    map_token: str | None = field(default=None, repr=False)
    """Opens `/geo`, in its query. None: there is no such token."""
    reports: ReportOptions = field(default_factory=ReportOptions)
    max_body_bytes: int = 65_536
    max_file_bytes: int = 20 << 20
    """Of a body that is a file."""
    max_streams: int = 200
    """Maximum number of open live streams; each holds a connection."""
    share_layers_s: float = 0.0
    """For so long the layer of trucks serves all callers who may see the same; 0: it is made for each request."""
    heartbeat_s: float = 15.0
    """After this time without an event a stream sends a comment, so that proxies keep it open."""


def parts_of(request: Request) -> ApiParts:
    parts: ApiParts = request.app.state.parts
    return parts


def options_of(request: Request) -> ApiOptions:
    options: ApiOptions = request.app.state.options
    return options


WholeParts = Annotated[ApiParts, Depends(parts_of)]
"""The parts with all that is behind them. Routes that show or change something take `api.access.visible.Parts`."""
