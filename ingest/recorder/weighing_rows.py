"""Weighings in the recorder's file: each once, numbered as they came, read by the process that makes sessions of them.

They are in the transaction of their batch, so none is missing and none comes twice.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import json

from devices.readings.models import Weighing
from devices.readings.tickets import fault_of
from ingest.process.sqlite_file import read_only

MOST_ROWS: Final = 500_000
"""50 bridges with 500 weighings a day, for 20 days: longer than the database may be away."""
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS weighing_row (
        no INTEGER PRIMARY KEY AUTOINCREMENT,
        device TEXT NOT NULL, ts INTEGER NOT NULL,   -- ms
        body BLOB NOT NULL,   -- the reading, as JSON
        UNIQUE (device, ts)
    )""",
    "CREATE TABLE IF NOT EXISTS weighing_file (id TEXT NOT NULL)",
    "INSERT INTO weighing_file SELECT hex(randomblob(8)) WHERE NOT EXISTS (SELECT 1 FROM weighing_file)",
)


class WeighingRow(NamedTuple):
    """A weighing, and its number in the file."""

    no: int
    weighing: Weighing


class WeighingRows(NamedTuple):
    """What came after a number."""

    file_id: str
    """Of the file: another one counts from 1 again. Empty where there is none."""
    rows: Sequence[WeighingRow]


def make_tables(db: sqlite3.Connection) -> None:
    for statement in _TABLES:
        db.execute(statement)


def put_weighings(db: sqlite3.Connection, weighings: Iterable[Weighing]) -> None:
    """Add weighings that may be believed and are not in the file yet."""
    found = [(one.device_id, one.ts, json.encode(one)) for one in weighings if fault_of(one) is None]
    if found:
        db.executemany("INSERT OR IGNORE INTO weighing_row (device, ts, body) VALUES (?, ?, ?)", found)
        db.execute("DELETE FROM weighing_row WHERE no <= (SELECT max(no) FROM weighing_row) - ?", (MOST_ROWS,))


def read_weighings(recorder_db: Path, file_id: str, after: int, limit: int) -> WeighingRows:
    """Rows of the file with this id with a number above `after`, in its order, at most `limit`.

    None where it is another file: read that from 0. None where there is no file or table, or a spoiled one: the
    recorder makes it again.
    """
    query = "SELECT no, body FROM weighing_row WHERE no > ? ORDER BY no LIMIT ?"
    try:
        with read_only(recorder_db) as db:
            [(found_id,)] = db.execute("SELECT id FROM weighing_file")
            found = db.execute(query, (after, limit)).fetchall() if found_id == file_id else []
    except (sqlite3.Error, ValueError):
        return WeighingRows("", ())
    return WeighingRows(found_id, [WeighingRow(no, json.decode(body, type=Weighing)) for no, body in found])
