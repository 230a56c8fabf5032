"""The recorder's own tables: offset, outbox and series. A batch is one transaction with the ledger."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import json

from devices.readings.models import Kind
from devices.readings.series import SeriesKey
from ingest.ledger.deltas import LedgerDelta
from ingest.ledger.quarantine import Quarantine
from ingest.ledger.refused import RefusedReading
from ingest.ledger.state.port import OwnTables, Statements
from ingest.ledger.state_file import own_tables
from ingest.ledger.writer import LedgerWriter
from ingest.log.records import ReadingLocation
from ingest.recorder.tickets import ArrivedWeighing, TicketBook


@dataclass(frozen=True, slots=True)
class OutboxBatch:
    """The new readings of a committed batch whose write is not confirmed, in order."""

    batch: int
    lines: Sequence[str]
    locations: Sequence[ReadingLocation]
    """Of the lines."""
    marks: Sequence[str] = ()
    """Lines that change fields of readings stored before (`ingest.recorder.tickets`); no readings, so not counted."""


@dataclass(frozen=True, slots=True)
class BatchCommit:
    """What became of a batch; committed whole or not at all."""

    positions: Mapping[int, int]
    """The offset of its last record by partition; those of all partitions of the log."""
    lines: Sequence[str]
    """Of the new readings."""
    locations: Sequence[ReadingLocation]
    """Of the lines."""
    letters: Sequence[RefusedReading]
    new_series: Sequence[SeriesKey]
    delta: LedgerDelta
    weighings: Sequence[ArrivedWeighing] = ()
    """Those among the new readings, and those that are duplicates."""
    city: bytes | None = None
    """Payload of the revision of the city by which it was admitted, where another held before."""


_COMMIT_POSITION: Final = (
    'INSERT INTO progress (partition, "offset") VALUES (?, ?) ON CONFLICT (partition) DO UPDATE'
    ' SET "offset" = excluded."offset" WHERE progress."offset" != excluded."offset"'
)
_COMMIT_CITY: Final = (
    "INSERT INTO city (partition, payload) VALUES (?, ?)"
    " ON CONFLICT (partition) DO UPDATE SET payload = excluded.payload"
)
_ADD_BATCH: Final = "INSERT INTO outbox (lines, places, partition) VALUES (?, ?, ?) RETURNING batch"
_ADD_SERIES: Final = "INSERT INTO series (partition, kind, device, part) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


class WriteTimes(NamedTuple):
    """Durations of writes to the store, ms."""

    last_ms: float
    slowest_ms: float
    """Of the recent writes."""


class RecorderState:
    """The recorder's progress, durable when a method returns. Methods raise StateUnavailable.

    It is in a file, or in PostgreSQL, where StateFenced says that another recorder has the partition now.

    `clock` returns seconds and never goes back.
    """

    def __init__(
        self,
        place: Path | OwnTables,
        *,
        clock: Callable[[], float] = time.monotonic,
        quarantine: Quarantine | None = None,
    ) -> None:
        self._tables = own_tables(place)
        self.partition = self._tables.partition
        self.ledger = LedgerWriter(self, clock, quarantine)
        self._tickets = TicketBook()

    def close(self) -> None:
        self._tables.close()

    def reading(self) -> AbstractContextManager[Statements]:
        return self._tables.reading()

    def changing(self) -> AbstractContextManager[Statements]:
        return self._tables.changing()

    def check_owner(self) -> None:
        """Raise StateFenced if another recorder has taken the partition over."""
        self._tables.check_owner()

    def positions(self) -> Mapping[int, int]:
        """Offset of the last committed record by partition of the raw log, 0 before the first."""
        return self._tables.positions()

    def city(self) -> bytes | None:
        """Payload of the revision of the city that held for the last committed record; None before the first."""
        with self.reading() as db:
            row = db.execute("SELECT payload FROM city WHERE partition = ?", (self.partition,)).fetchone()
        return None if row is None else bytes(row[0])

    def newest_by_series(self) -> dict[SeriesKey, int]:
        """For each series an instant (device time, ms) that no committed reading of it is later than.

        It is the newest instant of all series of the device: the file keeps one number a device, not one a series, and
        nearly all readings after a restart are later than both. Complete after `ledger.compact_all`.
        """
        with self.reading() as db:
            rows = db.execute(
                "SELECT kind, device, part, newest FROM series JOIN ledger USING (partition, device)"
                " WHERE partition = ?",
                (self.partition,),
            ).fetchall()
        return {SeriesKey(Kind(kind), device, part): ts for kind, device, part, ts in rows}

    def outbox(self) -> list[OutboxBatch]:
        """Committed batches whose write is not confirmed, as the former process left them, oldest first."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT batch, lines, places FROM outbox WHERE partition = ? ORDER BY batch", (self.partition,)
            ).fetchall()
            return [
                OutboxBatch(
                    batch,
                    json.decode(lines, type=list[str]),
                    json.decode(places, type=list[ReadingLocation]),
                    self._tickets.marks(db, batch),
                )
                for batch, lines, places in rows
            ]

    def commit(self, commit: BatchCommit) -> OutboxBatch | None:
        """Keep a batch, and return what to write to the store; None if there is nothing."""
        lines, locations, marks = commit.lines, commit.locations, list[str]()
        batch: int | None = None
        with self.changing() as db:
            if commit.weighings:
                lines, marks = self._tickets.take(db, commit.weighings, lines)
            db.executemany(_COMMIT_POSITION, list(commit.positions.items()))
            if commit.city is not None:
                db.execute(_COMMIT_CITY, (self.partition, commit.city))
            if lines or marks:
                row = (json.encode(lines), json.encode(locations), self.partition)
                [(batch,)] = db.execute(_ADD_BATCH, row).fetchall()
                self._tickets.keep_marks(db, batch, marks)
            db.executemany(_ADD_SERIES, [(self.partition, str(kind), *key) for kind, *key in commit.new_series])
            self.ledger.append(db, commit.delta, commit.letters)
        return None if batch is None else OutboxBatch(batch, lines, locations, marks)

    def confirm(self, batch: int, rejected: Sequence[RefusedReading], times: WriteTimes) -> None:
        """Remove a batch from the outbox: its readings are in the store, except those that the store rejected."""
        with self.changing() as db:
            db.execute("DELETE FROM outbox WHERE batch = ?", (batch,))
            self._tickets.forget_marks(db, batch)
            db.execute(
                "UPDATE progress SET write_ms = ?, slowest_write_ms = ? WHERE partition = ?", (*times, self.partition)
            )
            if rejected:
                self.ledger.move_to_quarantined(db, rejected)

    def forget_weighings(self, rejected: Sequence[tuple[str, int]]) -> None:
        """Forget weighings that the store rejected, by device and device time (ms)."""
        with self.changing() as db:
            for device_id, ts in rejected:
                self._tickets.forget_rejected(db, device_id, ts)

    def report_trouble(self, trouble: str | None, since: int | None) -> None:
        """Show other processes why the recorder waits, and since when (ms); None when it goes on."""
        with self.changing() as db:
            db.execute(
                "UPDATE progress SET trouble = ?, trouble_since = ? WHERE partition = ?",
                (trouble, since, self.partition),
            )
