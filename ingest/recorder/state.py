"""What the recorder must not forget, in one SQLite file: offset, series, outbox, daybook, ledger, dead letters.

One settled batch is one transaction, on the disk when `settle` returns. Dead letters and the ledger are read from
other processes over connections of their own (WAL).
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import json

from devices.errors import OperatorError
from devices.readings.models import Kind
from devices.readings.refusals import Refusal
from devices.readings.series import SeriesKey
from ingest.ledger.deltas import LedgerDelta, append_delta
from ingest.log.records import ReadingLocation
from ingest.recorder.line import device_of_line
from ingest.recorder.schema import SCHEMA, VERSION, bring_up
from ingest.store import Instant

_BUSY_TIMEOUT_S: Final = 30.0
"""A redrive holds the write lock for some milliseconds; this long means a stuck disk."""


class StateUnavailable(OperatorError):
    """The recorder's file cannot be read or written now (disk full, locked); nothing of the call was kept."""


@dataclass(frozen=True, slots=True)
class OutboxBatch:
    """The readings of a settled batch that are not known to be in the store, in order."""

    batch: int
    lines: Sequence[str]
    places: Sequence[ReadingLocation]


@dataclass(frozen=True, slots=True)
class RefusedReading:
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
    stands_for: int = 1
    """Readings; the others of a flood are not kept."""


@dataclass(frozen=True, slots=True)
class BatchCommit:
    """The verdict on a batch, committed whole or not at all."""

    offset: int
    lines: Sequence[str]
    """Of the new readings."""
    places: Sequence[ReadingLocation]
    """Of the lines."""
    letters: Sequence[RefusedReading]
    new_series: Sequence[SeriesKey]
    page: LedgerDelta
    """For the ledger."""


class WriteTimes(NamedTuple):
    """How quickly the store takes what is written, ms."""

    last_ms: float
    slowest_ms: float
    """Of the recent writes."""


@contextmanager
def state_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raise StateUnavailable(f"{path}: {exc}") from exc


def open_state(path: Path) -> sqlite3.Connection:
    """A connection of one's own to the recorder's file, which is made if it is not there. Raises StateUnavailable."""
    with state_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        # Some systems' SQLite writes zeros over what is deleted: over a megabyte of the outbox with each batch.
        db.execute("PRAGMA secure_delete=OFF")
        if (version := _version(db)) == 0:
            db.executescript(SCHEMA)  # a reader of a file that is there writes nothing
        elif version < VERSION:
            with transaction(db):
                if _version(db) < VERSION:  # else another process was quicker
                    bring_up(db)
        return db


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


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

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with state_errors(self._path):
            yield self._db

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """All that is done inside, or nothing."""
        with state_errors(self._path), transaction(self._db) as db:
            yield db

    def offset(self) -> int:
        """Of the last settled record of the raw log, 0 before the first."""
        with state_errors(self._path):
            return int(self._db.execute("SELECT offset FROM progress").fetchone()[0])

    def marks(self) -> dict[SeriesKey, int]:
        """No settled instant of a series is later than its mark.

        It is that of its device's newest series: one number for each device is written so, not one for each series, and
        nearly all that comes after a restart is later than both. All pages of the daybook are to be posted before.
        """
        with state_errors(self._path):
            rows = self._db.execute(
                "SELECT kind, device, part, newest FROM series JOIN ledger USING (device)"
            ).fetchall()
        return {SeriesKey(Kind(kind), device, part): ts for kind, device, part, ts in rows}

    def ledger_lines(self) -> set[str]:
        """All pages of the daybook are to be posted before."""
        with state_errors(self._path):
            return {name for (name,) in self._db.execute("SELECT device FROM ledger")}

    def outbox(self) -> list[OutboxBatch]:
        """Settled batches that are not known to be in the store, as an ended process left them, oldest first."""
        with state_errors(self._path):
            rows = self._db.execute("SELECT batch, lines, places FROM outbox ORDER BY batch").fetchall()
        return [
            OutboxBatch(batch, json.decode(lines, type=list[str]), json.decode(places, type=list[ReadingLocation]))
            for batch, lines, places in rows
        ]

    def is_quarantined(self, instant: Instant, digest: bytes) -> bool:
        """A conflict with this content is a dead letter that waits."""
        with state_errors(self._path):
            found = self._db.execute(
                "SELECT 1 FROM dead_letter WHERE kind = ? AND device = ? AND part = ? AND ts = ? AND digest = ?"
                " AND redriven_at IS NULL",
                (*instant.series, instant.ts, digest),
            )
            return found.fetchone() is not None

    def settle(self, settlement: BatchCommit) -> OutboxBatch | None:
        """What is to be written now, None if the batch has nothing new."""
        lines, places = settlement.lines, settlement.places
        batch: int | None = None
        with self.changing() as db:
            db.execute("UPDATE progress SET offset = ?", (settlement.offset,))
            if lines:
                row = (json.encode(lines), json.encode(places))
                batch = db.execute("INSERT INTO outbox (lines, places) VALUES (?, ?)", row).lastrowid
            append_delta(db, settlement.page)
            db.executemany("INSERT OR IGNORE INTO series VALUES (?, ?, ?)", settlement.new_series)
            keep(db, settlement.letters)
        return None if batch is None else OutboxBatch(batch, lines, places)

    def clear(self, batch: int, rejected: Sequence[RefusedReading], times: WriteTimes) -> None:
        """The batch is written: its readings are in the store, but for the rejected ones, which never will be."""
        with self.changing() as db:
            db.execute("DELETE FROM outbox WHERE batch = ?", (batch,))
            db.execute("UPDATE progress SET write_ms = ?, slowest_write_ms = ?", times)
            if rejected:
                append_delta(
                    db, LedgerDelta(others={line: (0, count) for line, count in quarantined(rejected).items()})
                )
                keep(db, rejected)

    def report(self, trouble: str | None, since: int | None) -> None:
        """Let others see why the recorder waits; None when it goes on."""
        with self.changing() as db:
            db.execute("UPDATE progress SET trouble = ?, trouble_since = ?", (trouble, since))


def queued(db: sqlite3.Connection) -> int:
    """Settled readings that are not known to be in the store."""
    return sum(len(json.decode(places)) for (places,) in db.execute("SELECT places FROM outbox"))


def queued_by_device(db: sqlite3.Connection) -> Counter[str]:
    """The same, each by its line."""
    batches = db.execute("SELECT lines FROM outbox")
    return Counter([device_of_line(line) for (lines,) in batches for line in json.decode(lines, type=list[str])])


def quarantined(letters: Sequence[RefusedReading]) -> Counter[str]:
    """Readings by line of the ledger."""
    counts: Counter[str] = Counter()
    for letter in letters:
        counts[letter.counted_as] += letter.stands_for
    return counts


def keep(db: sqlite3.Connection, letters: Sequence[RefusedReading]) -> None:
    rows = []
    for letter in letters:
        instant, digest = letter.conflict or (None, None)
        kind, part, ts = (instant.series.kind, instant.series.part, instant.ts) if instant else (None, None, None)
        refusal = letter.refusal
        rows.append(
            (
                *(letter.device_id, letter.counted_as, refusal.reason, refusal.detail, refusal.field),
                *(letter.topic, letter.payload, letter.received_at, kind, part, ts, digest, letter.stands_for),
            )
        )
    db.executemany(
        "INSERT INTO dead_letter (device, counted_as, reason, detail, field, topic, payload, received_at,"
        " kind, part, ts, digest, stands_for) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
