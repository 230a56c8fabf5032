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
    body BLOB NOT NULL         -- MessagePack: ingest.ledger.deltas.LedgerDelta
);
CREATE TABLE IF NOT EXISTS series (      -- with a committed reading
    kind TEXT NOT NULL, device TEXT NOT NULL, part TEXT NOT NULL,
    PRIMARY KEY (kind, device, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (      -- totals
    device TEXT PRIMARY KEY,
    received INTEGER NOT NULL, duplicate INTEGER NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0,      -- including those still in the outbox
    first_seen INTEGER, last_seen INTEGER,  -- received_at, ms; NULL before the first reading with one
    newest INTEGER,            -- device time of the newest committed reading of all its series; NULL before the first
    watch BLOB,                -- ingest.ledger.device_health; NULL before the first readable sample
    posted INTEGER NOT NULL DEFAULT 0,      -- batch of the newest delta in this row
    heard_at INTEGER,          -- received_at of the last new reading, ms; NULL before the first
    corrected TEXT             -- JSON: corrected values by name (ingest.ledger.corrected); NULL while there are none
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
    kept INTEGER NOT NULL DEFAULT 1         -- 0: of the readings it stands for only the first is kept
);
CREATE TABLE IF NOT EXISTS quarantine (  -- counts of the ledger, which stay when letters are purged
    device TEXT NOT NULL,      -- row of the ledger
    reason TEXT NOT NULL,
    readings INTEGER NOT NULL, -- quarantined and not redriven
    bytes INTEGER NOT NULL,    -- of its letters, redriven ones too
    PRIMARY KEY (device, reason)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS letters_kept (bytes INTEGER NOT NULL);   -- of all letters, in its only row
INSERT INTO letters_kept SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM letters_kept);
CREATE INDEX IF NOT EXISTS letters_of_many ON dead_letter (counted_as, reason)
    WHERE kept = 0 AND redriven_at IS NULL;
CREATE INDEX IF NOT EXISTS letters_by_age ON dead_letter (received_at);
CREATE INDEX IF NOT EXISTS letters_of_device ON dead_letter (device, id);
CREATE INDEX IF NOT EXISTS conflicts ON dead_letter (kind, device, part, ts, digest)
    WHERE digest IS NOT NULL AND redriven_at IS NULL;
CREATE TABLE IF NOT EXISTS city (
    partition INTEGER PRIMARY KEY,   -- of the raw log
    payload BLOB NOT NULL            -- ingest.log.records.CITY_TOPIC
);
CREATE TABLE IF NOT EXISTS ticket (
        device TEXT NOT NULL, ts INTEGER NOT NULL,
        number TEXT NOT NULL,      -- in the form that is compared
        root TEXT NOT NULL,        -- number of the ticket that it corrects, over all corrections; else its own
        plate TEXT NOT NULL, weights TEXT NOT NULL, about TEXT NOT NULL, corrects INTEGER NOT NULL,
        net_kg REAL NOT NULL,
        head TEXT NOT NULL,        -- start of its line
        state TEXT NOT NULL,
        PRIMARY KEY (device, ts)
    ) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tickets_by_root ON ticket (device, root, ts);
CREATE INDEX IF NOT EXISTS tickets_by_number ON ticket (device, number, ts);
CREATE TABLE IF NOT EXISTS ticket_mark (batch INTEGER NOT NULL, line TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS marks_by_batch ON ticket_mark (batch);
PRAGMA user_version = 7;
