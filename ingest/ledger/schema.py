"""Tables of the recorder's file, and the upgrade of files of earlier versions.

`progress`, `outbox`, `series`, `city` and those of tickets are written by the recorder; `daybook` (ledger deltas),
`ledger` (totals), `quarantine`, `letters_kept` and `dead_letter` by `ingest.ledger`. Table and column names are part of
the file format: they stay when words in the code change. PostgreSQL has the same tables (`ingest.ledger.shared`), and
`partition` is there that of the raw log; in a file it is always 0, but in `progress`.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Final

from pydantic_core import from_json, to_json

from devices.readings.series import Point
from ingest.store.line_protocol import encode_point

VERSION: Final = 8
_OF_THE_RECORDER: Final = (
    """CREATE TABLE IF NOT EXISTS city (
        partition INTEGER PRIMARY KEY,   -- of the raw log
        payload BLOB NOT NULL            -- ingest.log.records.CITY_TOPIC
    )""",
    # Weighings with a net weight and no fault.
    """CREATE TABLE IF NOT EXISTS ticket (
        device TEXT NOT NULL, ts INTEGER NOT NULL,
        number TEXT NOT NULL,      -- in the form that is compared
        root TEXT NOT NULL,        -- number of the ticket that it corrects, over all corrections; else its own
        plate TEXT NOT NULL, weights TEXT NOT NULL, about TEXT NOT NULL, corrects INTEGER NOT NULL,
        net_kg REAL NOT NULL,
        head TEXT NOT NULL,        -- start of its line
        state TEXT NOT NULL,
        PRIMARY KEY (device, ts)
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS tickets_by_root ON ticket (device, root, ts)",
    "CREATE INDEX IF NOT EXISTS tickets_by_number ON ticket (device, number, ts)",
    "CREATE TABLE IF NOT EXISTS ticket_mark (batch INTEGER NOT NULL, line TEXT NOT NULL)",  # of a batch in the outbox
    "CREATE INDEX IF NOT EXISTS marks_by_batch ON ticket_mark (batch)",
)
"""Up to version 7 the recorder made these beside the schema."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS progress (
    partition INTEGER PRIMARY KEY,   -- of the raw log
    offset INTEGER NOT NULL,   -- of the last committed record of the partition
    trouble TEXT,              -- why the recorder waits, NULL while it does not
    trouble_since INTEGER,     -- ms
    write_ms REAL,             -- duration of the last write to the store
    slowest_write_ms REAL      -- of the recent writes
);
INSERT OR IGNORE INTO progress (partition, offset) VALUES (0, 0);
CREATE TABLE IF NOT EXISTS outbox (      -- committed readings whose write is not confirmed, by batch
    batch INTEGER PRIMARY KEY AUTOINCREMENT,
    lines BLOB NOT NULL,       -- JSON: lines of line protocol
    places BLOB NOT NULL,      -- JSON: for each line the offset of its record and its index in the record
    partition INTEGER NOT NULL DEFAULT 0     -- of the raw log
);
CREATE TABLE IF NOT EXISTS daybook (     -- ledger deltas that are not yet in all totals, one a batch
    batch INTEGER PRIMARY KEY AUTOINCREMENT,
    readings INTEGER NOT NULL, -- in the delta; a flood is one
    body BLOB NOT NULL,        -- MessagePack: ingest.ledger.deltas.LedgerDelta
    partition INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS series (      -- with a committed reading
    kind TEXT NOT NULL, device TEXT NOT NULL, part TEXT NOT NULL,
    partition INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, device, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (      -- totals
    partition INTEGER NOT NULL, device TEXT NOT NULL,
    received INTEGER NOT NULL, duplicate INTEGER NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0,      -- including those still in the outbox
    first_seen INTEGER, last_seen INTEGER,  -- received_at, ms; NULL before the first reading with one
    newest INTEGER,            -- device time of the newest committed reading of all its series; NULL before the first
    watch BLOB,                -- ingest.ledger.device_health; NULL before the first readable sample
    posted INTEGER NOT NULL DEFAULT 0,      -- batch of the newest delta in this row
    heard_at INTEGER,          -- received_at of the last new reading, ms; NULL before the first
    corrected TEXT,            -- JSON: corrected values by name (ingest.ledger.corrected); NULL while there are none
    PRIMARY KEY (partition, device)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,      -- named by the topic
    counted_as TEXT NOT NULL,  -- row of the ledger
    reason TEXT NOT NULL, detail TEXT NOT NULL, field TEXT,
    topic TEXT NOT NULL, payload BLOB NOT NULL, received_at INTEGER NOT NULL,
    kind TEXT, part TEXT, ts INTEGER, digest BLOB,   -- of a conflict
    redriven_at INTEGER,       -- ms; from then on it is not counted here
    redriven_offset INTEGER,   -- of its copy in the raw log, once it is appended
    stands_for INTEGER NOT NULL DEFAULT 1,  -- readings
    kept INTEGER NOT NULL DEFAULT 1,        -- 0: of the readings it stands for only the first is kept
    partition INTEGER NOT NULL DEFAULT 0    -- of the row of the ledger
);
CREATE TABLE IF NOT EXISTS quarantine (  -- counts of the ledger, which stay when letters are purged
    partition INTEGER NOT NULL,
    device TEXT NOT NULL,      -- row of the ledger
    reason TEXT NOT NULL,
    readings INTEGER NOT NULL, -- quarantined and not redriven
    bytes INTEGER NOT NULL,    -- of its letters, redriven ones too
    PRIMARY KEY (partition, device, reason)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS letters_kept (partition INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);   -- of all letters
CREATE INDEX IF NOT EXISTS letters_of_many ON dead_letter (counted_as, reason)
    WHERE kept = 0 AND redriven_at IS NULL;
CREATE INDEX IF NOT EXISTS letters_by_age ON dead_letter (received_at);
CREATE INDEX IF NOT EXISTS letters_of_device ON dead_letter (device, id);
CREATE INDEX IF NOT EXISTS conflicts ON dead_letter (kind, device, part, ts, digest)
    WHERE digest IS NOT NULL AND redriven_at IS NULL;
"""
SCHEMA: Final = "\n".join([_TABLES, *(f"{table};" for table in _OF_THE_RECORDER), f"PRAGMA user_version = {VERSION};"])

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


