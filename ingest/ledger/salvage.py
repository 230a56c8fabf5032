"""Saves what can be read of a recorder's file with spoiled pages. Runs before the recorder opens it.

The file is no cache: it holds the ledger and the quarantine. A new file gets every row that can be read, from the
start of each table and from its end; what lies between is lost and named. The recorder then goes on at the offset up to
which everything is in the store: readings after it that were recorded already count as duplicates.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.ledger.deltas import LedgerDelta
from ingest.ledger.state_file import StateFile, StateUnavailable
from ingest.ledger.writer import LedgerWriter
from ingest.log.records import ReadingLocation
from ingest.process.sqlite_file import is_damaged, set_aside, translated

_BATCH: Final = 500
_log = logging.getLogger(__name__)


def salvage_if_spoiled(path: Path, committed: int) -> bool:
    """Check every page; True if the file was spoiled and has been replaced by one with what could be read.

    `committed`: the offset that the recorder noted in the raw log. Raises StateUnavailable.
    """
    with translated(path, StateUnavailable):
        fault = _fault(path) if path.exists() else None
        if fault is None:
            return False
        aside = set_aside(path, fault)
    with closing(StateFile(path)) as state:
        with (
            translated(aside, StateUnavailable),
            closing(sqlite3.connect(aside, isolation_level=None)) as old,
            state.changing() as new,
        ):
            lost = list(_copy_tables(old, new))
            (offset,) = new.execute("SELECT max(offset) FROM progress").fetchone()
            resumed = min(offset, committed) if offset else committed
            new.execute("UPDATE progress SET offset = ?, trouble = NULL, trouble_since = NULL", (resumed,))
        LedgerWriter(state, lambda: 0.0).compact_all()
        with state.changing() as new:
            _balance(new)
    for what in lost:
        _log.error("recorder: %s could not be read from %s and is lost", what, aside.name)
    _log.error("recorder: going on after offset %d; what was recorded after it counts as duplicate", resumed)
    return True


def _fault(path: Path) -> str | None:
    try:
        with closing(sqlite3.connect(path)) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as exc:
        if not is_damaged(exc):
            raise
        return str(exc)
    return None if found == "ok" else str(found)


def _copy_tables(old: sqlite3.Connection, new: sqlite3.Connection) -> Iterator[str]:
    """Copy every row that can be read. Yields what is lost."""
    try:
        query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        schema = old.execute(query).fetchall()
        (version,) = old.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as exc:
        yield f"the whole file ({exc})"
        return
    present = {name for (name,) in new.execute("SELECT name FROM sqlite_master")}
    for kind in ("table", "index"):
        for found, name, sql in schema:
            if found == kind and name not in present:
                new.execute(sql)
    new.execute(f"PRAGMA user_version = {int(version)}")
    for kind, name, _ in schema:
        if kind == "table" and (gap := _copy(old, new, name)) is not None:
            yield f"{name}: {gap}"


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> str | None:
    """Copy a table from both ends. Returns the gap, if there is one."""
    columns = [(name, pk) for _, name, _, _, _, pk in new.execute(f"PRAGMA table_info({table})")]
    keys = [name for name, pk in sorted(columns, key=lambda column: column[1]) if pk] or ["rowid"]
    names = keys + [name for name, _ in columns if name not in keys]
    listed, marks = ", ".join(names), ", ".join("?" for _ in names)
    insert = f"INSERT OR REPLACE INTO {table} ({listed}) VALUES ({marks})"  # noqa: S608 - names of our own schema
    ends: list[Any] = []
    garbled: list[Any] = []
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{key} {direction}" for key in keys)
        rows = _Readable(old, f"SELECT {listed} FROM {table} ORDER BY {order}")  # noqa: S608 - as above
        while batch := rows.next():
            garbled += [row[: len(keys)] for row in batch if not _is_whole(table, names, row)]
            new.executemany(insert, [row for row in batch if _is_whole(table, names, row)])
        if rows.whole:
            return f"rows {garbled}" if garbled else None
        ends.append(None if rows.last is None else rows.last[: len(keys)])
    return f"rows after {ends[0] or 'the start'} and before {ends[1] or 'the end'}" + (
        f", rows {garbled}" if garbled else ""
    )


def _is_whole(table: str, names: list[str], row: tuple[Any, ...]) -> bool:
    """False for a delta or a batch whose bytes are of a spoiled page that has no structure."""
    values = dict(zip(names, row, strict=True))
    try:
        if table == "daybook":
            msgspec.msgpack.decode(values["body"], type=LedgerDelta)
        if table == "outbox":
            msgspec.json.decode(values["lines"], type=list[str])
            msgspec.json.decode(values["places"], type=list[ReadingLocation])
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError):
        return False
    return True


class _Readable:
    """The rows of a query, up to the first that cannot be read."""

    def __init__(self, db: sqlite3.Connection, query: str) -> None:
        self._db, self._query = db, query
        self._cursor: sqlite3.Cursor | None = None
        self.whole = False
        self.last: tuple[Any, ...] | None = None

    def next(self) -> list[tuple[Any, ...]]:
        batch: list[tuple[Any, ...]] = []
        try:
            if self._cursor is None:
                self._cursor = self._db.execute(self._query)
            for row in self._cursor:
                batch.append(row)
                if len(batch) == _BATCH:
                    break
            else:
                self.whole = True
        except sqlite3.Error as exc:
            if not is_damaged(exc):
                raise
            self._cursor = self._db.execute("SELECT 1 WHERE 0")
        self.last = batch[-1] if batch else self.last
        return batch


def _balance(db: sqlite3.Connection) -> None:
    """Let received be what is accounted for: rows of one table may be lost, and those of another there."""
    db.execute(
        "INSERT OR IGNORE INTO quarantine (device, reason, readings, bytes)"
        " SELECT counted_as, reason, sum(CASE WHEN redriven_at IS NULL THEN stands_for ELSE 0 END),"
        " sum(length(payload)) FROM dead_letter GROUP BY counted_as, reason"
    )
    db.execute(
        "INSERT OR IGNORE INTO ledger (device, received, duplicate)"
        " SELECT DISTINCT device, 0, 0 FROM quarantine WHERE readings > 0"
    )
    db.execute(
        "UPDATE ledger SET received = stored + duplicate"
        " + coalesce((SELECT sum(readings) FROM quarantine WHERE quarantine.device = ledger.device), 0)"
    )
