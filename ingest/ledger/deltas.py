"""The daybook: what a batch says of devices, on one page, until it is posted to the rows of the ledger.

A row costs some ten microseconds, and a batch of a large fleet speaks of as many devices as it has readings. So a batch
writes a page, and `ingest.ledger.compaction` brings the rows up to many pages at once. A row says which page was its
last, so the
ledger is at every moment its rows and, of each page, what is not in them: readers count those together
(`current_totals`).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, msgpack

from ingest.ledger.totals import DeviceTotals, FloodEntry, PendingDeltas, ReadingEntry

COLUMNS: Final = "device, received, duplicate, stored, first_seen, last_seen, newest, watch, posted"
_PLACES: Final = ", ".join("?" * len(COLUMNS.split(",")))


class LedgerDelta(Struct, frozen=True, array_like=True):
    """What one batch, or one refusal by the store, adds to the ledger; MessagePack."""

    entries: Sequence[ReadingEntry] = ()
    """In the order of the log."""
    others: Mapping[str, tuple[int, int]] = {}
    """Of a line's readings, duplicates and quarantined, those of floods too. All others are stored, or will be."""
    floods: Sequence[FloodEntry] = ()
    newest: Mapping[str, int] = {}
    """Device time, ms, of what stood in the store before the recorder knew of the device's series."""

    @property
    def readings(self) -> int:
        """How much there is to post; a flood counts as one."""
        return len(self.entries) + len(self.floods)


_DECODER: Final = msgpack.Decoder(LedgerDelta)
_ENCODER: Final = msgpack.Encoder()


def add_delta(unposted: PendingDeltas, number: int, body: bytes) -> None:
    """Pages come in their order."""
    page = _DECODER.decode(body)
    unposted.add(number, page.entries, page.others, page.floods, page.newest)


def append_delta(db: sqlite3.Connection, page: LedgerDelta) -> None:
    """Inside the transaction of what the page is about."""
    row = (page.readings, _ENCODER.encode(page))
    db.execute("INSERT INTO daybook (readings, body) VALUES (?, ?)", row)


def read_deltas(db: sqlite3.Connection, after: int, last: int) -> Iterator[tuple[int, int, bytes]]:
    """Number, readings and body of those with after < number <= last, in their order."""
    yield from db.execute(
        "SELECT batch, readings, body FROM daybook WHERE batch > ? AND batch <= ? ORDER BY batch", (after, last)
    )


def read_totals(db: sqlite3.Connection, lines: Sequence[str]) -> list[DeviceTotals]:
    """The rows of these lines as they are, a new one for each line that has none."""
    wanted = ", ".join("?" * len(lines))
    found = db.execute(f"SELECT {COLUMNS} FROM ledger WHERE device IN ({wanted})", lines)  # noqa: S608 - constants
    known = [DeviceTotals(*row) for row in found]
    return known + [DeviceTotals(line) for line in set(lines).difference([account.line for account in known])]


def write_totals(db: sqlite3.Connection, current_totals: Iterable[DeviceTotals]) -> None:
    db.executemany(f"INSERT OR REPLACE INTO ledger ({COLUMNS}) VALUES ({_PLACES})", current_totals)  # noqa: S608 - constants


def current_totals(db: sqlite3.Connection) -> list[DeviceTotals]:
    """The ledger as of now, rows and unposted pages; inside a transaction, so that both are of one moment."""
    known = {row[0]: DeviceTotals(*row) for row in db.execute(f"SELECT {COLUMNS} FROM ledger")}  # noqa: S608 - a constant
    first, last = db.execute("SELECT min(batch), max(batch) FROM daybook").fetchone()
    if last is None:
        return list(known.values())
    unposted = PendingDeltas({line: account.posted for line, account in known.items() if account.posted >= first})
    for number, _, body in read_deltas(db, 0, last):
        add_delta(unposted, number, body)
    for line in unposted.lines():
        known[line] = unposted.brought_up(known.get(line, DeviceTotals(line)), last)
    return list(known.values())