_FROM_4: Final = (
    # SQLite cannot change a primary key, so the table is made anew.
    """CREATE TABLE progress_of_partitions (
        partition INTEGER PRIMARY KEY, offset INTEGER NOT NULL, trouble TEXT, trouble_since INTEGER, write_ms REAL,
        slowest_write_ms REAL
    )""",
    """INSERT INTO progress_of_partitions
        SELECT 0, offset, trouble, trouble_since, write_ms, slowest_write_ms FROM progress""",
    "DROP TABLE progress",
    "ALTER TABLE progress_of_partitions RENAME TO progress",
    "ALTER TABLE outbox ADD COLUMN partition INTEGER NOT NULL DEFAULT 0",
)

_FROM_5: Final = (
    "ALTER TABLE ledger ADD COLUMN heard_at INTEGER",
    "UPDATE ledger SET heard_at = last_seen WHERE stored > 0",  # the best that is known
    "ALTER TABLE ledger ADD COLUMN corrected TEXT",
)

_FROM_6: Final = (
    "ALTER TABLE dead_letter ADD COLUMN kept INTEGER NOT NULL DEFAULT 1",
    "UPDATE dead_letter SET kept = 0 WHERE stands_for > 1",  # floods
    """CREATE TABLE quarantine (
        device TEXT NOT NULL, reason TEXT NOT NULL, readings INTEGER NOT NULL, bytes INTEGER NOT NULL,
        PRIMARY KEY (device, reason)
    ) WITHOUT ROWID""",
    """INSERT INTO quarantine
        SELECT counted_as, reason, sum(CASE WHEN redriven_at IS NULL THEN stands_for ELSE 0 END),
            sum(length(payload) + 512) FROM dead_letter GROUP BY counted_as, reason""",
    "CREATE TABLE letters_kept (bytes INTEGER NOT NULL)",
    "INSERT INTO letters_kept SELECT coalesce(sum(bytes), 0) FROM quarantine",
    "DROP INDEX IF EXISTS waiting_letters",
    "CREATE INDEX letters_of_many ON dead_letter (counted_as, reason) WHERE kept = 0 AND redriven_at IS NULL",
    "CREATE INDEX letters_by_age ON dead_letter (received_at)",
)

