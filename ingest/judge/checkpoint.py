"""The judge's checkpoint: the offset in the raw log and the engine's state at that offset, in one file, `judge.db`.

One transaction writes both, so that they never differ. Each device has a row of its own, written again only after the
device changed: the cost of a checkpoint grows with what happened since the last one, not with the size of the fleet.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from devices.errors import OperatorError
from ingest.judge.not_judged import CREATE_NOT_JUDGED, PUT_NOT_JUDGED
from ingest.process.sqlite_file import open_sqlite, transaction, translated

_BUSY_TIMEOUT_S: Final = 5.0
_CHECKPOINT_TABLE: Final = """
CREATE TABLE IF NOT EXISTS checkpoint (
    partition INTEGER PRIMARY KEY,
    log_offset INTEGER NOT NULL,
    snapshot BLOB NOT NULL
)
"""
_DEVICE_TABLE: Final = """
CREATE TABLE IF NOT EXISTS device (
    device_id TEXT PRIMARY KEY NOT NULL,
    known BLOB NOT NULL
)
"""
"""Without a partition: a device belongs to one."""
_REVISION_TABLE: Final = """
CREATE TABLE IF NOT EXISTS revision (
    partition INTEGER NOT NULL,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (partition, topic)
)
"""
"""The last revisions of city and rules up to the checkpoint (`ingest.log.revisions`)."""
_PUT_DEVICE: Final = """
INSERT INTO device VALUES (?, ?) ON CONFLICT (device_id) DO UPDATE SET known = excluded.known
"""
"""A fifth of the time that INSERT OR REPLACE takes, which moves rows to other pages."""


class JudgeStateUnavailable(OperatorError):
    """The file cannot be read or written now: nothing was changed, try again."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything up to `offset` is in the journal; `fleet` and `devices` are the engine's state right after it."""

    offset: int
    fleet: bytes
    devices: Iterable[tuple[str, bytes]]
    """Rows by device id. Loaded: all of them. Saved: those that changed, in the order of ids, so that SQLite meets each
    of its pages once."""
    not_judged: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Readings that were not judged, by device and reason. Loaded: empty, since the rows have them. Saved: of the
    devices that changed."""
    revisions: Mapping[str, bytes] = field(default_factory=dict)
    """Payloads of the revisions of city and rules that hold after `offset`, by topic. Saved: those that changed."""


class JudgeState:
    """The file `judge.db`. One process, one thread. Every method raises JudgeStateUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._translated():
            self._db = open_sqlite(path, timeout_s=_BUSY_TIMEOUT_S)
            with transaction(self._db):
                _create_tables(self._db)

    def load(self, partition: int) -> Checkpoint | None:
        """The last checkpoint; None before the first. Its rows are read while the caller iterates over them: finish
        before the next call.
        """
        with self._translated():
            query = "SELECT log_offset, snapshot FROM checkpoint WHERE partition = ?"
            row = self._db.execute(query, (partition,)).fetchone()
            revisions = dict(self._db.execute("SELECT topic, payload FROM revision WHERE partition = ?", (partition,)))
        return None if row is None else Checkpoint(row[0], _decompressed(row[1]), self._devices(), {}, revisions)

    def save(self, partition: int, checkpoint: Checkpoint) -> None:
        """Replace the last checkpoint. Durable on return."""
        # Compressed, because that takes less time than writing ten times as much.
        row = (partition, checkpoint.offset, zlib.compress(checkpoint.fleet, level=1))
        with self._translated(), transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?)", row)
            self._db.executemany(_PUT_DEVICE, checkpoint.devices)
            counts = checkpoint.not_judged.items()
            rows = ((device_id, reason, n) for device_id, by_reason in counts for reason, n in by_reason.items())
            self._db.executemany(PUT_NOT_JUDGED, rows)
            revisions = [(partition, topic, payload) for topic, payload in checkpoint.revisions.items()]
            self._db.executemany("INSERT OR REPLACE INTO revision VALUES (?, ?, ?)", revisions)

    def clear(self) -> None:
        """Delete everything: rows that cannot be used must not mix with the next checkpoint's."""
        with self._translated(), transaction(self._db):
            self._db.execute("DELETE FROM checkpoint")
            self._db.execute("DELETE FROM device")
            self._db.execute("DELETE FROM not_judged")
            self._db.execute("DELETE FROM revision")

    def close(self) -> None:
        with self._translated():
            self._db.close()

    def _devices(self) -> Iterator[tuple[str, bytes]]:
        with self._translated():
            yield from self._db.execute("SELECT device_id, known FROM device")

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._path, JudgeStateUnavailable)


def _create_tables(db: sqlite3.Connection) -> None:
    """Create what is missing, and give the table of former versions, which had one row with id 1, its partition."""
    columns = {name for _, name, *_ in db.execute("PRAGMA table_info(checkpoint)")}
    former = "id" in columns
    if former:
        db.execute("ALTER TABLE checkpoint RENAME TO former_checkpoint")
    db.execute(_CHECKPOINT_TABLE)
    db.execute(_DEVICE_TABLE)
    db.execute(CREATE_NOT_JUDGED)
    db.execute(_REVISION_TABLE)
    if former:
        db.execute("INSERT INTO checkpoint SELECT 0, log_offset, snapshot FROM former_checkpoint")
        db.execute("DROP TABLE former_checkpoint")


def _decompressed(snapshot: bytes) -> bytes:
    """Empty if the bytes are damaged: the engine then refuses the snapshot."""
    try:
        return zlib.decompress(snapshot)
    except zlib.error:
        return b""
