-- The recorder's file as version 3 made it.
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
    places BLOB NOT NULL,      -- JSON: of each line its record of the raw log and its place in there
    counts BLOB NOT NULL       -- JSON: lines by device
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
    watch BLOB                 -- see device_watch; NULL while nothing could be read of it
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
PRAGMA user_version = 3;
