"""The parts behind the API: the read side of every part, and the checks of /readyz."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from api.base_map_ports import BaseMap
from api.deposit_ports import DepositDesk, NoDeposits
from api.manifest_ports import Manifests, NoManifests
from api.notice_ports import NoNotices, NoticeDesk
from api.people_ports import People
from api.ports import Adopted, ApiOptions, ApiParts, Check, EvidencePacks
from api.programme_ports import NoProgramme, ProgrammeDesk
from api.report_ports import PublicReports
from api.stock_ports import NoStocks, Stocks
from api.weighing_ports import NoWeighingSessions, WeighingSessions
from devices.city.model import City, Device, DeviceRole
from devices.db.registry import Registry
from devices.geo.geometry import Datum
from haulwatch import __version__
from haulwatch.health.fleet import fleet_check
from haulwatch.health.kafka import kafka_check
from haulwatch.health.path_status import PathStatus
from haulwatch.health.readiness import readiness_checks
from haulwatch.process import system_clock
from haulwatch.process.background import BackgroundTask
from haulwatch.process.balance import WatchedBalance
from haulwatch.process.remembered import remembered
from haulwatch.settings.kafka_group import SHARED
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_command_store, shared_cursors
from haulwatch.wiring.desk.adoption import redrive_waiting, register_described
from haulwatch.wiring.desk.reports import report_options
from haulwatch.wiring.log import (
    disk_reserve_bytes,
    judges_of_verdicts,
    open_log_figures,
    open_raw_log,
    open_segments,
    open_topic_figures,
    topic_as_found,
    topic_as_wanted,
)
from haulwatch.wiring.rules import current_rules
from haulwatch.wiring.stores import current_ledger, open_dead_letters, recorder_tables
from ingest.judge.what_if_job import WhatIfJobs
from ingest.ledger.dead_letters import Redriven
from ingest.ledger.state.port import Tables
from ingest.ledger.unregistered import unregistered_devices
from ingest.log.kafka.figures import FleetFigures, PartitionFigures
from ingest.log.records import FLEET
from ingest.mqtt.broker_statistics import BrokerCounters
from ingest.notices.summary import ChannelSummary
from ingest.store.sqlite import SqliteStore
from rules.alerts.journal import AlertJournal
from rules.alerts.shelves import ShelfStore
from rules.attachments.store import AttachmentStore
from rules.attachments.upkeep import Examined
from rules.cases.store import CaseStore
from rules.catalogue import corridor_m, silent_after_s
from rules.rule_sets.store import RuleSetStore
from rules.suspected_sites.store import ProposalStore

if TYPE_CHECKING:
    from haulwatch.base_map.tile_server import TileServer
    from ingest.store.influx import InfluxStore  # its client takes a third of a second to import: only who writes to it

_SHARE_LAYERS_S: Final = 2.0
"""Each desk asks every 5 s; trucks report every 5 to 60 s."""


def api_options(settings: Settings) -> ApiOptions:
    token, read_token, map_token = settings.api.token, settings.api.read_token, settings.api.map_token
    return ApiOptions(
        version=__version__,
        token=token.get_secret_value() if token else None,
        read_token=read_token.get_secret_value() if read_token else None,
        origins=tuple(settings.api.origins.split()),
        hosts=(settings.api.host, *settings.api.hosts.split(), *settings.reports.hosts),
        public_map=settings.api.public_map == "on",
        max_streams=settings.api.streams,
        share_layers_s=_SHARE_LAYERS_S,
        reports=report_options(settings),
        max_file_bytes=settings.attachments.limits.file_bytes,
        map_token=map_token.get_secret_value() if map_token else None,
    )


class Repositories(NamedTuple):
    """What the API reads and writes in the relational database, beside commands; and its jobs."""

    journal: AlertJournal
    shelves: ShelfStore
    rule_sets: RuleSetStore
    suspected_sites: ProposalStore
    registry: Registry
    people: People
    what_if: WhatIfJobs
    attachments: AttachmentStore
    packs: EvidencePacks
    attachment_files: Callable[[], Examined]
    """What the last look at their files found."""
    cases: CaseStore
    public_reports: PublicReports
    manifests: Manifests = NoManifests()
    notices: Callable[[], Sequence[ChannelSummary]] = tuple
    """As of `ApiParts`."""
    notice_desk: NoticeDesk = NoNotices()
    weighing_sessions: WeighingSessions = NoWeighingSessions()
    programme: ProgrammeDesk = NoProgramme()
    deposits: DepositDesk = NoDeposits()
    stocks: Stocks = NoStocks()


def api_parts(
    settings: Settings,
    city: Callable[[], City],
    store: "InfluxStore | SqliteStore",
    repositories: Repositories,
    broker: Callable[[], BrokerCounters | None] = lambda: None,
    background: Sequence[BackgroundTask] = (),
    tiles: "TileServer | None" = None,
) -> ApiParts:
    """`broker` returns the broker's own counters, or None if they are not read; `background` is checked by /readyz."""
    dead_letters = open_dead_letters(settings)
    status, fleet = path_status(settings), _fleet(settings)

    def redrive(letter_id: int) -> int:
        with closing(open_raw_log(settings)) as log:
            return dead_letters.redrive(letter_id, log, system_clock.now_ms())

    def redrive_all(letter_ids: Sequence[int]) -> Mapping[int, Redriven]:
        with closing(open_raw_log(settings)) as log:
            return dead_letters.redrive_all(letter_ids, log, system_clock.now_ms())

    def adopt(device: Device) -> Adopted:
        registered = register_described(settings, device)
        return Adopted(registered, redrive_waiting(settings, device.id))

    rules = current_rules(settings, repositories.rule_sets)

    def silent_after(interval_s: int) -> int:
        return silent_after_s(rules().rules)(interval_s)

    return ApiParts(
        city=city,
        history=store,
        weighbridges=lambda: [device for device in city().devices.values() if device.role is DeviceRole.WEIGHBRIDGE],
        journal=repositories.journal,
        shelves=repositories.shelves,
        commands=open_command_store(settings),
        ledger=remembered(WatchedBalance(lambda: current_ledger(settings), system_clock.now_ms)),
        dead_letters=dead_letters,
        redrive=redrive,
        redrive_all=redrive_all,
        unregistered=remembered(lambda: unregistered_devices(dead_letters, city().devices)),
        adopt=adopt,
        lag=status.lag,
        collector=status.collector_status,
        recorder=status.recorder_status,
        alive=status.alive,
        disk=status.disk,
        broker=broker,
        rule_failures=lambda: status.rule_failures()[0],
        alerts_refused=lambda: status.alerts_refused()[0],
        alerts_waiting=lambda: status.alerts_waiting()[0],
        alert_rate=status.alert_rate,
        notices=repositories.notices,
        notice_desk=repositories.notice_desk,
        partitions=_partitions(settings),
        fleet=fleet or _nobody,
        verdicts_damaged=status.verdicts_damaged,
        gateways=status.gateways,
        over_limit=status.over_limit,
        evidence_pack=repositories.packs,
        call_within_ms=settings.alerts.call_within_ms,
        rules=rules,
        rule_sets=repositories.rule_sets,
        what_if=repositories.what_if,
        suspected_sites=repositories.suspected_sites,
        registry=repositories.registry,
        cases=repositories.cases,
        manifests=repositories.manifests,
        programme=repositories.programme,
        deposits=repositories.deposits,
        stocks=repositories.stocks,
        public_reports=repositories.public_reports,
        people=repositories.people,
        attachments=repositories.attachments,
        weighing_sessions=repositories.weighing_sessions,
        corridor_m=lambda: corridor_m(rules().rules),
        silent_after_s=silent_after,
        checks=(
            *_kafka_checks(settings, status, fleet),
            *readiness_checks(
                settings, status, store, broker, background, repositories.notices, repositories.attachment_files
            ),
        ),
        base_map=base_map(settings, tiles),
    )


