"""The alert outbox: changes that the journal's database does not take now, on disk, in order, until it does.

    judge → journal                                  while the database answers
    judge → outbox → journal, as soon as it answers  while it does not
                   ↘ MQTT                            meanwhile

So judgement never waits for the database. The journal takes each change once by its key, so one that is moved twice, or
that the database had taken before the connection broke, changes nothing.

A file with spoiled pages is set aside. What waited in it is judged again: see `AlertOutbox.has`. So is everything where
the database comes back without the change that it had before those that waited: it was restored from a backup.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple, Protocol

from pydantic import ValidationError

from devices.db.database import DatabaseError, DatabaseUnavailable
from ingest.process.backoff import Backoff
from ingest.process.pause import pause
from ingest.process.sqlite_file import is_damaged, open_cache, read_only, set_aside, transaction, translated
from rules.alerts.actions import JournalEntry
from rules.alerts.model import AlertChange

BATCH: Final = 200
_IDLE_S: Final = 1.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0
_BUSY_TIMEOUT_S: Final = 5.0
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS waiting (
        no INTEGER PRIMARY KEY AUTOINCREMENT,
        recorded_at INTEGER NOT NULL,   -- ms
        key TEXT NOT NULL UNIQUE,       -- a judge that was killed judges some changes again
        change BLOB NOT NULL            -- JSON: rules.alerts.model.AlertChange
    )""",
    # Keys of changes that a publisher delivered from here, so that it does not deliver them again from the journal.
    "CREATE TABLE IF NOT EXISTS delivered (key TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS read_to (no INTEGER NOT NULL)",
    # The change that the journal had before those that wait.
    "CREATE TABLE IF NOT EXISTS before (key TEXT NOT NULL)",
    # A row: changes that waited in a former file, which was spoiled, or that a restored journal lacks, are still to be
    # judged again.
    "CREATE TABLE IF NOT EXISTS lost (at TEXT NOT NULL)",
)
_NOTE_LOST: Final = "INSERT INTO lost VALUES (datetime('now'))"

_log = logging.getLogger(__name__)


class OutboxUnavailable(DatabaseUnavailable):
    """Neither the database nor the file takes the changes: the judge keeps them and tries again."""


class Journal(Protocol):
    """The part of the alert journal that the outbox fills. Raises DatabaseError."""

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int: ...
    def has(self, key: str, /) -> bool: ...


