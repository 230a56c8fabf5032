"""The file of messages that wait for their device's share of the raw log (`ingest.collector.fair_log`)."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from ingest.log.records import RawMessage
from ingest.log.segment import RawLogFull
from ingest.process.sqlite_file import open_sqlite, read_only, transaction, translated

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS waiting (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    received_at INTEGER NOT NULL,   -- ms
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    dialect TEXT NOT NULL,
    retained INTEGER NOT NULL
)
"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS waiting_of_device ON waiting (device, id)"
_COUNT: Final = "SELECT device, count(*) FROM waiting GROUP BY device"
_SHRINK_BYTES: Final = 8 << 20
"""An empty file larger than this gives its space back."""


class WaitingFile:
    """One collector's waiting messages. Methods raise RawLogFull."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with translated(path, RawLogFull):
            self._db = open_sqlite(path, shrinks=True)
            self._db.execute(_TABLE)
            self._db.execute(_INDEX)
            self.messages: dict[str, int] = dict(self._db.execute(_COUNT).fetchall())
        """How many wait, by device; none is 0."""

    def add(self, messages: Sequence[tuple[str, RawMessage]]) -> None:
        """Keep messages, each with its device; on return they are on the disk."""
        rows = [
            (device, message.received_at, message.topic, message.payload, message.dialect, message.retained)
            for device, message in messages
        ]
        with translated(self._path, RawLogFull):
            self._db.execute("PRAGMA synchronous=FULL")
            with transaction(self._db):
                self._db.executemany(
                    "INSERT INTO waiting (device, received_at, topic, payload, dialect, retained)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    rows,
                )
        for device, _ in messages:
            self.messages[device] = self.messages.get(device, 0) + 1

    def oldest(self, device: str, limit: int) -> list[tuple[int, RawMessage]]:
        """The first messages of a device, with their numbers here, at most about a megabyte of them."""
        found: list[tuple[int, RawMessage]] = []
        with translated(self._path, RawLogFull):
            rows = self._db.execute(
                "SELECT id, topic, payload, received_at, dialect, retained FROM waiting WHERE device = ?"
                " ORDER BY id LIMIT ?",
                (device, limit),
            )
            with closing(rows):
                size = 0
                for number, topic, payload, received_at, dialect, retained in rows:
                    found.append((number, RawMessage(topic, payload, received_at, dialect, bool(retained))))
                    size += len(payload)
                    if size > 1 << 20:
                        break
        return found

    def remove(self, device: str, numbers: Sequence[int]) -> None:
        """Remove what was appended. Not synced: after a power cut it would be appended again, as a duplicate."""
        with translated(self._path, RawLogFull):
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
