"""The daybook's pages are posted to the ledger's rows: many pages at once, so that a row is written once for them all.

It is done in slices of some ten milliseconds, each a transaction of its own, so that neither what is settled meanwhile
nor a redrive waits for long. Each row says which page was its last: what is cut short anywhere, and begun anew by this
process or the next, counts every page once.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ingest.ledger.deltas import add_delta, read_deltas, read_totals, write_totals
from ingest.ledger.totals import PendingDeltas
from ingest.recorder.state import RecorderState, StateUnavailable

SLICE_ROWS: Final = 2_000
_SLICE_READINGS: Final = 20_000
"""Of pages that are read: as long as a slice of rows."""
LEAST_READINGS: Final = 20_000
"""So many wait before a row is worth its writing, however small the fleet."""
MOST_READINGS: Final = 1_000_000
"""Posted at once: some 50 MB in a fleet of 100,000. What waits is read by everybody who reads the ledger, too."""
_READINGS_A_ROW: Final = 10
"""Then a row costs a reading the tenth of its price; fleets beyond 100,000 have to do with less."""
MOST_AGE_S: Final = 240.0
"""No page waits for longer before it is taken up."""


@dataclass(slots=True)
class _Round:
    """The posting of some pages, as far as it has come."""

    began: float
    last: int
    """Its last page."""
    readings: int
    """On its pages."""
    unposted: PendingDeltas
    read: int = 0
    """The page it has read up to."""
    lines: list[str] | None = None
    """Those whose rows are to be written; None until all its pages are read."""
    written: int = field(default=0)
    """Of the lines."""


class Compaction:
    """Posts the daybook of one recorder's file. `clock` gives seconds that never go back.

    Methods raise StateUnavailable; then nothing is counted twice, call again.
    """

    def __init__(self, state: RecorderState, clock: Callable[[], float] = time.monotonic) -> None:
        self._state = state
        self._clock = clock
        self._round: _Round | None = None
        self._waiting = 0
        """Readings on pages that were written since the last round began."""
        self._since: float | None = None
        """When the first of these pages was written."""
        self._enough = LEAST_READINGS
        self._owed = 0

    def written(self, readings: int) -> None:
        """A page of so many readings was."""
        self._waiting += readings
        self._owed += readings
        if self._since is None:
            self._since = self._clock()

    def some(self) -> Iterator[None]:
        """Post what is due, and no more than keeps up with the pages that come; a pause after each slice."""
        slices, self._owed = 1 + self._owed // SLICE_ROWS, 0
        for _ in range(slices):
            if self._round is None and not self._is_due():
                return
            self._slice()
            yield

    def all(self) -> None:
        """Post everything there is."""
        while self._slice():
            pass

    def _is_due(self) -> bool:
        if self._since is None:
            return False
        return self._waiting >= self._enough or self._clock() - self._since >= MOST_AGE_S

    def _slice(self) -> bool:
        """False if there is nothing to post."""
        try:
            self._round = self._round or self._begin()
            if self._round is None:
                return False
            if self._round.lines is None:
                self._read(self._round)
            elif self._round.written < len(self._round.lines):
                self._write(self._round, self._round.lines)
            else:
                self._end(self._round, len(self._round.lines))
        except StateUnavailable:
            self._round = None  # the rows know how far it came
            raise
        return True

    def _begin(self) -> _Round | None:
        with self._state.reading() as db:
            first, last, readings = 0, 0, 0
            for number, count in db.execute("SELECT batch, readings FROM daybook ORDER BY batch"):
                if first and readings + count > MOST_READINGS:
                    break
                first, last, readings = first or number, number, readings + count
            if not first:
                self._waiting, self._since = 0, None
                return None
            # Of a round that was cut short some rows have pages that others have not.
            posted = dict(db.execute("SELECT device, posted FROM ledger WHERE posted >= ?", (first,)))
        return _Round(self._clock(), last, readings, PendingDeltas(posted))

    def _read(self, begun: _Round) -> None:
        with self._state.reading() as db:
            readings = 0
            for number, count, body in read_deltas(db, begun.read, begun.last):
                add_delta(begun.unposted, number, body)
                begun.read = number
                readings += count
                if readings >= _SLICE_READINGS:
                    break
        if begun.read == begun.last:
            begun.lines = begun.unposted.lines()

    def _write(self, begun: _Round, lines: list[str]) -> None:
        some = lines[begun.written : begun.written + SLICE_ROWS]
        with self._state.changing() as db:
            before = read_totals(db, some)
            write_totals(db, [begun.unposted.brought_up(account, begun.last) for account in before])
        begun.written += len(some)

    def _end(self, ended: _Round, lines: int) -> None:
        with self._state.changing() as db:
            db.execute("DELETE FROM daybook WHERE batch <= ?", (ended.last,))
        self._round = None
        self._waiting = max(self._waiting - ended.readings, 0)
        self._since = ended.began  # of those written meanwhile; if there are none, the next round will see it
        self._enough = min(max(LEAST_READINGS, lines * _READINGS_A_ROW), MOST_READINGS)
