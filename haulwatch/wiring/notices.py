"""Notices: their rules, their outbox, and the service that sends them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final, NamedTuple

from devices.city.model import City
from devices.db.database import DatabaseError, open_database
from haulwatch.process import system_clock
from haulwatch.process.remembered import remembered
from haulwatch.settings.data_files import notice_cursors_path
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from ingest.notices.desk.desk import NoticeDesk
from ingest.notices.notice import Notice
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.rule_store import NoticeRuleStore
from ingest.notices.secrets import environment_secrets
from ingest.notices.summary import ChannelSummary, newest_notices, summarise
from ingest.process.pause import pause
from rules.alerts.journal import AlertJournal
from rules.alerts.shelves import ShelfStore

_LOOK_S: Final = 2.0

_log = logging.getLogger(__name__)


class Notices(NamedTuple):
    """What sends notices, and what it has to show."""

    run: Callable[[asyncio.Event], Awaitable[None]]
    summary: Callable[[], Sequence[ChannelSummary]]
    desk: NoticeDesk


@contextmanager
def open_notices(
    settings: Settings, journal: AlertJournal, shelves: ShelfStore, city: Callable[[], City]
) -> Iterator[Notices]:
    """Notices of an installation. The senders and their libraries are loaded when there are rules."""
    engine = open_database(existing_database_url(settings))
    with closing(NoticeRuleStore(engine)) as rules:

        async def run(stop: asyncio.Event) -> None:
            """Run until `stop` is set. Raises CursorsUnavailable."""
            await _until_there_are_rules(rules, stop)
            if stop.is_set():
                return
            from ingest.alerts.cursors import PublisherCursors
            from ingest.notices.service import NoticeParts, NoticeService

            outbox, secrets = NoticeOutbox(engine), environment_secrets()
            with closing(PublisherCursors(notice_cursors_path(settings))) as cursors:
                now, call_within_ms = system_clock.now_ms, settings.alerts.call_within_ms
                parts = NoticeParts(rules, outbox, journal, shelves, cursors, city, secrets, now, call_within_ms)
                await NoticeService(parts).run(stop)

        desk = NoticeDesk(engine, rules, environment_secrets(), system_clock.now_ms)
        yield Notices(run, remembered(desk.summary), desk)


async def _until_there_are_rules(rules: NoticeRuleStore, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            if await asyncio.to_thread(rules.newest_version):
                return
        except DatabaseError as exc:
            _log.info("notices: the database does not say whether there are rules: %s", exc)
        await pause(stop, _LOOK_S)


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