def tile_server(settings: Settings) -> "TileServer | None":
    """None: no tiles are set. The caller closes it."""
    from haulwatch.base_map.tile_server import TileServer

    templates = settings.map.templates
    return TileServer(templates, user_agent=f"Haulwatch/{__version__}") if templates else None


def base_map(settings: Settings, tiles: "TileServer | None") -> BaseMap:
    found = settings.map
    return BaseMap(
        datum=Datum(found.datum),
        attribution=found.shown_attribution,
        tiles=tiles,
        layers=len(found.templates),
        max_zoom=found.max_zoom,
        archive=found.pmtiles,
    )


def _partitions(settings: Settings) -> Callable[[], Sequence[PartitionFigures]]:
    if settings.kafka.url is None:
        return tuple
    figures = open_topic_figures(settings)
    return remembered(figures.partitions)


def _fleet(settings: Settings) -> Callable[[], FleetFigures] | None:
    """Who judges verdicts, asked once for all that want to know it; None where judges do not share partitions."""
    look = judges_of_verdicts(settings)
    return None if look is None else remembered(look)


def _nobody() -> None:
    return None


def _kafka_checks(settings: Settings, status: PathStatus, fleet: Callable[[], FleetFigures] | None) -> Sequence[Check]:
    if settings.kafka.url is None:
        return ()

    def lags() -> dict[str, int]:
        found = {reader: lag.messages for reader, lag in status.lag().items()}
        return found if fleet is None else {**found, FLEET: fleet().lag}

    check = kafka_check(lambda: topic_as_found(settings), lambda replicas: topic_as_wanted(settings, replicas), lags)
    return (check,) if fleet is None else (check, fleet_check(fleet, status.verdicts_damaged))


def path_status(settings: Settings) -> PathStatus:
    def tables() -> Path | Tables:
        return recorder_tables(settings)

    if settings.kafka.url is None:
        return PathStatus(settings, lambda: open_segments(settings), tables, lambda: disk_reserve_bytes(settings))
    figures = open_log_figures(settings)  # one connection for all that ask
    published = shared_cursors(settings) if settings.kafka.judge == SHARED else None
    return PathStatus(settings, lambda: figures, tables, lambda: disk_reserve_bytes(settings), published)