_FROM_7: Final = (
    "ALTER TABLE daybook ADD COLUMN partition INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE series ADD COLUMN partition INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE dead_letter ADD COLUMN partition INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE ledger_of_partitions (
        partition INTEGER NOT NULL, device TEXT NOT NULL, received INTEGER NOT NULL, duplicate INTEGER NOT NULL,
        stored INTEGER NOT NULL DEFAULT 0, first_seen INTEGER, last_seen INTEGER, newest INTEGER, watch BLOB,
        posted INTEGER NOT NULL DEFAULT 0, heard_at INTEGER, corrected TEXT, PRIMARY KEY (partition, device)
    ) WITHOUT ROWID""",
    """INSERT INTO ledger_of_partitions
        SELECT 0, device, received, duplicate, stored, first_seen, last_seen, newest, watch, posted, heard_at, corrected
        FROM ledger""",
    "DROP TABLE ledger",
    "ALTER TABLE ledger_of_partitions RENAME TO ledger",
    """CREATE TABLE quarantine_of_partitions (
        partition INTEGER NOT NULL, device TEXT NOT NULL, reason TEXT NOT NULL, readings INTEGER NOT NULL,
        bytes INTEGER NOT NULL, PRIMARY KEY (partition, device, reason)
    ) WITHOUT ROWID""",
    "INSERT INTO quarantine_of_partitions SELECT 0, device, reason, readings, bytes FROM quarantine",
    "DROP TABLE quarantine",
    "ALTER TABLE quarantine_of_partitions RENAME TO quarantine",
    "CREATE TABLE letters_of_partitions (partition INTEGER PRIMARY KEY, bytes INTEGER NOT NULL)",
    "INSERT INTO letters_of_partitions SELECT 0, coalesce(sum(bytes), 0) FROM letters_kept",
    "DROP TABLE letters_kept",
    "ALTER TABLE letters_of_partitions RENAME TO letters_kept",
)


def upgrade(db: sqlite3.Connection) -> None:
    """Bring a file of version 1 to 7 to this version; inside a transaction."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 1:
        _execute(db, _FROM_1)
    if version <= 2:
        _execute(db, _FROM_2)
        _move_outbox(db)
    if version <= 3:
        _execute(db, _FROM_3)
    if version <= 4:
        _execute(db, _FROM_4)
    if version <= 5:
        _execute(db, _FROM_5)
    if version <= 6:
        _execute(db, _FROM_6)
    _execute(db, _FROM_7)
    _execute(db, _OF_THE_RECORDER)
    db.execute(f"PRAGMA user_version = {VERSION}")


def _execute(db: sqlite3.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        db.execute(statement)


def _move_outbox(db: sqlite3.Connection) -> None:
    """Convert the outbox: up to version 2 it was one batch of points, and `stored` did not include it."""
    (body,) = db.execute("SELECT outbox FROM progress").fetchone()
    db.execute("ALTER TABLE progress DROP COLUMN outbox")
    if body is None:
        return
    lines, locations, counts = [], [], Counter[str]()
    for offset, index, measurement, tags, fields, ts in from_json(body):
        lines.append(encode_point(Point(measurement, tuple((key, value) for key, value in tags), fields, ts)))
        locations.append((offset, index))
        counts[dict(tags)["device"]] += 1
    moved = (to_json(lines), to_json(locations), to_json(counts))
    db.execute("INSERT INTO outbox (lines, places, counts) VALUES (?, ?, ?)", moved)
    db.executemany(
        "UPDATE ledger SET stored = stored + ? WHERE device = ?", [(count, device) for device, count in counts.items()]
    )
