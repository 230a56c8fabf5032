"""The proposals of suspected sites, and the task that renews them."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from devices.city.model import City
from devices.db.database import DatabaseError, open_database
from haulwatch.process import system_clock
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from ingest.process.pause import pause
from rules.alerts.journal import AlertJournal
from rules.suspected_sites.proposing import propose
from rules.suspected_sites.store import ProposalStore

EVERY_S: Final = 3_600.0
"""A place shows over days; a look costs one query of a month of alerts."""

_log = logging.getLogger(__name__)


@contextmanager
def open_proposals(settings: Settings) -> Iterator[ProposalStore]:
    store = ProposalStore(open_database(existing_database_url(settings)))
    try:
        yield store
    finally:
        store.close()


async def keep_proposing(
    journal: AlertJournal, store: ProposalStore, city: Callable[[], City], stop: asyncio.Event
) -> None:
    """Look for suspected sites every hour until `stop` is set."""
    while not stop.is_set():
        try:
            new = await asyncio.to_thread(propose, journal, store, city(), now=system_clock.now_ms())
        except DatabaseError as exc:
            _log.warning("suspected sites: the database does not answer, looking again in an hour: %s", exc)
        else:
            if new:
                _log.info("suspected sites: %d new, they wait for a decision: `haulwatch sites list`", new)
        await pause(stop, EVERY_S)
