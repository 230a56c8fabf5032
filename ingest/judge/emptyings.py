"""Emptyings of bins in the judge's file: written with each checkpoint, read by the process that feeds the boards.

A row changes when late readings show another level, or that there was no emptying: it is then withdrawn, and stays, so
that what was written elsewhere can follow. Rows are numbered by their last change.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ingest.process.sqlite_file import read_only
from rules.tracking.emptyings import Emptying, EmptyingSpan

MOST_ROWS: Final = 200_000
"""10,000 compartments, emptied twice a day, for ten days: longer than the store may be away."""
EMPTYING_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS emptying (
        no INTEGER PRIMARY KEY AUTOINCREMENT,
        device_id TEXT NOT NULL, compartment TEXT NOT NULL, ts INTEGER NOT NULL,   -- ms
        after INTEGER NOT NULL,   -- ms
        from_pct REAL NOT NULL, to_pct REAL NOT NULL, withdrawn INTEGER NOT NULL,
        UNIQUE (device_id, compartment, ts)
    )""",
    "CREATE TABLE IF NOT EXISTS emptying_file (id TEXT NOT NULL)",
    "INSERT INTO emptying_file SELECT hex(randomblob(8)) WHERE NOT EXISTS (SELECT 1 FROM emptying_file)",
)
_OF_SPAN: Final = """
SELECT compartment, ts, after, from_pct, to_pct FROM emptying
WHERE device_id = ? AND compartment = ? AND ts BETWEEN ? AND ? AND withdrawn = 0
"""
_PUT: Final = """
INSERT OR REPLACE INTO emptying (device_id, compartment, ts, after, from_pct, to_pct, withdrawn)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_FORGET: Final = "DELETE FROM emptying WHERE no <= (SELECT max(no) FROM emptying) - ?"


class EmptyingRow(NamedTuple):
    """An emptying of a device, as of its last change."""

    no: int
    device_id: str
    emptying: Emptying
    withdrawn: bool
    """Late readings showed that there was none."""


class EmptyingRows(NamedTuple):
    """What changed after a number."""

    file_id: str
    """Of the file: another one counts from 1 again. Empty where there is none."""
    rows: Sequence[EmptyingRow]


def put_emptyings(db: sqlite3.Connection, spans: Mapping[str, Iterable[EmptyingSpan]]) -> None:
    """Write what is new or other within each span of a device, and withdraw what is no longer there."""
    changed = [
        (device_id, *emptying, withdrawn)
        for device_id, of_device in spans.items()
        for span in of_device
        for emptying, withdrawn in _changed(db, device_id, span)
    ]
    if changed:
        db.executemany(_PUT, changed)
        db.execute(_FORGET, (MOST_ROWS,))


def _changed(db: sqlite3.Connection, device_id: str, span: EmptyingSpan) -> list[tuple[Emptying, bool]]:
    rows = db.execute(_OF_SPAN, (device_id, span.compartment, span.start, span.end))
    before = {emptying.ts: emptying for emptying in map(Emptying._make, rows)}
    now = {emptying.ts: emptying for emptying in span.emptyings}
    new = [(emptying, False) for ts, emptying in now.items() if before.get(ts) != emptying]
    return new + [(emptying, True) for ts, emptying in before.items() if ts not in now]


def read_emptyings(judge_db: Path, file_id: str, after: int, limit: int) -> EmptyingRows:
    """Rows of the file with this id with a number above `after`, in its order, at most `limit`.

    None where it is another file: read that from 0. None where there is no file or table, or a spoiled one: the judge
    makes it again.
    """
    query = (
        "SELECT no, device_id, withdrawn, compartment, ts, after, from_pct, to_pct FROM emptying"
        " WHERE no > ? ORDER BY no LIMIT ?"
    )
    try:
        with read_only(judge_db) as db:
            [(found_id,)] = db.execute("SELECT id FROM emptying_file")
            found = db.execute(query, (after, limit)) if found_id == file_id else ()
            rows = [
                EmptyingRow(no, device_id, Emptying._make(values), bool(withdrawn))
                for no, device_id, withdrawn, *values in found
            ]
    except (sqlite3.Error, ValueError):
        return EmptyingRows("", ())
    return EmptyingRows(found_id, rows)
