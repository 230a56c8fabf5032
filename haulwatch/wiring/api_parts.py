"""The parts behind the API: the read side of every part, and the checks of /readyz."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from api.ports import ApiOptions, ApiParts, People
from devices.city.model import City
from haulwatch import __version__
from haulwatch.health.path_status import PathStatus
from haulwatch.health.readiness import readiness_checks
from haulwatch.process import system_clock
from haulwatch.process.background import BackgroundTask
from haulwatch.process.remembered import remembered
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_command_store
from haulwatch.wiring.log import disk_reserve_bytes, open_raw_log
from haulwatch.wiring.packs.exporter import evidence_packs
from haulwatch.wiring.rules import current_rules
from haulwatch.wiring.stores import current_ledger, open_dead_letters
from ingest.mqtt.broker_statistics import BrokerCounters
from ingest.notices.summary import ChannelSummary
from ingest.store.sqlite import SqliteStore
from rules.alerts.journal import AlertJournal
from rules.alerts.shelves import ShelfStore
from rules.catalogue import corridor_m, silent_after_s
from rules.rule_sets.store import RuleSetStore
from rules.suspected_sites.store import ProposalStore

if TYPE_CHECKING:
    from ingest.store.influx import InfluxStore  # its client takes a third of a second to import: only who writes to it


def api_options(settings: Settings) -> ApiOptions:
    token, read_token, map_token = settings.api.token, settings.api.read_token, settings.api.map_token
    return ApiOptions(
        version=__version__,
        token=token.get_secret_value() if token else None,
        read_token=read_token.get_secret_value() if read_token else None,
        origins=tuple(settings.api.origins.split()),
        hosts=(settings.api.host, *settings.api.hosts.split()),
        public_map=settings.api.public_map == "on",
        map_token=map_token.get_secret_value() if map_token else None,
    )


class Repositories(NamedTuple):
    """What the API reads and writes in the relational database, beside commands."""

    journal: AlertJournal
    shelves: ShelfStore
    rule_sets: RuleSetStore
    suspected_sites: ProposalStore
    people: People
    notices: Callable[[], Sequence[ChannelSummary]] = tuple
    """As of `ApiParts`."""


def api_parts(
    settings: Settings,
    city: Callable[[], City],
    store: "InfluxStore | SqliteStore",
    repositories: Repositories,
    broker: Callable[[], BrokerCounters | None] = lambda: None,
    background: Sequence[BackgroundTask] = (),
) -> ApiParts:
    """`broker` returns the broker's own counters, or None if they are not read; `background` is checked by /readyz."""
    dead_letters = open_dead_letters(settings)
    status = path_status(settings)

    def redrive(letter_id: int) -> int:
        with closing(open_raw_log(settings)) as log:
            return dead_letters.redrive(letter_id, log, system_clock.now_ms())

    rules = current_rules(settings, repositories.rule_sets)

    def silent_after(interval_s: int) -> int:
        return silent_after_s(rules().rules)(interval_s)

    return ApiParts(
        city=city,
        history=store,
        journal=repositories.journal,
        shelves=repositories.shelves,
        commands=open_command_store(settings),
        ledger=remembered(lambda: current_ledger(settings)),
        dead_letters=dead_letters,
        redrive=redrive,
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
        over_limit=status.over_limit,
        evidence_pack=evidence_packs(settings, repositories.journal, repositories.people.audit, city, rules),
        call_within_ms=settings.alerts.call_within_ms,
        rules=rules,
        rule_sets=repositories.rule_sets,
        suspected_sites=repositories.suspected_sites,
        people=repositories.people,
        corridor_m=lambda: corridor_m(rules().rules),
        silent_after_s=silent_after,
        checks=readiness_checks(settings, status, store, broker, background, repositories.notices),
    )


def path_status(settings: Settings) -> PathStatus:
    return PathStatus(settings, lambda: open_raw_log(settings), lambda: disk_reserve_bytes(settings))
