"""Ledger deltas: what one batch adds to the ledger, kept in table `daybook` until compaction adds it to the totals.

Writing a row of totals takes some ten microseconds, and a batch of a large fleet has as many devices as readings. So a
batch writes one delta, and `ingest.ledger.compaction` adds many deltas to the totals at once. Each row of totals names
the last delta in it. The ledger is therefore at every moment its totals plus what they lack of the deltas; readers add
the two (`current_totals`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, json, msgpack

from ingest.ledger.state.port import Statements
from ingest.ledger.totals import DeviceTotals, FloodEntry, PendingDeltas, ReadingEntry

COLUMNS: Final = (
    "device, received, duplicate, stored, first_seen, last_seen, newest, watch, posted, heard_at, corrected"
)
"""Of table `ledger`, in the order of `DeviceTotals`."""
_NAMES: Final = COLUMNS.split(", ")
_SET: Final = ", ".join(f"{name} = excluded.{name}" for name in _NAMES[1:])
_INSERT: Final = f"INSERT INTO ledger (partition, {COLUMNS}) VALUES ({', '.join('?' * (len(_NAMES) + 1))})"  # noqa: S608 - constants
_WRITE: Final = f"{_INSERT} ON CONFLICT (partition, device) DO UPDATE SET {_SET}"


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


def append_delta(db: Statements, partition: int, delta: LedgerDelta) -> None:
    """Inside the transaction of the batch."""
    row = (partition, delta.readings, _ENCODER.encode(delta))
    db.execute("INSERT INTO daybook (partition, readings, body) VALUES (?, ?, ?)", row)


def read_deltas(db: Statements, partition: int, after: int, last: int) -> Iterator[tuple[int, int, bytes]]:
    """Number, readings and body of a partition's deltas with after < number <= last, in their order."""
    yield from db.execute(
        "SELECT batch, readings, body FROM daybook WHERE partition = ? AND batch > ? AND batch <= ? ORDER BY batch",
        (partition, after, last),
    )


def read_totals(db: Statements, partition: int, device_ids: Sequence[str]) -> list[DeviceTotals]:
    """A partition's totals of these devices; empty ones for each device without a row."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM ledger"  # noqa: S608 - a constant
        " WHERE partition = ? AND device IN (SELECT value FROM json_each(?))",
        (partition, json.encode(device_ids).decode()),
    )
    found = [DeviceTotals(*row) for row in rows]
    missing = set(device_ids).difference([totals.device_id for totals in found])
    return found + [DeviceTotals(device_id) for device_id in missing]


def write_totals(db: Statements, partition: int, rows: Iterable[DeviceTotals]) -> None:
    db.executemany(_WRITE, [(partition, *row) for row in rows])


def current_totals(db: Statements) -> list[DeviceTotals]:
    """The ledger as of now, pending deltas included; inside a transaction, so that all rows are of one moment.

    A device is in one partition. Readings that name none are in all of them, and are one row here.
    """
    by_partition: dict[int, dict[str, DeviceTotals]] = {}
    for partition, *row in db.execute(f"SELECT partition, {COLUMNS} FROM ledger"):  # noqa: S608 - a constant
        by_partition.setdefault(partition, {})[row[0]] = DeviceTotals(*row)
    pending = db.execute("SELECT partition, min(batch), max(batch) FROM daybook GROUP BY partition").fetchall()
    for partition, first, last in pending:
        _add_pending(db, partition, by_partition.setdefault(partition, {}), first, last)
    found: dict[str, DeviceTotals] = {}
    for totals in by_partition.values():
        for device_id, row in totals.items():
            found[device_id] = _joined(found[device_id], row) if device_id in found else row
    return list(found.values())


def _add_pending(db: Statements, partition: int, totals: dict[str, DeviceTotals], first: int, last: int) -> None:
    """Add a partition's deltas, of which the first and the last have these numbers."""
    pending = PendingDeltas({device_id: row.last_delta for device_id, row in totals.items() if row.last_delta >= first})
    for number, _, body in read_deltas(db, partition, 0, last):
        add_delta(pending, number, body)
    for device_id in pending.device_ids():
        totals[device_id] = pending.added_to(totals.get(device_id, DeviceTotals(device_id)), last)


def _joined(one: DeviceTotals, other: DeviceTotals) -> DeviceTotals:
    """Totals of two partitions under one id, that of readings without a device: no health, and no correction."""
    firsts = [at for at in (one.first_seen, other.first_seen) if at is not None]
    return one._replace(
        received=one.received + other.received,
        duplicate=one.duplicate + other.duplicate,
        stored=one.stored + other.stored,
        first_seen=min(firsts, default=None),
        last_seen=_later(one.last_seen, other.last_seen),
        newest=_later(one.newest, other.newest),
        heard_at=_later(one.heard_at, other.heard_at),
    )


def _later(one: int | None, other: int | None) -> int | None:
    return max([at for at in (one, other) if at is not None], default=None)
