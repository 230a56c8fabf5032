"""Where the judge is in the raw log and what its engine knew there: one row, so that the two never part."""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS checkpoint (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    log_offset INTEGER NOT NULL,
    snapshot BLOB NOT NULL
)
"""


class JudgeStateUnavailable(Exception):
    """The file cannot be read or written now: nothing was changed, try again."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything up to `offset` is in the journal, and `snapshot` is the engine right after it."""

    offset: int
    snapshot: bytes


class JudgeState:
    """The file `judge.db`. One process, one thread. Every method raises JudgeStateUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(_SCHEMA)

    def load(self) -> Checkpoint | None:
        """The last checkpoint; None before the first."""
        with self._translated():
            row = self._db.execute("SELECT log_offset, snapshot FROM checkpoint").fetchone()
        return None if row is None else Checkpoint(row[0], _unpacked(row[1]))

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the last checkpoint; durable on return."""
        with self._translated():
            self._db.execute(
                "INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?)",
                (checkpoint.offset, zlib.compress(checkpoint.snapshot, level=1)),
            )

    def close(self) -> None:
        with self._translated():
            self._db.close()

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
