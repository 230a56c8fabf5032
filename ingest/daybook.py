"""The daybook: what a batch says of devices, on one page, until it is posted to the rows of the ledger.

A row costs some ten microseconds, and a batch of a large fleet speaks of as many devices as it has readings. So a batch
writes a page, and `ingest.posting` brings the rows up to many pages at once. A row says which page was its last, so the
ledger is at every moment its rows and, of each page, what is not in them: readers count those together (`accounts`).
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct as Layout
from typing import Final, NamedTuple

from msgspec import Struct, msgpack

from ingest.device_watch import Heard, heard

Entry = tuple[str, int | None, int | None, int | None, bool]
"""A reading: its line of the ledger; received_at, ms, None if the disk has spoiled it; seq and ts (device time, ms) as
the device's watch hears them, None where it hears none; whether it was admitted. One is made for each reading: a bare
tuple is the cheapest."""
FloodEntry = tuple[str, int, int, int]
"""A flood: line, received_at of its first and last message (ms), and how many messages."""

COLUMNS: Final = "device, received, duplicate, stored, first_seen, last_seen, newest, watch, posted"
_PLACES: Final = ", ".join("?" * len(COLUMNS.split(",")))
_PACKED: Final = Layout("<3qb")
"""Of an entry, by device: seq, ts, received_at, admitted. A tuple of them would take eight times as much."""
_NONE: Final = -1
"""No number and no time, packed."""
_NEVER: Final = 1 << 62


class Page(Struct, frozen=True, array_like=True):
    """What one batch, or one refusal by the store, adds to the ledger; MessagePack."""

    entries: Sequence[Entry] = ()
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


class Account(NamedTuple):
    """A row of the ledger, in the order of `COLUMNS`."""

    line: str
    received: int = 0
    duplicate: int = 0
    stored: int = 0
    """With those that are in the outbox yet."""
    first_seen: int | None = None
    last_seen: int | None = None
    newest: int | None = None
    watch: bytes | None = None
    posted: int = 0
    """The newest page that is in it."""

    def take(self, unposted: "Unposted", page: int) -> "Account":
        """With what the pages up to `page` say of its line."""
        line = self.line
        packed = unposted.entries.get(line, b"")
        seldom = unposted.seldom.get(line, _NOTHING)
        first = min(_NEVER if self.first_seen is None else self.first_seen, seldom.first_at)
        last = max(_NONE if self.last_seen is None else self.last_seen, seldom.last_at)
        newest = max(_NONE if self.newest is None else self.newest, seldom.newest)
        said: list[Heard] = []
        for seq, ts, at, admitted in _PACKED.iter_unpack(packed):
            if at > last:  # noqa: PLR1730 - a call of max() is three times this
                last = at
            if _NONE < at < first:
                first = at
            if admitted and ts > newest:
                newest = ts
            if seq != _NONE:
                said.append((seq, None if ts == _NONE else ts, at))
            elif ts != _NONE:
                said.append((None, ts, at))
        received = len(packed) // _PACKED.size + seldom.messages
        return Account(
            line,
            self.received + received,
            self.duplicate + seldom.duplicate,
            self.stored + received - seldom.duplicate - seldom.quarantined,
            None if first == _NEVER else first,
            None if last == _NONE else last,
            None if newest == _NONE else newest,
            # The line of those nobody knows is many devices: it is not watched.
            heard(self.watch, said) if said and line else self.watch,
            page,
        )


@dataclass(slots=True)
class _Seldom:
    """What pages say of few lines."""

    messages: int = 0
    """Of floods."""
    duplicate: int = 0
    quarantined: int = 0
    first_at: int = _NEVER
    last_at: int = _NONE
    newest: int = _NONE


_NOTHING: Final = _Seldom()


class Unposted:
    """What pages say, by line of the ledger, in little memory: 25 bytes a reading and some 100 a line."""

    def __init__(self, posted: Mapping[str, int]) -> None:
        """`posted`: of lines which have some of the pages already, the newest that is in."""
        self._posted = posted
        self.entries: defaultdict[str, bytearray] = defaultdict(bytearray)
        """Packed; see `Account.take`."""
        self.seldom: defaultdict[str, _Seldom] = defaultdict(_Seldom)

    def add(self, number: int, body: bytes) -> None:
        """Pages come in their order."""
        page = _DECODER.decode(body)
        if self._posted:
            page = self._without_posted(number, page)
        entries, pack = self.entries, _PACKED.pack
        for line, received_at, seq, ts, admitted in page.entries:
            entries[line] += pack(
                _NONE if seq is None else seq,
                _NONE if ts is None else ts,
                _NONE if received_at is None else received_at,
                admitted,
            )
        for line, (duplicate, quarantined) in page.others.items():
            known = self.seldom[line]
            known.duplicate += duplicate
            known.quarantined += quarantined
        for line, first_at, last_at, messages in page.floods:
            known = self.seldom[line]
            known.messages += messages
            known.first_at = min(known.first_at, first_at)
            known.last_at = max(known.last_at, last_at)
        for line, ts in page.newest.items():
            known = self.seldom[line]
            known.newest = max(known.newest, ts)

    def lines(self) -> list[str]:
        """Sorted: neighbours in the ledger's table are written together."""
        return sorted(self.entries.keys() | self.seldom.keys())

    def _without_posted(self, number: int, page: Page) -> Page:
        posted = self._posted.get
        return Page(
            [entry for entry in page.entries if posted(entry[0], 0) < number],
            {line: counts for line, counts in page.others.items() if posted(line, 0) < number},
            [flood for flood in page.floods if posted(flood[0], 0) < number],
            {line: ts for line, ts in page.newest.items() if posted(line, 0) < number},
        )


