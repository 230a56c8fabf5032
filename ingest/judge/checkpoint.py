"""The judge's checkpoint: the offset in the raw log and the engine's state at that offset, in one file, `judge.db`.

One transaction writes both, so that they never differ. Each device has a row of its own, written again only after the
device changed: the cost of a checkpoint grows with what happened since the last one, not with the size of the fleet.
The transaction stays open while judgement goes on, and takes some rows after each step (decision 100).

The file is a cache of the raw log. Rows have checksums; a file that is spoiled is set aside, and the log judged again.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from devices.errors import OperatorError
from ingest.judge.emptyings import EMPTYING_TABLES, put_emptyings
from ingest.judge.not_judged import CREATE_NOT_JUDGED, PUT_NOT_JUDGED
from ingest.log.errors import LogMadeAnew
from ingest.process.sqlite_file import is_damaged, open_sqlite, set_aside, transaction
from rules.engine.rows.unwritten import Row
from rules.tracking.emptyings import Emptying

_BUSY_TIMEOUT_S: Final = 5.0
_CHECKPOINT_TABLE: Final = """
CREATE TABLE IF NOT EXISTS checkpoint (
    partition INTEGER PRIMARY KEY,
    log_offset INTEGER NOT NULL,
    snapshot BLOB NOT NULL,
    crc INTEGER
)
"""
_DEVICE_TABLE: Final = """
CREATE TABLE IF NOT EXISTS device (
    device_id TEXT PRIMARY KEY NOT NULL,
    known BLOB NOT NULL,
    crc INTEGER
)
"""
"""Without a partition: a device belongs to one. `crc` is NULL in rows of former versions, here and above."""
_REVISION_TABLE: Final = """
CREATE TABLE IF NOT EXISTS revision (
    partition INTEGER NOT NULL,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (partition, topic)
)
"""
"""The last revisions of city and rules up to the checkpoint (`ingest.log.revisions`)."""
_JOURNALED_TABLE: Final = "CREATE TABLE IF NOT EXISTS journaled (partition INTEGER PRIMARY KEY, key TEXT NOT NULL)"
_POSITION_TABLE: Final = """
CREATE TABLE IF NOT EXISTS position (
    partition INTEGER PRIMARY KEY,
    log_offset INTEGER NOT NULL
)
"""
_LOG_TABLE: Final = "CREATE TABLE IF NOT EXISTS log (id TEXT NOT NULL)"
"""What the raw log of the checkpoint is named by, where it has a name (`JudgeState.bind`)."""
_PUT_DEVICE: Final = """
INSERT INTO device (device_id, known, crc) VALUES (?, ?, ?)
ON CONFLICT (device_id) DO UPDATE SET known = excluded.known, crc = excluded.crc
"""
"""A fifth of the time that INSERT OR REPLACE takes, which moves rows to other pages."""

_PUT_CHECKPOINT: Final = "INSERT OR REPLACE INTO checkpoint (partition, log_offset, snapshot, crc) VALUES (?, ?, ?, ?)"


class JudgeStateUnavailable(OperatorError):
    """The file cannot be read or written now: nothing was changed, try again."""


class JudgeStateSpoiled(JudgeStateUnavailable):
    """Pages of the file are spoiled, or a row does not have its checksum: `begin_anew` helps, trying again does not."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything up to `offset` is in the journal; `fleet` and `devices` are the engine's state right after it."""

    offset: int
    fleet: bytes
    devices: Iterable[tuple[str, bytes]] = ()
    """Rows by device id. Loaded: all of them. Saved: none, since `put` took them."""
    revisions: Mapping[str, bytes] = field(default_factory=dict)
    """Payloads of the revisions of city and rules that hold after `offset`, by topic. Saved: those that changed."""
    journaled: str = ""
    """Key of the last change that the journal took; empty before the first."""
    positions: Mapping[int, int] = field(default_factory=dict)
    """`offset` by partition, of a raw log of several partitions; empty: there is one."""


