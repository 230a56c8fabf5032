"""The file of messages that wait for their device's share of the raw log (`ingest.collector.fair_log`)."""

import logging
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from ingest.log.errors import RawLogFull
from ingest.log.records import RawMessage
from ingest.process.salvage import copy_readable, page_fault
from ingest.process.sqlite_file import is_damaged, open_sqlite, read_only, set_aside, transaction, translated

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS waiting (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    received_at INTEGER NOT NULL,   -- ms
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    dialect TEXT NOT NULL,
    retained INTEGER NOT NULL,
    crc INTEGER                     -- of topic and payload; NULL in rows of former versions
)
"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS waiting_of_device ON waiting (device, id)"
_COUNT: Final = "SELECT device, count(*) FROM waiting GROUP BY device"
_SHRINK_BYTES: Final = 8 << 20
"""An empty file larger than this gives its space back."""

_log = logging.getLogger(__name__)


class _Spoiled(sqlite3.DatabaseError):
    """A row does not have its checksum."""


class WaitingFile:
    """One collector's waiting messages. Methods raise RawLogFull.

    The messages were acknowledged and are nowhere else: of a file with spoiled pages, all that can be read goes on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with translated(path, RawLogFull):
            if path.exists() and (fault := page_fault(path)) is not None:
                self._db = _salvaged(path, fault)
            else:
                self._db = _opened(path)
            self.messages: dict[str, int] = dict(self._db.execute(_COUNT).fetchall())
        """How many wait, by device; none is 0."""

    def add(self, messages: Sequence[tuple[str, RawMessage]]) -> None:
        """Keep messages, each with its device; on return they are on the disk."""
        rows = [
            (
                *(device, message.received_at, message.topic, message.payload, message.dialect, message.retained),
                _crc(message.topic, message.payload),
            )
            for device, message in messages
        ]
        with self._file():
            self._db.execute("PRAGMA synchronous=FULL")
            with transaction(self._db):
                self._db.executemany(
                    "INSERT INTO waiting (device, received_at, topic, payload, dialect, retained, crc)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )
        for device, _ in messages:
            self.messages[device] = self.messages.get(device, 0) + 1

    def oldest(self, device: str, limit: int) -> list[tuple[int, RawMessage]]:
        """The first messages of a device, marked as `waited`, with their numbers here; about a megabyte at most."""
        found: list[tuple[int, RawMessage]] = []
        with self._file():
            rows = self._db.execute(
                "SELECT id, topic, payload, received_at, dialect, retained, crc FROM waiting WHERE device = ?"
                " ORDER BY id LIMIT ?",
                (device, limit),
            )
            with closing(rows):
                size = 0
                for number, topic, payload, received_at, dialect, retained, crc in rows:
                    if not _has_checksum(topic, payload, crc):
                        raise _Spoiled(f"message {number} of {device} does not have its checksum")
                    message = RawMessage(topic, payload, received_at, dialect, bool(retained), waited=True)
                    found.append((number, message))
                    size += len(payload)
                    if size > 1 << 20:
                        break
        return found

    def remove(self, device: str, numbers: Sequence[int]) -> None:
        """Remove what was appended. Not synced: after a power cut it would be appended again, as a duplicate."""
        with self._file():
            self._db.execute("PRAGMA synchronous=NORMAL")
            with transaction(self._db):
                self._db.executemany("DELETE FROM waiting WHERE id = ?", [(number,) for number in numbers])
            self.messages[device] -= len(numbers)
            if self.messages[device] <= 0:
                del self.messages[device]
            if not self.messages and self._path.stat().st_size > _SHRINK_BYTES:
                self._db.executescript("PRAGMA incremental_vacuum")
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _file(self) -> Iterator[None]:
        """What is found spoiled costs one attempt: the next one has a file that works."""
        with translated(self._path, RawLogFull):
            try:
                yield
            except sqlite3.Error as exc:
                if isinstance(exc, _Spoiled) or is_damaged(exc):
                    self._db.close()
                    self._db = _salvaged(self._path, str(exc))
                    self.messages = dict(self._db.execute(_COUNT).fetchall())
                raise


def _opened(path: Path) -> sqlite3.Connection:
    db = open_sqlite(path, shrinks=True)
    try:
        db.execute(_TABLE)
        db.execute(_INDEX)
        if "crc" not in {name for _, name, *_ in db.execute("PRAGMA table_info(waiting)")}:
            db.execute("ALTER TABLE waiting ADD COLUMN crc INTEGER")
    except BaseException:
        db.close()
        raise
    return db


def _salvaged(path: Path, fault: str) -> sqlite3.Connection:
    """A new file with every message of the spoiled one that can be read; the others are named."""
    aside = set_aside(path, fault)
    db = _opened(path)
    with closing(sqlite3.connect(aside, isolation_level=None)) as old, transaction(db):
        lost = list(copy_readable(old, db, _is_whole))
    for what in lost:
        _log.error("collector: messages that waited for their share: %s could not be read and are lost", what)
    return db


def _is_whole(_table: str, values: Mapping[str, Any]) -> bool:
    return _has_checksum(values["topic"], values["payload"], values["crc"])


def _has_checksum(topic: Any, payload: Any, crc: int | None) -> bool:
    """Also False where a spoiled page gives a column of another type."""
    return isinstance(topic, str) and isinstance(payload, bytes) and crc in {None, _crc(topic, payload)}


def _crc(topic: str, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(topic.encode()))


def read_waiting(paths: Sequence[Path]) -> Mapping[str, int]:
    """Messages that wait, by device, as other processes read them from the files of all collectors."""
    found: dict[str, int] = {}
    for path in paths:
        try:
            with read_only(path) as db:
                for device, messages in db.execute(_COUNT):
                    found[device] = found.get(device, 0) + messages
        except sqlite3.Error:  # no such file or table yet
            continue
    return found
