"""The manifests of an installation: the store of the desk, and the loops of the judge process."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from devices.city.model import City
from devices.db.database import open_database
from devices.readings.manifests import ManifestTerms
from haulwatch.process import system_clock
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from haulwatch.wiring.log import open_raw_log
from ingest.manifests.feed import ManifestFeed
from ingest.manifests.writer import ManifestWriter
from rules.catalogue import load_budget, overdue_at
from rules.contract.rule_choice import RuleChoice, scope_of
from rules.manifests.document import LoadBudget
from rules.manifests.journal import ManifestJournal
from rules.manifests.store import ManifestStore


class ManifestLoops(NamedTuple):
    """What moves manifests between the database and the raw log."""

    writer: ManifestWriter
    feed: ManifestFeed


@contextmanager
def open_manifests(
    settings: Settings, city: Callable[[], City], rules: Callable[[], RuleChoice]
) -> Iterator[ManifestStore]:
    """The manifests as the desk keeps them. `rules`: the rule set that holds, by which they are overdue."""

    def when_overdue(terms: ManifestTerms, device_id: str) -> int:
        now_city, choice = city(), rules()
        device = now_city.devices.get(device_id)
        in_force = (
            choice.rules if device is None else choice.in_force(scope_of(device, now_city, terms.depart_at))[0].rules
        )
        chosen = [rule for rule in in_force if rule is not None]
        try:
            return overdue_at(chosen)(terms.depart_at, terms.arrive_by)
        except LookupError:  # the rule is off for this truck; its manifests are overdue all the same
            return overdue_at(choice.rules)(terms.depart_at, terms.arrive_by)

    def budget(stream: str) -> LoadBudget:
        return load_budget(rules().rules)(stream)

    engine = open_database(existing_database_url(settings))
    with closing(ManifestStore(engine, city, when_overdue, budget)) as store:
        yield store


@contextmanager
def read_manifests(settings: Settings) -> Iterator[ManifestStore]:
    """The manifests, for who only reads them."""

    def nobody() -> City:
        raise RuntimeError("who reads manifests asks for no city")

    store = ManifestStore(open_database(existing_database_url(settings)), nobody, lambda terms, device_id: 0)
    with closing(store):
        yield store


@contextmanager
def manifest_loops(
    settings: Settings, city: Callable[[], City], rules: Callable[[], RuleChoice]
) -> Iterator[ManifestLoops]:
    """The loops of the judge process."""
    journal = ManifestJournal(open_database(existing_database_url(settings)))
    with open_manifests(settings, city, rules) as store, closing(journal), closing(open_raw_log(settings)) as log:
        feed = ManifestFeed(journal, system_clock.now_ms, _counted_by(settings))
        yield ManifestLoops(ManifestWriter(store, log, system_clock.now_ms), feed)


def _counted_by(settings: Settings) -> str:
    """Who counts the offsets up to which manifests were judged: those of one are not those of another."""
    kafka = settings.kafka
    return "disk" if kafka.url is None else f"{kafka.prefix} {kafka.judge} {kafka.partitions}"
