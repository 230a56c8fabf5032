"""What the recorder must not forget, in one SQLite file: offset, newest instants, outbox, ledger, dead letters.

One settled batch is one transaction, on the disk when `settle` returns. Dead letters and the ledger are read from
other processes over connections of their own (WAL).
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from pydantic_core import from_json, to_json

from devices.readings import Kind
from devices.refusals import Refusal
from devices.series import Point, SeriesKey
from ingest.device_watch import Heard
from ingest.store import Instant

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS progress (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    offset INTEGER NOT NULL,   -- of the last settled record of the raw log
    outbox BLOB,               -- JSON: settled points that are not known to be in the store
    trouble TEXT,              -- why the recorder waits, while it does
    trouble_since INTEGER,     -- ms
    write_ms REAL,             -- how long the last write to the store took
    slowest_write_ms REAL      -- of the recent ones
);
INSERT OR IGNORE INTO progress (only, offset) VALUES (1, 0);
CREATE TABLE IF NOT EXISTS newest (
    kind TEXT NOT NULL, device TEXT NOT NULL, part TEXT NOT NULL, ts INTEGER NOT NULL,
    PRIMARY KEY (kind, device, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (
    device TEXT PRIMARY KEY,
    received INTEGER NOT NULL, stored INTEGER NOT NULL DEFAULT 0, duplicate INTEGER NOT NULL,
    first_seen INTEGER, last_seen INTEGER,  -- received_at, ms; NULL while it is not known of any reading
    watch BLOB                 -- see device_watch; NULL while nothing could be read of it
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,      -- as the topic says
    counted_as TEXT NOT NULL,  -- its line of the ledger
    reason TEXT NOT NULL, detail TEXT NOT NULL, field TEXT,
    topic TEXT NOT NULL, payload BLOB NOT NULL, received_at INTEGER NOT NULL,
    kind TEXT, part TEXT, ts INTEGER, digest BLOB,   -- of a conflict
    redriven_at INTEGER,       -- ms; from then on it is not counted here
    redriven_offset INTEGER    -- where its copy is in the raw log, once it is
);
CREATE INDEX IF NOT EXISTS waiting_letters ON dead_letter (counted_as, reason) WHERE redriven_at IS NULL;
CREATE INDEX IF NOT EXISTS letters_of_device ON dead_letter (device, id);
CREATE INDEX IF NOT EXISTS conflicts ON dead_letter (kind, device, part, ts, digest)
    WHERE digest IS NOT NULL AND redriven_at IS NULL;
PRAGMA user_version = 2;
"""
_VERSION: Final = 2
_FROM_VERSION_1: Final = (
    "ALTER TABLE progress ADD COLUMN write_ms REAL",
    "ALTER TABLE progress ADD COLUMN slowest_write_ms REAL",
    "ALTER TABLE ledger ADD COLUMN watch BLOB",
    f"PRAGMA user_version = {_VERSION}",
)
_BUSY_TIMEOUT_S: Final = 30.0
"""A redrive holds the write lock for some milliseconds; this long means a stuck disk."""


class StateUnavailable(Exception):
    """The recorder's file cannot be read or written now (disk full, locked); nothing of the call was kept."""


class Pending(NamedTuple):
    """A settled point and where its bytes are: record of the raw log and place in its array."""

    offset: int
    place: int
    point: Point


@dataclass(frozen=True, slots=True)
class Letter:
    """A reading, or a message of which none could be read, that was refused; `payload` as it came."""

    device_id: str
    """Of the topic; empty if the topic names none."""
    counted_as: str
    refusal: Refusal
    topic: str
    payload: bytes
    received_at: int
    conflict: tuple[Instant, bytes] | None = None
    """The instant it contends for, and its content's digest."""


@dataclass(slots=True)
class Tally:
    """What one batch adds to a line of the ledger."""

    first_seen: int | None
    last_seen: int | None
    received: int = 0
    duplicate: int = 0
    heard: list[Heard] = field(default_factory=list)
    """For the device's watch."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The verdict on a batch, committed whole or not at all."""

    offset: int
    pending: Sequence[Pending]
    letters: Sequence[Letter]
    marks: Mapping[SeriesKey, int]
    tallies: Mapping[str, Tally]
    watches: Mapping[str, bytes]
    """Packed, of the devices that were heard; see `ingest.device_watch`."""


class WriteTimes(NamedTuple):
    """How quickly the store takes what is written, ms."""

    last_ms: float
    slowest_ms: float
    """Of the recent writes."""


@contextmanager
def state_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        raise StateUnavailable(f"{path}: {exc}") from exc


def open_state(path: Path) -> sqlite3.Connection:
    """A connection of one's own to the recorder's file, which is made if it is not there. Raises StateUnavailable."""
    with state_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        if (version := _version(db)) == 0:
            db.executescript(_SCHEMA)  # a reader of a file that is there writes nothing
        elif version < _VERSION:
            _bring_up(db)
        return db


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _bring_up(db: sqlite3.Connection) -> None:
    with transaction(db):
        if _version(db) < _VERSION:  # else another process was quicker
            for statement in _FROM_VERSION_1:
                db.execute(statement)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    with db:
        db.execute("BEGIN IMMEDIATE")
        yield db


