"""The recorder's only way into the ledger: deltas and dead letters inside its transactions, compaction beside them."""

import asyncio
from collections.abc import Callable, Sequence

from ingest.ledger.compaction import Compaction
from ingest.ledger.deltas import LedgerDelta, append_delta
from ingest.ledger.quarantine import Quarantine, has_conflict
from ingest.ledger.refused import RefusedReading, count_refused
from ingest.ledger.state.port import OwnTables, Statements
from ingest.store import Instant


class LedgerWriter:
    """Writes one recorder's part of the ledger. `clock` returns seconds and never goes back.

    Deltas and totals are its own business: `ingest.ledger.deltas` says why there are two. Methods that take no
    connection raise StateUnavailable.
    """

    def __init__(self, tables: OwnTables, clock: Callable[[], float], quarantine: Quarantine | None = None) -> None:
        self._tables = tables
        self._quarantine = quarantine or Quarantine()
        self._compaction = Compaction(tables, clock)

    def append(self, db: Statements, delta: LedgerDelta, letters: Sequence[RefusedReading]) -> None:
        """Add a batch, and keep its refused readings; inside the transaction of the batch.

        A transaction that is rolled back only makes the next compaction start earlier.
        """
        append_delta(db, self._tables.partition, delta)
        self._quarantine.add(db, self._tables.partition, letters)
        self._compaction.appended(delta.readings)

    def move_to_quarantined(self, db: Statements, letters: Sequence[RefusedReading]) -> None:
        """Keep readings of earlier batches that the store rejected, and count them as quarantined instead of stored."""
        rejected = {device_id: (0, count) for device_id, count in count_refused(letters).items()}
        self.append(db, LedgerDelta(others=rejected), letters)

    def is_quarantined(self, instant: Instant, digest: bytes) -> bool:
        """Whether a conflict at this instant with this content is a dead letter that was not redriven."""
        with self._tables.reading() as db:
            return has_conflict(db, instant, digest)

    async def compact_due(self) -> None:
        """Compact what is due, and let other tasks run after each slice."""
        for _ in self._compaction.compact_due():
            await asyncio.sleep(0)

    def compact_all(self) -> None:
        self._compaction.compact_all()

    def device_ids(self) -> set[str]:
        """Ids with a row of totals; complete after `compact_all`."""
        with self._tables.reading() as db:
            rows = db.execute("SELECT device FROM ledger WHERE partition = ?", (self._tables.partition,))
            return {device_id for (device_id,) in rows}