class JudgeState:
    """The file `judge.db`. One process, one thread. Every method raises JudgeStateUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._emptyings: dict[str, list[tuple[Emptying, ...]]] = {}
        """As they were saved last, by device,"""
        self._new_emptyings: dict[str, list[tuple[Emptying, ...]]] = {}
        """and in the transaction that is open."""
        self._beside = ThreadPoolExecutor(1, "checkpoint")
        self._log_id = ""
        try:
            self._db = self._open()
        except JudgeStateSpoiled as exc:
            with self._translated():
                set_aside(path, exc)
            self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        with self._translated():
            db = open_sqlite(self._path, timeout_s=_BUSY_TIMEOUT_S)
            try:
                with transaction(db):
                    _create_tables(db)
            except BaseException:
                db.close()
                raise
            return db

    def begin_anew(self, why: object) -> None:
        """Set the file aside, and begin with an empty one."""
        with self._translated():
            self._db.close()
            set_aside(self._path, why)
        self._db, self._emptyings = self._open(), {}

    def bind(self, log_id: str) -> None:
        """Note with the next checkpoint of which log it is. `log_id`: of Kafka's topic, which has another one each time
        that it is made anew.

        Raises LogMadeAnew if the last checkpoint is of another log: its offsets say nothing of this one, whatever its
        length. A checkpoint of a former version, or that a migration moved, is of any.
        """
        with self._translated():
            found = self._db.execute("SELECT id FROM log").fetchone()
        if found is not None and found[0] != log_id:
            raise LogMadeAnew(
                f"the topic of the raw log was made anew (its id is {log_id}), and {self._path} is of the one before "
                f"({found[0]}): to judge the new one from its start, move that file away, no alert is raised twice; if "
                "the former one is to be had, set HAULWATCH_KAFKA_URL and HAULWATCH_KAFKA_PREFIX to it"
            )
        self._log_id = log_id

    def load(self, partition: int) -> Checkpoint | None:
        """The last checkpoint; None before the first. Its rows are read while the caller iterates over them: finish
        before the next call.
        """
        with self._translated():
            query = "SELECT log_offset, snapshot, crc FROM checkpoint WHERE partition = ?"
            row = self._db.execute(query, (partition,)).fetchone()
            if row is not None:
                offset, snapshot, crc = row
                self._check(f"{offset}".encode(), snapshot, crc, "the checkpoint")
            revisions = dict(self._db.execute("SELECT topic, payload FROM revision WHERE partition = ?", (partition,)))
            key = self._db.execute("SELECT key FROM journaled WHERE partition = ?", (partition,)).fetchone()
            positions = dict(self._db.execute("SELECT partition, log_offset FROM position"))
        if row is None:
            return None
        journaled = "" if key is None else key[0]
        return Checkpoint(row[0], _decompressed(row[1]), self._devices(), revisions, journaled, positions)

    def begin(self) -> None:
        """Begin to replace the last checkpoint. Nothing of it is gone before `commit`."""
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")

    def put(self, rows: Sequence[Row]) -> None:
        """Write rows of the devices that changed. In the order of ids, SQLite meets each of its pages once."""
        devices = [(row.id, row.packed, _crc(row.id.encode(), row.packed)) for row in rows]
        counts = [(row.id, reason, count) for row in rows for reason, count in row.not_judged.items()]
        emptyings = {row.id: row.emptyings for row in rows if row.emptyings}
        saved = self._emptyings
        new = {device_id: [span.emptyings for span in spans] for device_id, spans in emptyings.items()}
        changed = {device_id: emptyings[device_id] for device_id in new if saved.get(device_id) != new[device_id]}
        with self._translated():
            self._db.executemany(_PUT_DEVICE, devices)
            self._db.executemany(PUT_NOT_JUDGED, counts)
            put_emptyings(self._db, changed)
        self._new_emptyings |= new

    def commit(self, partition: int, checkpoint: Checkpoint) -> None:
        """Replace the last checkpoint, all rows of this one being put. Durable on return."""
        # Compressed, because that takes less time than writing ten times as much.
        offset, fleet = checkpoint.offset, zlib.compress(checkpoint.fleet, level=1)
        row = (partition, offset, fleet, _crc(f"{offset}".encode(), fleet))
        revisions = [(partition, topic, payload) for topic, payload in checkpoint.revisions.items()]
        with self._translated():
            self._db.execute(_PUT_CHECKPOINT, row)
            self._db.executemany("INSERT OR REPLACE INTO revision VALUES (?, ?, ?)", revisions)
            self._db.execute("INSERT OR REPLACE INTO journaled VALUES (?, ?)", (partition, checkpoint.journaled))
            self._db.execute("DELETE FROM position")
            self._db.executemany("INSERT INTO position VALUES (?, ?)", checkpoint.positions.items())
            self._db.execute("DELETE FROM log")
            if self._log_id:
                self._db.execute("INSERT INTO log VALUES (?)", (self._log_id,))
            self._db.execute("COMMIT")
        self._emptyings |= self._new_emptyings
        self._new_emptyings = {}

    def commit_beside(self, partition: int, checkpoint: Checkpoint) -> Future[None]:
        """As `commit`, in a thread, since the disk may take seconds. Until then nothing else is called but `close`."""
        return self._beside.submit(self.commit, partition, checkpoint)

    def roll_back(self) -> None:
        """Give up what was put since `begin`. Never raises: the file is as it was, whatever is wrong with it."""
        self._new_emptyings = {}
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def clear(self) -> None:
        """Delete everything but emptyings: rows that cannot be used must not mix with the next checkpoint's. What is
        judged again withdraws emptyings that were none.
        """
        self._emptyings = {}
        with self._translated(), transaction(self._db):
            self._db.execute("DELETE FROM checkpoint")
            self._db.execute("DELETE FROM device")
            self._db.execute("DELETE FROM not_judged")
            self._db.execute("DELETE FROM revision")
            self._db.execute("DELETE FROM journaled")
            self._db.execute("DELETE FROM position")
            self._db.execute("DELETE FROM log")

    def close(self) -> None:
        self._beside.shutdown()
        with self._translated():
            self._db.close()

    def _devices(self) -> Iterator[tuple[str, bytes]]:
        with self._translated():
            for device_id, known, crc in self._db.execute("SELECT device_id, known, crc FROM device"):
                self._check(device_id.encode(), known, crc, f"the row of {device_id}")
                yield device_id, known

    def _check(self, key: bytes, content: bytes, crc: int | None, what: str) -> None:
        if crc is not None and crc != _crc(key, content):
            raise JudgeStateSpoiled(f"{self._path}: {what} does not have its checksum")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError, AttributeError, TypeError) as exc:
            # A spoiled page may also give a column of another type.
            spoiled = is_damaged(exc) or not isinstance(exc, sqlite3.Error | OSError)
            raise (JudgeStateSpoiled if spoiled else JudgeStateUnavailable)(f"{self._path}: {exc}") from exc


def _create_tables(db: sqlite3.Connection) -> None:
    """Create what is missing, and give the table of former versions, which had one row with id 1, its partition."""
    columns = {name for _, name, *_ in db.execute("PRAGMA table_info(checkpoint)")}
    former = "id" in columns
    if former:
        db.execute("ALTER TABLE checkpoint RENAME TO former_checkpoint")
    db.execute(_CHECKPOINT_TABLE)
    db.execute(_DEVICE_TABLE)
    for table in ("checkpoint", "device"):
        if "crc" not in {name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")}:
            db.execute(f"ALTER TABLE {table} ADD COLUMN crc INTEGER")
    db.execute(CREATE_NOT_JUDGED)
    db.execute(_REVISION_TABLE)
    db.execute(_JOURNALED_TABLE)
    db.execute(_POSITION_TABLE)
    db.execute(_LOG_TABLE)
    for statement in EMPTYING_TABLES:
        db.execute(statement)
    if former:
        db.execute("INSERT INTO checkpoint SELECT 0, log_offset, snapshot, NULL FROM former_checkpoint")
        db.execute("DROP TABLE former_checkpoint")


def _crc(key: bytes, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(key))


def _decompressed(snapshot: bytes) -> bytes:
    """Empty if the bytes are damaged: the engine then refuses the snapshot."""
    try:
        return zlib.decompress(snapshot)
    except zlib.error:
        return b""
