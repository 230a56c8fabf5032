-- A recorder's file that version 4 wrote: two readings stored, a conflict, a letter that was redriven, a pending
-- ledger delta, and a batch in the outbox while the store was away.
BEGIN TRANSACTION;
CREATE TABLE daybook (     -- what is not yet in all rows of the ledger, a page for each batch
    batch INTEGER PRIMARY KEY AUTOINCREMENT,
    readings INTEGER NOT NULL, -- on the page; a flood is one
    body BLOB NOT NULL         -- MessagePack: see daybook
);
INSERT INTO "daybook" VALUES(3,1,X'949195A7747275636B2D31CF0000018BD01C568005CF0000018BCFE57B88C3809080');
CREATE TABLE dead_letter (
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
INSERT INTO "dead_letter" VALUES(1,'truck-1','truck-1','broken_json','payload is not JSON: expected ident at line 1 column 2','payload','haulwatch/v1/truck-1/position',X'6E6F697365',1700003600000,NULL,NULL,NULL,NULL,1700003600000,5,1);
INSERT INTO "dead_letter" VALUES(2,'truck-1','truck-1','conflict','ts: another reading of truck-1 stands at 1700000002000','ts','haulwatch/v1/truck-1/position',X'7B227473223A313730303030303030323030302C22736571223A332C226C6174223A33362E302C226C6F6E223A3131322E382C226C6F6361746564223A747275652C22616C61726D5F62697473223A307D',1700003600000,'position','',1700000002000,X'CF0C825E46850BE60E0BB0357472892E',NULL,NULL,1);
INSERT INTO "dead_letter" VALUES(3,'truck-1','truck-1','broken_json','payload is not JSON: expected ident at line 1 column 2','payload','haulwatch/v1/truck-1/position',X'6E6F697365',1700003600000,NULL,NULL,NULL,NULL,NULL,NULL,1);
CREATE TABLE ledger (
    device TEXT PRIMARY KEY,
    received INTEGER NOT NULL, duplicate INTEGER NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0,      -- with those that are in the outbox yet
    first_seen INTEGER, last_seen INTEGER,  -- received_at, ms; NULL while it is not known of any reading
    newest INTEGER,            -- device time of the newest settled reading of all its series; NULL before the first
    watch BLOB,                -- see device_watch; NULL while nothing could be read of it
    posted INTEGER NOT NULL DEFAULT 0       -- the newest page of the daybook that is in here
) WITHOUT ROWID;
INSERT INTO "ledger" VALUES('truck-1',4,0,2,1700003600000,1700003600000,1700000002000,X'0000000000000000000000000000000080561CD08B010000B0E6360000000000E86BE5CF8B0100000300000000000000D06FE5CF8B0100000000000000000000FEFFFFFFFFFFFFFFFEFFFFFFFFFFFFFFFEFFFFFFFFFFFFFF0000000000000000',2);
CREATE TABLE outbox (      -- settled readings that are not known to be in the store, by batch
    batch INTEGER PRIMARY KEY AUTOINCREMENT,
    lines BLOB NOT NULL,       -- JSON: lines of line protocol
    places BLOB NOT NULL       -- JSON: of each line its record of the raw log and its place in there
);
INSERT INTO "outbox" VALUES(2,X'5B22706F736974696F6E2C6465766963653D747275636B2D312C666C6565743D6E6F727468206C61743D33352E352C6C6F6E3D3131322E382C6C6F63617465643D747275652C616C61726D5F626974733D30692C7365713D35692031373030303030303035303030225D',X'5B5B362C305D5D');
CREATE TABLE progress (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    offset INTEGER NOT NULL,   -- of the last settled record of the raw log
    trouble TEXT,              -- why the recorder waits, while it does
    trouble_since INTEGER,     -- ms
    write_ms REAL,             -- how long the last write to the store took
    slowest_write_ms REAL      -- of the recent ones
);
INSERT INTO "progress" VALUES(1,6,'no route to the store',1700003600000,1.5,2.5);
CREATE TABLE series (      -- that have a settled reading
    kind TEXT NOT NULL, device TEXT NOT NULL, part TEXT NOT NULL,
    PRIMARY KEY (kind, device, part)
) WITHOUT ROWID;
INSERT INTO "series" VALUES('position','truck-1','');
CREATE INDEX waiting_letters ON dead_letter (counted_as, reason) WHERE redriven_at IS NULL;
CREATE INDEX letters_of_device ON dead_letter (device, id);
CREATE INDEX conflicts ON dead_letter (kind, device, part, ts, digest)
    WHERE digest IS NOT NULL AND redriven_at IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',2);
INSERT INTO "sqlite_sequence" VALUES('daybook',3);
INSERT INTO "sqlite_sequence" VALUES('dead_letter',3);
COMMIT;
PRAGMA user_version = 4;
