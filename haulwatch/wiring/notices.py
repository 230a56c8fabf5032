"""Notices: their rules, their outbox, and the service that sends them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple

from devices.city.model import City
from devices.db.database import open_database
from haulwatch.process import system_clock
from haulwatch.process.remembered import remembered
from haulwatch.settings.data_files import notice_cursors_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from ingest.alerts.cursors import PublisherCursors
from ingest.notices.notice import Notice
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.rule_store import NoticeRuleStore
from ingest.notices.secrets import environment_secrets
from ingest.notices.service import NoticeParts, NoticeService
from ingest.notices.summary import ChannelSummary, newest_notices, summarise
from rules.alerts.journal import AlertJournal
from rules.alerts.shelves import ShelfStore


class Notices(NamedTuple):
    """The service, and what it has to show."""

    service: NoticeService
    summary: Callable[[], Sequence[ChannelSummary]]


@contextmanager
def open_notices(
    settings: Settings, journal: AlertJournal, shelves: ShelfStore, city: Callable[[], City]
) -> Iterator[Notices]:
    """Raises CursorsUnavailable."""
    engine = open_database(existing_database_url(settings))
    with (
        closing(NoticeRuleStore(engine)) as rules,
        closing(PublisherCursors(notice_cursors_path(settings))) as cursors,
    ):
        parts = NoticeParts(
            rules,
            NoticeOutbox(engine),
            journal,
            shelves,
            cursors,
            city,
            environment_secrets(),
            system_clock.now_ms,
            settings.alerts.call_within_ms,
        )
        yield Notices(NoticeService(parts), remembered(lambda: summarise(engine, system_clock.now_ms())))


@contextmanager
def open_notice_rules(settings: Settings) -> Iterator[NoticeRuleStore]:
    with closing(NoticeRuleStore(open_database(existing_database_url(settings)))) as store:
        yield store


class NoticeStatus(NamedTuple):
    """What the outbox holds."""

    channels: Sequence[ChannelSummary]
    newest: Sequence[tuple[Notice, str]]
    """With what was last wrong with each."""


def notice_status(settings: Settings, limit: int) -> NoticeStatus:
    """Raises DatabaseError."""
    engine = open_database(existing_database_url(settings))
    try:
        return NoticeStatus(summarise(engine, system_clock.now_ms()), newest_notices(engine, limit))
    finally:
        engine.dispose()