_DECODER: Final = msgpack.Decoder(Page)
_ENCODER: Final = msgpack.Encoder()


def write_page(db: sqlite3.Connection, page: Page) -> None:
    """Inside the transaction of what the page is about."""
    row = (page.readings, _ENCODER.encode(page))
    db.execute("INSERT INTO daybook (readings, body) VALUES (?, ?)", row)


def pages(db: sqlite3.Connection, after: int, last: int) -> Iterator[tuple[int, int, bytes]]:
    """Number, readings and body of those with after < number <= last, in their order."""
    yield from db.execute(
        "SELECT batch, readings, body FROM daybook WHERE batch > ? AND batch <= ? ORDER BY batch", (after, last)
    )


def rows(db: sqlite3.Connection, lines: Sequence[str]) -> list[Account]:
    """The rows of these lines as they are, a new one for each line that has none."""
    wanted = ", ".join("?" * len(lines))
    found = db.execute(f"SELECT {COLUMNS} FROM ledger WHERE device IN ({wanted})", lines)  # noqa: S608 - constants
    known = [Account(*row) for row in found]
    return known + [Account(line) for line in set(lines).difference([account.line for account in known])]


def write_rows(db: sqlite3.Connection, accounts: Iterable[Account]) -> None:
    db.executemany(f"INSERT OR REPLACE INTO ledger ({COLUMNS}) VALUES ({_PLACES})", accounts)  # noqa: S608 - constants


def accounts(db: sqlite3.Connection) -> list[Account]:
    """The ledger as of now, rows and unposted pages; inside a transaction, so that both are of one moment."""
    known = {row[0]: Account(*row) for row in db.execute(f"SELECT {COLUMNS} FROM ledger")}  # noqa: S608 - a constant
    first, last = db.execute("SELECT min(batch), max(batch) FROM daybook").fetchone()
    if last is None:
        return list(known.values())
    unposted = Unposted({line: account.posted for line, account in known.items() if account.posted >= first})
    for number, _, body in pages(db, 0, last):
        unposted.add(number, body)
    for line in unposted.lines():
        known[line] = known.get(line, Account(line)).take(unposted, last)
    return list(known.values())
