"""Compaction adds pending ledger deltas to the totals: many deltas at once, so that each row is written once for all.

It works in slices of some ten milliseconds, each one transaction, so that neither a batch commit nor a redrive waits
for long. Each row of totals names the last delta in it: compaction that is cut short anywhere, and started again by
this process or the next, counts every delta once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from ingest.ledger.deltas import add_delta, read_deltas, read_totals, write_totals
from ingest.ledger.state.port import OwnTables, StateUnavailable
from ingest.ledger.totals import PendingDeltas

SLICE_ROWS: Final = 2_000
_SLICE_READINGS: Final = 20_000
"""In the deltas that a slice reads: takes as long as a slice of rows."""
MIN_READINGS: Final = 20_000
"""However small the fleet, so many readings wait before writing a row is worth it."""
MAX_READINGS: Final = 1_000_000
"""In one round: some 50 MB in a fleet of 100,000. Every reader of the ledger reads pending deltas too."""
_READINGS_A_ROW: Final = 10
"""Then each reading carries a tenth of the cost of a row; in fleets beyond 100,000 it carries more."""
MAX_AGE_S: Final = 240.0
"""A round starts when the oldest delta has waited for so long."""

_PENDING: Final = "SELECT batch, readings FROM daybook WHERE partition = ? ORDER BY batch"
_CUT_SHORT: Final = "SELECT device, posted FROM ledger WHERE partition = ? AND posted >= ?"


@dataclass(slots=True)
class _Round:
    """The compaction of some deltas, and its progress."""

    started_at: float
    last: int
    """Number of its last delta."""
    readings: int
    """In its deltas."""
    pending: PendingDeltas
    read: int = 0
    """Number of the delta it has read up to."""
    device_ids: list[str] | None = None
    """Rows to write; None until all deltas are read."""
    written: int = 0
    """Rows."""


class Compaction:
    """Compacts the deltas of one recorder. `clock` returns seconds and never goes back.

    Methods raise StateUnavailable; then nothing is counted twice, call again.
    """

    def __init__(self, tables: OwnTables, clock: Callable[[], float]) -> None:
        self._tables = tables
        self._partition = tables.partition
        self._clock = clock
        self._round: _Round | None = None
        self._waiting = 0
        """Readings in deltas that were appended since the last round started."""
        self._waiting_since: float | None = None
        self._due_readings = MIN_READINGS
        self._owed_readings = 0
        """Appended since the last call of `compact_due`."""

    def appended(self, readings: int) -> None:
        """Note a new delta."""
        self._waiting += readings
        self._owed_readings += readings
        if self._waiting_since is None:
            self._waiting_since = self._clock()

    def compact_due(self) -> Iterator[None]:
        """Compact what is due, at most as much as keeps pace with new deltas; yields after each slice."""
        slices, self._owed_readings = 1 + self._owed_readings // SLICE_ROWS, 0
        for _ in range(slices):
            if self._round is None and not self._is_due():
                return
            self._do_slice()
            yield

    def compact_all(self) -> None:
        while self._do_slice():
            pass

    def _is_due(self) -> bool:
        if self._waiting_since is None:
            return False
        return self._waiting >= self._due_readings or self._clock() - self._waiting_since >= MAX_AGE_S

    def _do_slice(self) -> bool:
        """Return False if no delta is pending."""
        try:
            self._round = self._round or self._start_round()
            if self._round is None:
                return False
            if self._round.device_ids is None:
                self._read(self._round)
            elif self._round.written < len(self._round.device_ids):
                self._write(self._round, self._round.device_ids)
            else:
                self._finish(self._round, len(self._round.device_ids))
        except StateUnavailable:
            self._round = None  # the rows record how far it came
            raise
        return True

    def _start_round(self) -> _Round | None:
        with self._tables.reading() as db:
            first, last, readings = 0, 0, 0
            for number, count in db.execute(_PENDING, (self._partition,)):
                if first and readings + count > MAX_READINGS:
                    break
                first, last, readings = first or number, number, readings + count
            if not first:
                self._waiting, self._waiting_since = 0, None
                return None
            # After a round that was cut short some rows have deltas that others lack.
            last_deltas = dict(db.execute(_CUT_SHORT, (self._partition, first)).fetchall())
        return _Round(self._clock(), last, readings, PendingDeltas(last_deltas))

    def _read(self, current: _Round) -> None:
        with self._tables.reading() as db:
            readings, found = 0, False
            for number, count, body in read_deltas(db, self._partition, current.read, current.last):
                add_delta(current.pending, number, body)
                current.read, found = number, True
                readings += count
                if readings >= _SLICE_READINGS:
                    break
        # Without any left another recorder has taken the partition over and compacted them: to write will say so.
        if current.read == current.last or not found:
            current.device_ids = current.pending.device_ids()

    def _write(self, current: _Round, device_ids: list[str]) -> None:
        chunk = device_ids[current.written : current.written + SLICE_ROWS]
        with self._tables.changing() as db:
            totals = read_totals(db, self._partition, chunk)
            write_totals(db, self._partition, [current.pending.added_to(row, current.last) for row in totals])
        current.written += len(chunk)

    def _finish(self, finished: _Round, rows: int) -> None:
        with self._tables.changing() as db:
            db.execute("DELETE FROM daybook WHERE partition = ? AND batch <= ?", (self._partition, finished.last))
        self._round = None
        self._waiting = max(self._waiting - finished.readings, 0)
        # Deltas appended meanwhile wait since then; if there are none, the next round finds that out.
        self._waiting_since = finished.started_at
        self._due_readings = min(max(MIN_READINGS, rows * _READINGS_A_ROW), MAX_READINGS)
