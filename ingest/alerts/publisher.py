"""The alert publisher: journal → sink. Each sink follows the journal at its own pace.

A sink has a cursor of its own on disk, moved after each delivery, and is retried for ever; it waits neither for other
sinks nor for the judge. A crash delivers some changes again: they carry the same key (alert id, phase, revision).
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from devices.db.database import DatabaseError
from devices.errors import OperatorError
from ingest.process.backoff import Backoff
from ingest.process.pause import pause
from ingest.process.sqlite_file import open_sqlite, translated
from rules.alerts.actions import JournalEntry

BATCH: Final = 100
_POLL_S: Final = 0.25
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_BUSY_TIMEOUT_S: Final = 5.0

_log = logging.getLogger(__name__)


class SinkUnavailable(Exception):
    """Nothing is lost: the same changes are delivered again, after `retry_after` seconds if the sink named a time."""

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class AlertSink(Protocol):
    """Takes alert changes out of the process."""

    async def deliver(self, entries: Sequence[JournalEntry]) -> None:
        """Return when the other side has accepted every entry. Raises SinkUnavailable."""


class Journal(Protocol):
    """The part of the alert journal that a publisher uses. Synchronous; raises DatabaseError."""

    def changes_after(self, sequence: int, limit: int, /) -> list[JournalEntry]: ...


class CursorsUnavailable(OperatorError):
    """The cursor file cannot be read or written now."""


class PublisherCursors:
    """The last sequence number that each sink has delivered, in a small SQLite file. Raises CursorsUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._translated():
            self._db = open_sqlite(path, timeout_s=_BUSY_TIMEOUT_S)
            self._db.execute("CREATE TABLE IF NOT EXISTS cursor (outlet TEXT PRIMARY KEY, no INTEGER NOT NULL)")
            self._db.execute("CREATE TABLE IF NOT EXISTS said (of TEXT PRIMARY KEY, first TEXT NOT NULL) WITHOUT ROWID")

    def get(self, sink: str) -> int:
        """0 before the first delivery."""
        with self._translated():
            row = self._db.execute("SELECT no FROM cursor WHERE outlet = ?", (sink,)).fetchone()
        return int(row[0]) if row else 0

    def set(self, sink: str, sequence: int) -> None:
        with self._translated():
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (sink, sequence))

    def first_value(self, key: str, value: str) -> str:
        """The value that was given for `key` the first time; later ones are ignored."""
        with self._translated():
            self._db.execute("INSERT OR IGNORE INTO said VALUES (?, ?)", (key, value))
            return str(self._db.execute("SELECT first FROM said WHERE of = ?", (key,)).fetchone()[0])

    def close(self) -> None:
        with self._translated():
            self._db.close()

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._path, CursorsUnavailable)


class AlertPublisher:
    """Delivers the journal's changes to one sink, in order, from its cursor on."""

    def __init__(self, name: str, sink: AlertSink, journal: Journal, cursors: PublisherCursors) -> None:
        self.name = name
        self._sink, self._journal, self._cursors = sink, journal, cursors

    async def step(self) -> int:
        """Deliver the next changes. Returns how many. Raises SinkUnavailable, DatabaseError, CursorsUnavailable."""
        cursor = self._cursors.get(self.name)
        entries = await asyncio.to_thread(self._journal.changes_after, cursor, BATCH)
        if entries:
            await self._sink.deliver(entries)
            self._cursors.set(self.name, entries[-1].sequence)
        return len(entries)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set. An unavailable sink, journal or cursor file is retried for ever."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while not stop.is_set():
            try:
                delivered = await self.step()
            except (SinkUnavailable, DatabaseError, CursorsUnavailable) as exc:
                pause_s = backoff.next_pause_s()
                if isinstance(exc, SinkUnavailable) and exc.retry_after is not None:
                    pause_s = exc.retry_after  # as long as the sink asks for, no longer
                _log.warning(
                    "alert publisher: %s is not available, trying again in %.1f s: %s", self.name, pause_s, exc
                )
                await pause(stop, pause_s)
                continue
            backoff.reset()
            if not delivered:
                await pause(stop, _POLL_S)
