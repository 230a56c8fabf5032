"""Ledger deltas: what one batch adds to the ledger, kept in table `daybook` until compaction adds it to the totals.

Writing a row of totals takes some ten microseconds, and a batch of a large fleet has as many devices as readings. So a
batch writes one delta, and `ingest.ledger.compaction` adds many deltas to the totals at once. Each row of totals names
the last delta in it. The ledger is therefore at every moment its totals plus what they lack of the deltas; readers add
the two (`current_totals`).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, msgpack

from ingest.ledger.totals import DeviceTotals, FloodEntry, PendingDeltas, ReadingEntry

COLUMNS: Final = (
    "device, received, duplicate, stored, first_seen, last_seen, newest, watch, posted, heard_at, corrected"
)
"""Of table `ledger`, in the order of `DeviceTotals`."""
_PLACEHOLDERS: Final = ", ".join("?" * len(COLUMNS.split(",")))


class LedgerDelta(Struct, frozen=True, array_like=True):
    """What one batch, or one rejection by the store, adds to the ledger; MessagePack in the file."""

    entries: Sequence[ReadingEntry] = ()
    """In the order of the log."""
    others: Mapping[str, tuple[int, int]] = {}
    """Duplicate and quarantined readings by device, floods among them. All other readings are stored, or will be."""
    floods: Sequence[FloodEntry] = ()
    newest: Mapping[str, int] = {}
    """Device time, ms, of the newest reading that stood in the store before the recorder had the device's series."""

    corrected: Mapping[str, Mapping[str, int]] = {}
    """Corrected values of accepted readings by device and name; see `ingest.ledger.corrected`."""
    heard: Mapping[str, int] = {}
    """By device: receive time, ms, of its last new reading; none that the broker replayed with the retain bit."""

    @property
    def readings(self) -> int:
        """How much there is to compact; a flood counts as one."""
        return len(self.entries) + len(self.floods)


_DECODER: Final = msgpack.Decoder(LedgerDelta)
_ENCODER: Final = msgpack.Encoder()


def add_delta(pending: PendingDeltas, number: int, body: bytes) -> None:
    """Deltas are added in their order."""
    delta = _DECODER.decode(body)
    pending.add(number, delta.entries, delta.others, delta.floods, delta.newest, delta.corrected, delta.heard)


def append_delta(db: sqlite3.Connection, delta: LedgerDelta) -> None:
    """Inside the transaction of the batch."""
    row = (delta.readings, _ENCODER.encode(delta))
    db.execute("INSERT INTO daybook (readings, body) VALUES (?, ?)", row)


def read_deltas(db: sqlite3.Connection, after: int, last: int) -> Iterator[tuple[int, int, bytes]]:
    """Number, readings and body of the deltas with after < number <= last, in their order."""
    yield from db.execute(
        "SELECT batch, readings, body FROM daybook WHERE batch > ? AND batch <= ? ORDER BY batch", (after, last)
    )


def read_totals(db: sqlite3.Connection, device_ids: Sequence[str]) -> list[DeviceTotals]:
    """The totals of these devices; empty ones for each device without a row."""
    wanted = ", ".join("?" * len(device_ids))
    rows = db.execute(f"SELECT {COLUMNS} FROM ledger WHERE device IN ({wanted})", device_ids)  # noqa: S608 - constants
    found = [DeviceTotals(*row) for row in rows]
    missing = set(device_ids).difference([totals.device_id for totals in found])
    return found + [DeviceTotals(device_id) for device_id in missing]


def write_totals(db: sqlite3.Connection, rows: Iterable[DeviceTotals]) -> None:
    db.executemany(f"INSERT OR REPLACE INTO ledger ({COLUMNS}) VALUES ({_PLACEHOLDERS})", rows)  # noqa: S608 - constants


def current_totals(db: sqlite3.Connection) -> list[DeviceTotals]:
    """The ledger as of now, pending deltas included; inside a transaction, so that all rows are of one moment."""
    totals = {row[0]: DeviceTotals(*row) for row in db.execute(f"SELECT {COLUMNS} FROM ledger")}  # noqa: S608 - a constant
    first, last = db.execute("SELECT min(batch), max(batch) FROM daybook").fetchone()
    if last is None:
        return list(totals.values())
    pending = PendingDeltas({device_id: row.last_delta for device_id, row in totals.items() if row.last_delta >= first})
    for number, _, body in read_deltas(db, 0, last):
        add_delta(pending, number, body)
    for device_id in pending.device_ids():
        totals[device_id] = pending.added_to(totals.get(device_id, DeviceTotals(device_id)), last)
    return list(totals.values())
