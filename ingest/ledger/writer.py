"""The recorder's only way into the ledger: deltas and dead letters inside its transactions, compaction beside them."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence

from ingest.ledger.compaction import Compaction
from ingest.ledger.deltas import LedgerDelta, append_delta
from ingest.ledger.quarantine import Quarantine, has_conflict
from ingest.ledger.refused import RefusedReading, count_refused
from ingest.ledger.state_file import StateFile
from ingest.store import Instant


class LedgerWriter:
    """Writes the ledger of one recorder's file. `clock` returns seconds and never goes back.

    Deltas and totals are its own business: `ingest.ledger.deltas` says why there are two. Methods that take no
    connection raise StateUnavailable.
    """

    def __init__(self, file: StateFile, clock: Callable[[], float], quarantine: Quarantine | None = None) -> None:
        self._file = file
        self._quarantine = quarantine or Quarantine()
        self._compaction = Compaction(file, clock)

    def append(self, db: sqlite3.Connection, delta: LedgerDelta, letters: Sequence[RefusedReading]) -> None:
        """Add a batch, and keep its refused readings; inside the transaction of the batch.

        A transaction that is rolled back only makes the next compaction start earlier.
        """
        append_delta(db, delta)
        self._quarantine.add(db, letters)
        self._compaction.appended(delta.readings)

    def move_to_quarantined(self, db: sqlite3.Connection, letters: Sequence[RefusedReading]) -> None:
        """Keep readings of earlier batches that the store rejected, and count them as quarantined instead of stored."""
        rejected = {device_id: (0, count) for device_id, count in count_refused(letters).items()}
        self.append(db, LedgerDelta(others=rejected), letters)

    def is_quarantined(self, instant: Instant, digest: bytes) -> bool:
        """Whether a conflict at this instant with this content is a dead letter that was not redriven."""
        with self._file.reading() as db:
            return has_conflict(db, instant, digest)

    async def compact_due(self) -> None:
        """Compact what is due, and let other tasks run after each slice."""
        for _ in self._compaction.compact_due():
            await asyncio.sleep(0)

    def compact_all(self) -> None:
        self._compaction.compact_all()

    def device_ids(self) -> set[str]:
        """Ids with a row of totals; complete after `compact_all`."""
        with self._file.reading() as db:
            return {device_id for (device_id,) in db.execute("SELECT device FROM ledger")}