class AlertOutbox:
    """The journal as the judge writes it and the MQTT publisher reads it. Any thread. Raises OutboxUnavailable."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self._path, self._journal, self._lock = path, journal, Lock()
        self._answered_lost = False
        self._journal_has = ""
        """Key of the last change that the journal should have, as long as nothing waits here."""
        with translated(path, OutboxUnavailable):
            self._open()

    def _open(self) -> None:
        """Open the file, and begin with an empty one where pages of it are spoiled. Raises sqlite3.Error, OSError."""
        self._db = open_cache(self._path, _TABLES, timeout_s=_BUSY_TIMEOUT_S, once_spoiled=(_NOTE_LOST,))
        (self._waiting,) = self._db.execute("SELECT count(*) FROM waiting").fetchone()
        self._has_delivered = self._db.execute("SELECT 1 FROM delivered").fetchone() is not None
        self._has_lost = self._db.execute("SELECT 1 FROM lost").fetchone() is not None

    @property
    def waiting(self) -> int:
        """Changes that are not in the journal yet."""
        return int(self._waiting)

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int:
        """Write changes into the journal, or keep them. Durable on return; `recorded_at`: wall clock, ms."""
        if not changes:
            return 0
        if self._answered_lost:  # these are judged again, from the start of the log
            with self._file():
                self._db.execute("DELETE FROM lost")
            self._has_lost = self._answered_lost = False
        # Later changes wait behind earlier ones. Only `drain` makes `waiting` 0, after its last change is written.
        if not self._waiting:
            try:
                added = self._journal.record(changes, recorded_at)
            except DatabaseError as exc:
                _log.warning("alert journal: the database takes no changes, they wait in %s: %s", self._path, exc)
            else:
                self._journal_has = changes[-1].key
                return added
        rows = [(recorded_at, change.key, change.model_dump_json()) for change in changes]
        with self._file(), transaction(self._db):
            if not self._waiting and self._journal_has:
                self._note_before(self._journal_has)
            added = self._db.executemany(
                "INSERT OR IGNORE INTO waiting (recorded_at, key, change) VALUES (?, ?, ?)", rows
            ).rowcount
            self._waiting += added
        return added

    def has(self, key: str) -> bool:
        """True if the change with this key is in the journal, or waits here for it.

        False once after a spoiled file was set aside, or the journal was restored while changes waited: those that it
        lacks are to be judged again. Raises DatabaseError while the journal cannot be asked.
        """
        with self._file():
            if not self._waiting:
                self._journal_has = key
            if not self._has_lost and self._db.execute("SELECT 1 FROM waiting WHERE key = ?", (key,)).fetchone():
                return True
        found = self._journal.has(key)
        self._answered_lost = self._has_lost
        return found and not self._has_lost

    def drain(self) -> int:
        """Move the oldest changes into the journal. Returns how many. Raises DatabaseError; nothing is lost."""
        rows = self._rows(BATCH)
        if not rows:
            return 0
        self._notice_restored()
        # One call for each time of recording: the entries have the times at which they were judged.
        moved = 0
        while moved < len(rows):
            recorded_at = rows[moved].recorded_at
            same = [row for row in rows[moved:] if row.recorded_at == recorded_at]
            self._journal.record([row.change for row in same], recorded_at)
            moved += len(same)
            with self._file(), transaction(self._db):
                self._db.execute("DELETE FROM waiting WHERE no <= ?", (same[-1].number,))
                self._note_before(same[-1].change.key)
                (self._waiting,) = self._db.execute("SELECT count(*) FROM waiting").fetchone()
        return moved

    def _notice_restored(self) -> None:
        """Have everything judged again if the journal lacks what it had before the changes that wait."""
        with self._file():
            found = self._db.execute("SELECT key FROM before").fetchone()
        if found is None or self._journal.has(found[0]):
            return
        _log.error(
            "alert journal: it lacks a change that it had (%s): it was restored from a backup while changes waited in "
            "%s; the raw log is judged again, no alert is raised twice",
            *(found[0], self._path),
        )
        with self._file(), transaction(self._db):
            self._db.execute("DELETE FROM before")
            self._db.execute(_NOTE_LOST)
        self._has_lost = True

    def _note_before(self, key: str) -> None:
        self._db.execute("DELETE FROM before")
        self._db.execute("INSERT INTO before VALUES (?)", (key,))

    async def run(self, stop: asyncio.Event) -> None:
        """Drain whenever something waits, until `stop` is set."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while not stop.is_set():
            if not self._waiting:
                await pause(stop, _IDLE_S)
                continue
            try:
                await asyncio.to_thread(self.drain)
            except DatabaseError as exc:
                pause_s = backoff.next_pause_s()
                _log.info(
                    "alert journal: %d changes wait for the database, next attempt in %.1f s: %s",
                    self._waiting,
                    pause_s,
                    exc,
                )
                await pause(stop, pause_s)
                continue
            backoff.reset()
            if not self._waiting:
                _log.info("alert journal: the database takes changes again, all that waited are in it")

    # The publisher's side

    def undelivered(self, limit: int) -> list[JournalEntry]:
        """The oldest changes that wait here and were not delivered from here, with sequence numbers of this file."""
        with self._file():
            (delivered,) = self._db.execute("SELECT coalesce(max(no), 0) FROM read_to").fetchone()
        return [
            JournalEntry(sequence=row.number, recorded_at=row.recorded_at, change=row.change)
            for row in self._rows(limit, after=delivered)
        ]

    def note_delivered(self, entries: Sequence[JournalEntry], read_to: int) -> None:
        """Note that these entries of `undelivered` were delivered; `read_to`: the last sequence that was tried."""
        with self._file(), transaction(self._db):
            keys = [(entry.change.key,) for entry in entries]
            self._db.executemany("INSERT OR IGNORE INTO delivered VALUES (?)", keys)
            self._db.execute("DELETE FROM read_to")
            self._db.execute("INSERT INTO read_to VALUES (?)", (read_to,))
        self._has_delivered = True

    def not_yet_delivered(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Those entries of the journal that were not delivered from here while they waited."""
        if not self._has_delivered:
            return list(entries)
        with self._file():
            return [
                entry
                for entry in entries
                if self._db.execute("SELECT 1 FROM delivered WHERE key = ?", (entry.change.key,)).fetchone() is None
            ]

    def forget_delivered(self) -> None:
        """Forget what was delivered from here: the publisher has read the journal to its end."""
        if self._waiting or not self._has_delivered:
            return
        with self._file(), transaction(self._db):
            self._db.execute("DELETE FROM delivered")
        self._has_delivered = False

    def close(self) -> None:
        with self._file():
            self._db.close()

    def _rows(self, limit: int, after: int = 0) -> list["_Waiting"]:
        with self._file():
            query = "SELECT no, recorded_at, change FROM waiting WHERE no > ? ORDER BY no LIMIT ?"
            found = self._db.execute(query, (after, limit)).fetchall()
            return [_Waiting(no, at, AlertChange.model_validate_json(change)) for no, at, change in found]

    @contextmanager
    def _file(self) -> Iterator[None]:
        """One thread at a time: judge, drain and publisher share the connection."""
        with self._lock, translated(self._path, OutboxUnavailable):
            try:
                yield
            except (sqlite3.Error, ValidationError) as exc:
                spoiled_row = isinstance(exc, ValidationError)
                if spoiled_row or is_damaged(exc):
                    self._db.close()
                    set_aside(self._path, exc)
                    self._open()
                    self._db.execute(_NOTE_LOST)
                    self._has_lost = True
                if spoiled_row:
                    raise OutboxUnavailable(f"{self._path}: a row is spoiled") from exc
                raise


class _Waiting(NamedTuple):
    number: int
    recorded_at: int
    change: AlertChange


def read_waiting(path: Path) -> tuple[int, int | None]:
    """Number of changes in the file, and when the oldest was recorded, ms; for other processes."""
    try:
        with read_only(path) as db:
            count, oldest = db.execute("SELECT count(*), min(recorded_at) FROM waiting").fetchone()
            return int(count), oldest
    except sqlite3.Error:
        return 0, None
