"""What evidence packs are made from: raw log, journal, audit trail, registry, rule sets, key and font."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from devices.access.signatures import kept_key
from devices.city.model import City
from haulwatch import __version__
from haulwatch.settings.data_files import evidence_folder, revisions_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_attachments, open_audit_trail, open_journal, open_registry, people_zone
from haulwatch.wiring.log import open_timed_log
from haulwatch.wiring.rules import known_rules

if TYPE_CHECKING:
    from ingest.evidence.attached import Attachments
    from ingest.evidence.export import Exporter, Journal, Trail
    from rules.rule_sets.choice import RuleSetChoice


def exporter(
    settings: Settings,
    journal: "Journal",
    trail: "Trail",
    city: Callable[[], City],
    rules: "Callable[[], RuleSetChoice]",
    attachments: "Attachments",
) -> "Exporter":
    """Makes packs. The record is drawn by a library of its own, which is loaded with the first pack."""
    from ingest.evidence.attached import held_of
    from ingest.evidence.export import Exporter
    from ingest.evidence.pack import Contents
    from ingest.log.revision_writer import newest_revisions

    on_kafka = settings.kafka.url is not None  # where offsets of writers are none of readers

    def records(contents: Contents) -> dict[str, bytes | str]:
        from ingest.evidence.record.document import records as made

        return dict(made(contents, settings.evidence.font))

    return Exporter(
        open_log=lambda: open_timed_log(settings),
        journal=journal,
        trail=trail,
        city=city,
        rules=rules,
        key=lambda: kept_key(evidence_folder(settings)),
        records=records,
        version=__version__,
        timezone=lambda: str(people_zone(settings)),
        max_payload_bytes=settings.limits.max_payload_bytes,
        newest_revisions=lambda: {} if on_kafka else newest_revisions(revisions_path(settings)),
        attachments=lambda alert_id: held_of(attachments, alert_id),
    )


@contextmanager
def open_exporter(settings: Settings) -> "Iterator[Exporter]":
    """For one command, or one pack of the API. Raises NoData, DatabaseError."""

    def city() -> City:
        with open_registry(settings) as registry:
            return registry.load_city()

    with (
        closing(open_journal(settings)) as journal,
        closing(open_audit_trail(settings)) as trail,
        closing(open_attachments(settings)) as attachments,
    ):
        yield exporter(settings, journal, trail, city, lambda: known_rules(settings), attachments)
