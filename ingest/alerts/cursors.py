"""How far each sink has delivered the journal, what it refused, what is held back from it and what called people.

The small SQLite file is a cache: one that is spoiled is set aside and begun anew. The last deliveries are kept with
their keys, so that a journal that was restored from a backup, and gives its numbers again to other changes, is noticed.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from devices.errors import OperatorError
from ingest.alerts.rate import DAY_MS, Call
from ingest.process.sqlite_file import is_damaged, open_cache, read_only, transaction, translated
from rules.alerts.actions import JournalEntry
from rules.alerts.model import Severity

_BUSY_TIMEOUT_S: Final = 5.0
DELIVERIES_KEPT: Final = 1_000
"""Deliveries of each sink that are remembered by their keys."""
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS cursor (outlet TEXT PRIMARY KEY, no INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS said (of TEXT PRIMARY KEY, first TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS delivery (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        outlet TEXT NOT NULL, no INTEGER NOT NULL, key TEXT NOT NULL,
        recorded_at INTEGER NOT NULL   -- ms
    )""",
    "CREATE INDEX IF NOT EXISTS delivery_by_key ON delivery (outlet, key)",
    """CREATE TABLE IF NOT EXISTS refused (
        outlet TEXT NOT NULL, no INTEGER NOT NULL, at INTEGER NOT NULL,   -- ms
        PRIMARY KEY (outlet, no)
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS held (
        outlet TEXT NOT NULL, alert_id TEXT NOT NULL,
        rule TEXT NOT NULL, subject TEXT NOT NULL, severity TEXT NOT NULL, known INTEGER NOT NULL,
        PRIMARY KEY (outlet, alert_id)
    ) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS call (outlet TEXT NOT NULL, at INTEGER NOT NULL, alert_id TEXT NOT NULL)",  # at: ms
    "CREATE INDEX IF NOT EXISTS call_by_time ON call (at)",
)
_HOLD: Final = "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?, ?)"
_LET_GO: Final = "DELETE FROM held WHERE outlet = ? AND alert_id = ?"


class CursorsUnavailable(OperatorError):
    """The cursor file cannot be read or written now."""


class Held(NamedTuple):
    """An alert whose changes a sink is not given for now (`ingest.alerts.holding`)."""

    alert_id: str
    rule: str
    subject: str
    severity: Severity
    announced: bool
    """The sink was given an earlier change of it."""


class Cursors(Protocol):
    """What a publisher keeps: in a file (`PublisherCursors`), or in the database (`shared_cursors`).

    Any thread may use it. Every method raises CursorsUnavailable or DatabaseError.
    """

    def get(self, sink: str) -> int | None:
        """The last sequence number that the sink has delivered; None: unknown."""

    def set(self, sink: str, sequence: int) -> None: ...
    def delivered(
        self,
        sink: str,
        entries: Sequence[JournalEntry],
        refused: Sequence[JournalEntry],
        at: int,
        *,
        held: Mapping[str, Held] = ...,
        let_go: Collection[str] = ...,
    ) -> None:
        """Note that the sink has had these entries, but refused some of them (`at`: ms), and that alerts are held back
        from it, or no more (`let_go`: their ids).
        """

    def is_last(self, sink: str, entry: JournalEntry) -> bool:
        """True if this is the entry that the sink delivered last; also where its key was not kept."""

    def delivered_keys(self, sink: str, keys: Collection[str]) -> frozenset[str]:
        """Those of these keys that the sink had among its last changes, under whatever number."""

    def newest_recorded_at(self, sink: str) -> int | None:
        """When the newest change was recorded that the sink has had, ms; None: unknown."""

    def refused(self, sink: str, limit: int) -> list[int]:
        """Sequence numbers of the oldest changes that the sink refused."""

    def accepted(self, sink: str, sequences: Sequence[int]) -> None:
        """Forget refusals: the sink has taken these changes since, or the journal has them no more."""

    def held(self, sink: str) -> dict[str, Held]:
        """What the sink is not given for now, by alert."""

    def hold(self, sink: str, held: Mapping[str, Held]) -> None: ...
    def released(self, sink: str, alert_ids: Collection[str], refused: Sequence[JournalEntry], at: int) -> None:
        """Note that these alerts are held back no more, and what the sink refused of them; `at`: ms."""

    def note_calls(self, sink: str, alert_ids: Collection[str], at: int) -> None:
        """Note that the sink called people about these alerts; `at`: ms. Those of a day before that are forgotten."""

    def close(self) -> None: ...


class PublisherCursors:
    """The file. Any thread may use it. Every method raises CursorsUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, RLock()
        with translated(path, CursorsUnavailable):
            self._db = self._open()

    def get(self, sink: str) -> int | None:
        with self._translated():
            row = self._db.execute("SELECT no FROM cursor WHERE outlet = ?", (sink,)).fetchone()
        return int(row[0]) if row else None

    def set(self, sink: str, sequence: int) -> None:
        with self._translated():
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (sink, sequence))

    def delivered(
        self,
        sink: str,
        entries: Sequence[JournalEntry],
        refused: Sequence[JournalEntry],
        at: int,
        *,
        held: Mapping[str, Held] = MappingProxyType({}),
        let_go: Collection[str] = (),
    ) -> None:
        with self._translated(), transaction(self._db) as db:
            db.executemany(_LET_GO, [(sink, alert_id) for alert_id in let_go])
            db.executemany(_HOLD, [(sink, *one) for one in held.values()])
            db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (sink, entries[-1].sequence))
            rows = [(sink, entry.sequence, entry.change.key, entry.recorded_at) for entry in entries]
            db.executemany("INSERT INTO delivery (outlet, no, key, recorded_at) VALUES (?, ?, ?, ?)", rows)
            kept = "SELECT id FROM delivery WHERE outlet = ? ORDER BY id DESC LIMIT -1 OFFSET ?"
            db.execute(f"DELETE FROM delivery WHERE id IN ({kept})", (sink, DELIVERIES_KEPT))  # noqa: S608 - fixed text
            _note_refused(db, sink, refused, at)

    def is_last(self, sink: str, entry: JournalEntry) -> bool:
        query = "SELECT key FROM delivery WHERE outlet = ? AND no = ? ORDER BY id DESC LIMIT 1"
        with self._translated():
            row = self._db.execute(query, (sink, entry.sequence)).fetchone()
        return row is None or row[0] == entry.change.key

    def delivered_keys(self, sink: str, keys: Collection[str]) -> frozenset[str]:
        query = "SELECT 1 FROM delivery WHERE outlet = ? AND key = ?"
        with self._translated():
            return frozenset(key for key in keys if self._db.execute(query, (sink, key)).fetchone() is not None)

    def newest_recorded_at(self, sink: str) -> int | None:
        query = "SELECT max(recorded_at) FROM delivery WHERE outlet = ?"
        with self._translated():
            newest: int | None = self._db.execute(query, (sink,)).fetchone()[0]
        return newest

    def refused(self, sink: str, limit: int) -> list[int]:
        query = "SELECT no FROM refused WHERE outlet = ? ORDER BY no LIMIT ?"
        with self._translated():
            return [no for (no,) in self._db.execute(query, (sink, limit))]

    def accepted(self, sink: str, sequences: Sequence[int]) -> None:
        with self._translated(), transaction(self._db) as db:
            db.executemany("DELETE FROM refused WHERE outlet = ? AND no = ?", [(sink, no) for no in sequences])

    def held(self, sink: str) -> dict[str, Held]:
        query = "SELECT alert_id, rule, subject, severity, known FROM held WHERE outlet = ?"
        with self._translated():
            rows = self._db.execute(query, (sink,)).fetchall()
        return {row[0]: Held(row[0], row[1], row[2], Severity(row[3]), bool(row[4])) for row in rows}

    def hold(self, sink: str, held: Mapping[str, Held]) -> None:
        with self._translated():
            self._db.executemany(_HOLD, [(sink, *one) for one in held.values()])

    def released(self, sink: str, alert_ids: Collection[str], refused: Sequence[JournalEntry], at: int) -> None:
        with self._translated(), transaction(self._db) as db:
            db.executemany(_LET_GO, [(sink, alert_id) for alert_id in alert_ids])
            _note_refused(db, sink, refused, at)

    def note_calls(self, sink: str, alert_ids: Collection[str], at: int) -> None:
        with self._translated(), transaction(self._db) as db:
            db.executemany("INSERT INTO call VALUES (?, ?, ?)", [(sink, at, alert_id) for alert_id in alert_ids])
            db.execute("DELETE FROM call WHERE at < ?", (at - DAY_MS,))

    def first_value(self, key: str, value: str) -> str:
        """The value that was given for `key` the first time; later ones are ignored."""
        with self._translated():
            self._db.execute("INSERT OR IGNORE INTO said VALUES (?, ?)", (key, value))
            return str(self._db.execute("SELECT first FROM said WHERE of = ?", (key,)).fetchone()[0])

    def close(self) -> None:
        with self._translated():
            self._db.close()

    def _open(self) -> sqlite3.Connection:
        return open_cache(self._path, _TABLES, timeout_s=_BUSY_TIMEOUT_S)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with self._lock, translated(self._path, CursorsUnavailable):
            try:
                yield
            except sqlite3.Error as exc:
                if is_damaged(exc):
                    self._db.close()
                    self._db = self._open()  # the next attempt has a file that works
                raise


def _note_refused(db: sqlite3.Connection, sink: str, refused: Sequence[JournalEntry], at: int) -> None:
    db.executemany("INSERT OR IGNORE INTO refused VALUES (?, ?, ?)", [(sink, entry.sequence, at) for entry in refused])


def read_refused(path: Path) -> tuple[int, int | None]:
    """Number of changes that sinks refuse, and since when, ms; for other processes."""
    try:
        with read_only(path) as db:
            count, oldest = db.execute("SELECT count(*), min(at) FROM refused").fetchone()
            return int(count), oldest
    except sqlite3.Error:
        return 0, None


def read_calls(path: Path, since: int) -> list[Call] | None:
    """What called people after `since`, ms; None if the file cannot be read. For other processes."""
    try:
        with read_only(path) as db:
            return [
                Call(at, alert_id)
                for at, alert_id in db.execute("SELECT at, alert_id FROM call WHERE at > ?", (since,))
            ]
    except sqlite3.Error:
        return None
