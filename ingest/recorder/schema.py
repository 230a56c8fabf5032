"""The tables of the recorder's file, and how files of earlier versions come to have them."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Final

from pydantic_core import from_json, to_json

from devices.readings.series import Point
from ingest.store.line_protocol import encode_point

VERSION: Final = 4
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS progress (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    offset INTEGER NOT NULL,   -- of the last settled record of the raw log
    trouble TEXT,              -- why the recorder waits, while it does
    trouble_since INTEGER,     -- ms
    write_ms REAL,             -- how long the last write to the store took
    slowest_write_ms REAL      -- of the recent ones
);
INSERT OR IGNORE INTO progress (only, offset) VALUES (1, 0);
CREATE TABLE IF NOT EXISTS outbox (      -- settled readings that are not known to be in the store, by batch
    batch INTEGER PRIMARY KEY AUTOINCREMENT,
    lines BLOB NOT NULL,       -- JSON: lines of line protocol
    places BLOB NOT NULL       -- JSON: of each line its record of the raw log and its place in there
);
CREATE TABLE IF NOT EXISTS daybook (     -- what is not yet in all rows of the ledger, a page for each batch
    batch INTEGER PRIMARY KEY AUTOINCREMENT,
    readings INTEGER NOT NULL, -- on the page; a flood is one
    body BLOB NOT NULL         -- MessagePack: see daybook
);
CREATE TABLE IF NOT EXISTS series (      -- that have a settled reading
    kind TEXT NOT NULL, device TEXT NOT NULL, part TEXT NOT NULL,
    PRIMARY KEY (kind, device, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (
    device TEXT PRIMARY KEY,
    received INTEGER NOT NULL, duplicate INTEGER NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0,      -- with those that are in the outbox yet
    first_seen INTEGER, last_seen INTEGER,  -- received_at, ms; NULL while it is not known of any reading
    newest INTEGER,            -- device time of the newest settled reading of all its series; NULL before the first
    watch BLOB,                -- see device_watch; NULL while nothing could be read of it
    posted INTEGER NOT NULL DEFAULT 0       -- the newest page of the daybook that is in here
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,      -- as the topic says
    counted_as TEXT NOT NULL,  -- its line of the ledger
    reason TEXT NOT NULL, detail TEXT NOT NULL, field TEXT,
    topic TEXT NOT NULL, payload BLOB NOT NULL, received_at INTEGER NOT NULL,
    kind TEXT, part TEXT, ts INTEGER, digest BLOB,   -- of a conflict
    redriven_at INTEGER,       -- ms; from then on it is not counted here
    redriven_offset INTEGER,   -- where its copy is in the raw log, once it is
    stands_for INTEGER NOT NULL DEFAULT 1   -- readings; more than one only of a flood
);
CREATE INDEX IF NOT EXISTS waiting_letters ON dead_letter (counted_as, reason) WHERE redriven_at IS NULL;
CREATE INDEX IF NOT EXISTS letters_of_device ON dead_letter (device, id);
CREATE INDEX IF NOT EXISTS conflicts ON dead_letter (kind, device, part, ts, digest)
    WHERE digest IS NOT NULL AND redriven_at IS NULL;
PRAGMA user_version = 4;
"""

_FROM_1: Final = (
    "ALTER TABLE progress ADD COLUMN write_ms REAL",
    "ALTER TABLE progress ADD COLUMN slowest_write_ms REAL",
    "ALTER TABLE ledger ADD COLUMN watch BLOB",
)
_FROM_2: Final = (
    "ALTER TABLE dead_letter ADD COLUMN stands_for INTEGER NOT NULL DEFAULT 1",
    """CREATE TABLE outbox (
        batch INTEGER PRIMARY KEY AUTOINCREMENT, lines BLOB NOT NULL, places BLOB NOT NULL, counts BLOB NOT NULL
    )""",
    "ALTER TABLE ledger ADD COLUMN newest INTEGER",
    "UPDATE ledger SET newest = (SELECT max(ts) FROM newest WHERE newest.device = ledger.device)",
    """CREATE TABLE series (
        kind TEXT NOT NULL, device TEXT NOT NULL, part TEXT NOT NULL, PRIMARY KEY (kind, device, part)
    ) WITHOUT ROWID""",
    "INSERT INTO series SELECT kind, device, part FROM newest",
    "DROP TABLE newest",
)
_FROM_3: Final = (
    "ALTER TABLE outbox DROP COLUMN counts",
    "CREATE TABLE daybook (batch INTEGER PRIMARY KEY AUTOINCREMENT, readings INTEGER NOT NULL, body BLOB NOT NULL)",
    "ALTER TABLE ledger ADD COLUMN posted INTEGER NOT NULL DEFAULT 0",
)


def bring_up(db: sqlite3.Connection) -> None:
    """Make a file of an earlier version one of this; inside a transaction."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 1:
        _change(db, _FROM_1)
    if version <= 2:
        _change(db, _FROM_2)
        _move_outbox(db)
    _change(db, _FROM_3)
    db.execute(f"PRAGMA user_version = {VERSION}")


def _change(db: sqlite3.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        db.execute(statement)


def _move_outbox(db: sqlite3.Connection) -> None:
    """Until version 2 the outbox was one batch of points, and `stored` was without it."""
    (body,) = db.execute("SELECT outbox FROM progress").fetchone()
    db.execute("ALTER TABLE progress DROP COLUMN outbox")
    if body is None:
        return
    lines, places, counts = [], [], Counter[str]()
    for offset, place, measurement, tags, fields, ts in from_json(body):
        lines.append(encode_point(Point(measurement, tuple((key, value) for key, value in tags), fields, ts)))
        places.append((offset, place))
        counts[dict(tags)["device"]] += 1
    moved = (to_json(lines), to_json(places), to_json(counts))
    db.execute("INSERT INTO outbox (lines, places, counts) VALUES (?, ?, ?)", moved)
    db.executemany(
        "UPDATE ledger SET stored = stored + ? WHERE device = ?", [(count, device) for device, count in counts.items()]
    )
