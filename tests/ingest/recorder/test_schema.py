"""Files of earlier versions are brought up, whatever stood in them."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.device_health import heard
from ingest.recorder.state import StateUnavailable, open_state
from ingest.store import StoreUnavailable
from ingest.store.sqlite import SqliteStore
from tests.ingest.recorder.parts import NOW, T0, Bench, counts, position

VERSION_2 = (Path(__file__).parent / "recorder_version_2.sql").read_text()
VERSION_3 = (Path(__file__).parent / "recorder_version_3.sql").read_text()
VERSION_1 = (
    "ALTER TABLE progress DROP COLUMN write_ms",
    "ALTER TABLE progress DROP COLUMN slowest_write_ms",
    "ALTER TABLE ledger DROP COLUMN watch",
    "PRAGMA user_version = 1",
)
"""What made it version 2, undone."""


def version_2(bench: Bench) -> None:
    """One reading stored, one settled and not written, one refused."""
    tags = [["device", "truck-1"], ["fleet", "north"]]
    outbox = [[2, 0, "position", tags, {"lat": 35.5, "lon": 112.8, "located": True, "alarm_bits": 0}, T0 + 2000]]
    with closing(sqlite3.connect(bench.state_path)) as db:
        db.executescript(re.sub("--.*", "", VERSION_2))  # SQLite drops no column beside a comment
        db.execute("UPDATE progress SET offset = 3, outbox = ?", (json.dumps(outbox).encode(),))
        db.execute("INSERT INTO ledger VALUES ('truck-1', 3, 1, 0, ?, ?, NULL)", (NOW, NOW))
        db.execute("INSERT INTO newest VALUES ('position', 'truck-1', '', ?)", (T0 + 2000,))
        db.execute(
            "INSERT INTO dead_letter (device, counted_as, reason, detail, topic, payload, received_at)"
            " VALUES ('truck-1', 'truck-1', 'broken_json', 'cut', 'haulwatch/v1/truck-1/position', x'7b', ?)",
            (NOW,),
        )
        db.commit()


async def test_a_folder_that_cannot_be_made_is_trouble_that_may_pass(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateUnavailable):
        open_state(tmp_path / "file" / "recorder.db")
    with pytest.raises(StoreUnavailable):
        await SqliteStore(tmp_path / "file" / "points.db").write_lines(["position,device=d lat=1.0 5"])


async def test_version_2_keeps_its_counts_its_marks_and_what_is_not_yet_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.hear(position(1), position(2))
    bench.hear_raw("haulwatch/v1/truck-1/position", b"{")
    version_2(bench)
    before = {"received": 3, "stored": 1, "quarantined": {"broken_json": 1}, "queued": 1}
    assert counts(bench.ledger()) == before
    assert bench.status().pending == 1
    assert bench.ledger().balanced
    bench.hear(position(2), position(3))
    after = {"received": 5, "stored": 3, "duplicate": 1, "quarantined": {"broken_json": 1}}
    assert counts(await bench.drain()) == after
    assert len(await bench.store.rows("position", "truck-1", T0, NOW, limit=9)) == 2, "the first was never here"
    assert [letter.stands_for for letter in DeadLetters(bench.state_path).list()] == [1]


async def test_version_3_keeps_its_counts_its_watch_and_what_is_not_yet_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.hear(position(1, seq=1), position(2, seq=2))
    with closing(sqlite3.connect(bench.state_path)) as db:
        db.executescript(VERSION_3)
        db.execute("UPDATE progress SET offset = 2")
        db.execute(
            "INSERT INTO outbox (batch, lines, places, counts) VALUES (7, ?, ?, ?)",
            (
                b'["position,device=truck-1,fleet=north lat=35.5,lon=112.8,located=true,alarm_bits=0 %d"]'
                % (T0 + 2000),
                b"[[2, 0]]",
                b'{"truck-1": 1}',
            ),
        )
        watch = heard(None, [(1, T0 + 1000, NOW), (2, T0 + 2000, NOW)])
        db.execute("INSERT INTO ledger VALUES ('truck-1', 2, 0, 2, ?, ?, ?, ?)", (NOW, NOW, T0 + 2000, watch))
        db.execute("INSERT INTO series VALUES ('position', 'truck-1', '')")
        db.commit()
    assert counts(bench.ledger()) == {"received": 2, "stored": 1, "queued": 1}
    assert (bench.status().pending, bench.line("truck-1").gaps) == (1, 0)
    bench.hear(position(5, seq=5))
    assert counts(await bench.drain()) == {"received": 3, "stored": 3}
    assert bench.line("truck-1").gaps == 2
    assert len(await bench.store.rows("position", "truck-1", T0, NOW, limit=9)) == 2, "the first was never here"
    bench.start()
    assert bench.line("truck-1").gaps == 2


async def test_version_1_is_brought_up_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.hear(position(1), position(2))
    bench.hear_raw("haulwatch/v1/truck-1/position", b"{")
    version_2(bench)
    with closing(sqlite3.connect(bench.state_path)) as db:
        for statement in VERSION_1:
            db.execute(statement)
        db.commit()
    bench.hear(position(3, seq=3), position(5, seq=5))
    assert counts(await bench.drain()) == {"received": 5, "stored": 4, "quarantined": {"broken_json": 1}}
    assert bench.line("truck-1").gaps == 1