class RecorderState:
    """The recorder's hand on the file at `path`. Every method raises StateUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_state(path)

    def close(self) -> None:
        self._db.close()

    def offset(self) -> int:
        """Of the last settled record of the raw log, 0 before the first."""
        with state_errors(self._path):
            return int(self._db.execute("SELECT offset FROM progress").fetchone()[0])

    def marks(self) -> dict[SeriesKey, int]:
        """The newest settled instant of every series."""
        with state_errors(self._path):
            rows = self._db.execute("SELECT kind, device, part, ts FROM newest").fetchall()
        return {SeriesKey(Kind(kind), device, part): ts for kind, device, part, ts in rows}

    def ledger_lines(self) -> set[str]:
        with state_errors(self._path):
            return {name for (name,) in self._db.execute("SELECT device FROM ledger")}

    def watches(self) -> dict[str, bytes]:
        """The packed watch of every device that has one."""
        with state_errors(self._path):
            return dict(self._db.execute("SELECT device, watch FROM ledger WHERE watch IS NOT NULL"))

    def pending(self) -> list[Pending]:
        """Settled points that are not known to be in the store, as an ended process left them."""
        with state_errors(self._path):
            return read_outbox(self._db)

    def is_quarantined(self, instant: Instant, digest: bytes) -> bool:
        """A conflict with this content is a dead letter that waits."""
        with state_errors(self._path):
            found = self._db.execute(
                "SELECT 1 FROM dead_letter WHERE kind = ? AND device = ? AND part = ? AND ts = ? AND digest = ?"
                " AND redriven_at IS NULL",
                (*instant.series, instant.ts, digest),
            )
            return found.fetchone() is not None

    def settle(self, settlement: Settlement) -> None:
        watches = settlement.watches
        with state_errors(self._path), transaction(self._db) as db:
            db.execute(
                "UPDATE progress SET offset = ?, outbox = ?", (settlement.offset, _write_outbox(settlement.pending))
            )
            db.executemany(
                "INSERT INTO newest VALUES (?, ?, ?, ?)"
                " ON CONFLICT (kind, device, part) DO UPDATE SET ts = max(ts, excluded.ts)",
                [(*series, ts) for series, ts in settlement.marks.items()],
            )
            db.executemany(
                "INSERT INTO ledger (device, received, duplicate, first_seen, last_seen, watch)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (device) DO UPDATE SET received = received + excluded.received,"
                " duplicate = duplicate + excluded.duplicate,"
                " first_seen = coalesce(min(first_seen, excluded.first_seen), first_seen, excluded.first_seen),"
                " last_seen = coalesce(max(last_seen, excluded.last_seen), last_seen, excluded.last_seen),"
                " watch = coalesce(excluded.watch, watch)",
                [
                    (name, tally.received, tally.duplicate, tally.first_seen, tally.last_seen, watches.get(name))
                    for name, tally in settlement.tallies.items()
                ],
            )
            _keep(db, settlement.letters)

    def clear(self, stored: Mapping[str, int], rejected: Sequence[Letter], times: WriteTimes) -> None:
        """The outbox is written: so many readings by device are in the store, the rejected ones never will be."""
        with state_errors(self._path), transaction(self._db) as db:
            db.execute("UPDATE progress SET outbox = NULL, write_ms = ?, slowest_write_ms = ?", times)
            db.executemany(
                "UPDATE ledger SET stored = stored + ? WHERE device = ?",
                [(count, device_id) for device_id, count in stored.items()],
            )
            _keep(db, rejected)

    def report(self, trouble: str | None, since: int | None) -> None:
        """Let others see why the recorder waits; None when it goes on."""
        with state_errors(self._path), transaction(self._db) as db:
            db.execute("UPDATE progress SET trouble = ?, trouble_since = ?", (trouble, since))


def read_outbox(db: sqlite3.Connection) -> list[Pending]:
    (body,) = db.execute("SELECT outbox FROM progress").fetchone()
    if body is None:
        return []
    return [
        Pending(offset, place, Point(measurement, tuple((key, value) for key, value in tags), fields, ts))
        for offset, place, measurement, tags, fields, ts in from_json(body)
    ]


def _write_outbox(pending: Sequence[Pending]) -> bytes | None:
    rows = [(offset, place, point.measurement, point.tags, point.fields, point.ts) for offset, place, point in pending]
    return to_json(rows) if rows else None


def _keep(db: sqlite3.Connection, letters: Sequence[Letter]) -> None:
    rows = []
    for letter in letters:
        instant, digest = letter.conflict or (None, None)
        kind, part, ts = (instant.series.kind, instant.series.part, instant.ts) if instant else (None, None, None)
        refusal = letter.refusal
        rows.append(
            (
                *(letter.device_id, letter.counted_as, refusal.reason, refusal.detail, refusal.field),
                *(letter.topic, letter.payload, letter.received_at, kind, part, ts, digest),
            )
        )
    db.executemany(
        "INSERT INTO dead_letter (device, counted_as, reason, detail, field, topic, payload, received_at,"
        " kind, part, ts, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
