"""Where the judge is in the raw log and what its engine knew there, in one file, so that the two never part.

What is known of a device is a row of its own, written again when it has changed: a checkpoint costs what happened since
the one before, not what is known.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS checkpoint (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    log_offset INTEGER NOT NULL,
    snapshot BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS device (
    device_id TEXT PRIMARY KEY NOT NULL,
    known BLOB NOT NULL
);
"""
_PUT: Final = """
INSERT INTO device VALUES (?, ?) ON CONFLICT (device_id) DO UPDATE SET known = excluded.known
"""
"""A fifth of the time that INSERT OR REPLACE takes, whose rows go to other pages."""


class JudgeStateUnavailable(Exception):
    """The file cannot be read or written now: nothing was changed, try again."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything up to `offset` is in the journal, and the rest is the engine right after it."""

    offset: int
    fleet: bytes
    devices: Iterable[tuple[str, bytes]]
    """Rows by device id: when loaded all there are, when saved those that changed; in order, so that pages are met
    once."""


class JudgeState:
    """The file `judge.db`. One process, one thread. Every method raises JudgeStateUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA secure_delete=OFF")  # Debian's SQLite overwrites with zeros what is given up
            self._db.executescript(_SCHEMA)

    def load(self) -> Checkpoint | None:
        """The last checkpoint, to be read before the next call; None before the first."""
        with self._translated():
            row = self._db.execute("SELECT log_offset, snapshot FROM checkpoint").fetchone()
        return None if row is None else Checkpoint(row[0], _unpacked(row[1]), self._devices())

    def save(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint over the last one; durable on return."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?)",
                (checkpoint.offset, zlib.compress(checkpoint.fleet, level=1)),
            )
            self._db.executemany(_PUT, checkpoint.devices)

    def forget(self) -> None:
        """Begin anew: rows that cannot be used must not be mixed with the next checkpoint's."""
        with self._transaction():
            self._db.execute("DELETE FROM checkpoint")
            self._db.execute("DELETE FROM device")

    def close(self) -> None:
        with self._translated():
            self._db.close()

    def _devices(self) -> Iterator[tuple[str, bytes]]:
        with self._translated():
            yield from self._db.execute("SELECT device_id, known FROM device")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:  # commits, or rolls back and raises
                yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as exc:
            raise JudgeStateUnavailable(f"{self._path}: {exc}") from exc


def _unpacked(packed: bytes) -> bytes:
    """Packed, because that takes less time than writing ten times as much. Nothing, if these bytes are damaged."""
    try:
        return zlib.decompress(packed)
    except zlib.error:
        return b""
