"""Files of versions 1 to 6 are upgraded and keep everything in them."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.device_health import updated_health
from ingest.ledger.quarantine import LETTER_BYTES
from ingest.ledger.state_file import StateUnavailable, open_state
from ingest.store import StoreUnavailable
from ingest.store.sqlite import SqliteStore
from tests.ingest.recorder.parts import NOW, T0, Bench, counts, position

VERSION_2 = (Path(__file__).parent / "recorder_version_2.sql").read_text()
VERSION_3 = (Path(__file__).parent / "recorder_version_3.sql").read_text()
VERSION_4 = (Path(__file__).parent / "recorder_version_4.sql").read_text()
VERSION_5 = (Path(__file__).parent / "recorder_version_5.sql").read_text()
VERSION_6 = (Path(__file__).parent / "recorder_version_6.sql").read_text()
VERSION_7 = (Path(__file__).parent / "recorder_version_7.sql").read_text()
VERSION_1 = (
    "ALTER TABLE progress DROP COLUMN write_ms",
    "ALTER TABLE progress DROP COLUMN slowest_write_ms",
    "ALTER TABLE ledger DROP COLUMN watch",
    "PRAGMA user_version = 1",
)
"""Undoes the upgrade from version 1 to 2."""


def version_2(bench: Bench) -> None:
    """One reading stored, one committed and not written, one refused."""
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


async def test_a_folder_that_cannot_be_created_is_an_error_to_try_again(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateUnavailable):
        open_state(tmp_path / "file" / "recorder.db")
    with pytest.raises(StoreUnavailable):
        await SqliteStore(tmp_path / "file" / "points.db").write_lines(["position,device=d lat=1.0 5"])


async def test_version_2_keeps_counts_newest_instants_and_the_outbox(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.receive(position(1), position(2))
    bench.receive_raw("haulwatch/v1/truck-1/position", b"{")
    version_2(bench)
    before = {"received": 3, "stored": 1, "quarantined": {"broken_json": 1}, "queued": 1}
    assert counts(bench.ledger()) == before
    assert bench.status().pending == 1
    assert bench.ledger().balanced
    bench.receive(position(2), position(3))
    after = {"received": 5, "stored": 3, "duplicate": 1, "quarantined": {"broken_json": 1}}
    assert counts(await bench.drain()) == after
    assert len(await bench.store.rows("position", "truck-1", T0, NOW, limit=9)) == 2, "the first was never here"
    assert [letter.stands_for for letter in DeadLetters(bench.state_path).list()] == [1]


async def test_version_3_keeps_counts_device_health_and_the_outbox(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.receive(position(1, seq=1), position(2, seq=2))
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
        health = updated_health(None, [(1, T0 + 1000, NOW), (2, T0 + 2000, NOW)])
        db.execute("INSERT INTO ledger VALUES ('truck-1', 2, 0, 2, ?, ?, ?, ?)", (NOW, NOW, T0 + 2000, health))
        db.execute("INSERT INTO series VALUES ('position', 'truck-1', '')")
        db.commit()
    assert counts(bench.ledger()) == {"received": 2, "stored": 1, "queued": 1}
    assert (bench.status().pending, bench.line("truck-1").gaps) == (1, 0)
    bench.receive(position(5, seq=5))
    assert counts(await bench.drain()) == {"received": 3, "stored": 3}
    assert bench.line("truck-1").gaps == 2
    assert len(await bench.store.rows("position", "truck-1", T0, NOW, limit=9)) == 2, "the first was never here"
    bench.start()
    assert bench.line("truck-1").gaps == 2


async def test_version_1_is_upgraded_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.receive(position(1), position(2))
    bench.receive_raw("haulwatch/v1/truck-1/position", b"{")
    version_2(bench)
    with closing(sqlite3.connect(bench.state_path)) as db:
        for statement in VERSION_1:
            db.execute(statement)
        db.commit()
    bench.receive(position(3, seq=3), position(5, seq=5))
    assert counts(await bench.drain()) == {"received": 5, "stored": 4, "quarantined": {"broken_json": 1}}
    assert bench.line("truck-1").gaps == 1


async def test_version_4_keeps_every_table_and_its_progress_becomes_that_of_partition_0(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.receive(position(1, seq=1), position(2, seq=2), position(2, lat=36.0, seq=3))
    bench.receive_raw("haulwatch/v1/truck-1/position", b"noise")
    bench.receive_raw("haulwatch/v1/truck-1/position", b"noise")  # its redriven copy
    bench.receive(position(5, seq=5))
    with closing(sqlite3.connect(bench.state_path)) as db:
        db.executescript(VERSION_4)
    stored = "position,device=truck-1,fleet=north lat=35.5,lon=112.8,located=true,alarm_bits=0i,seq=%di %d"
    await bench.store.write_lines([stored % (second, T0 + second * 1000) for second in (1, 2)])
    quarantined = {"broken_json": 1, "conflict": 1}
    assert counts(bench.ledger()) == {"received": 5, "stored": 2, "queued": 1, "quarantined": quarantined}
    status = bench.status()
    assert (status.offset, status.backlog, status.pending) == (6, 0, 1)
    assert (status.trouble, status.trouble_since) == ("no route to the store", NOW)
    assert (status.write_ms, status.slowest_write_ms) == (1.5, 2.5)
    assert bench.line("truck-1").gaps == 1
    letters = DeadLetters(bench.state_path)
    assert [letter.redriven_offset for letter in letters.list(redriven=True)] == [5]
    bench.receive(position(2, lat=36.0, seq=3), position(6, seq=6))
    after = {"received": 7, "stored": 4, "duplicate": 1, "quarantined": quarantined}
    assert counts(await bench.drain()) == after, "the conflict is a duplicate of its letter, the outbox is written"
    rows = await bench.store.rows("position", "truck-1", T0, NOW, limit=9)
    assert [(row.ts - T0) // 1000 for row in rows] == [1, 2, 5, 6]
    bench.start()
    assert (counts(bench.ledger()), bench.ledger().balanced, bench.line("truck-1").gaps) == (after, True, 1)


async def test_version_6_keeps_the_counts_of_its_letters(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with closing(sqlite3.connect(bench.state_path)) as db:
        db.executescript(VERSION_6)
        db.execute("INSERT INTO ledger (device, received, duplicate) VALUES ('truck-1', 12, 0)")
        letter = (
            "INSERT INTO dead_letter (device, counted_as, reason, detail, topic, payload, received_at, redriven_at,"
            " redriven_offset, stands_for)"
            " VALUES ('truck-1', 'truck-1', ?, 'cut', 'haulwatch/v1/truck-1/position', x'7b', 5, ?, ?, ?)"
        )
        db.executemany(letter, [("broken_json", None, None, 1), ("broken_json", 6, 7, 1), ("flood", None, None, 11)])
        db.commit()
    assert counts(bench.ledger()) == {"received": 12, "quarantined": {"broken_json": 1, "flood": 11}}
    letters = DeadLetters(bench.state_path)
    assert [(letter.reason.value, letter.kept) for letter in letters.list()] == [
        ("broken_json", True),
        ("flood", False),
    ]
    assert letters.purge() == (3, 3 * (1 + LETTER_BYTES))


async def test_version_7_keeps_its_totals_and_what_its_letters_take(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.receive(position(1, seq=1), position(2, seq=2))
    health = updated_health(None, [(1, T0 + 1000, NOW), (2, T0 + 2000, NOW)])
    with closing(sqlite3.connect(bench.state_path)) as db:
        db.executescript(VERSION_7)
        db.execute("UPDATE progress SET offset = 2")
        row = ("truck-1", 3, 1, NOW, NOW, T0 + 2000, health, NOW, '{"temperature_c": 2}')
        db.execute(
            "INSERT INTO ledger (device, received, duplicate, stored, first_seen, last_seen, newest, watch, heard_at,"
            " corrected) VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        db.execute("INSERT INTO series VALUES ('position', 'truck-1', '')")
        db.execute("INSERT INTO quarantine VALUES ('truck-1', 'broken_json', 2, 1026)")
        db.execute("UPDATE letters_kept SET bytes = 1026")
        letter = (
            "INSERT INTO dead_letter (device, counted_as, reason, detail, topic, payload, received_at)"
            " VALUES ('truck-1', 'truck-1', 'broken_json', 'cut', 'haulwatch/v1/truck-1/position', x'7b', ?)"
        )
        db.executemany(letter, [(NOW,), (NOW,)])
        db.commit()
    kept = {"received": 3, "stored": 1, "quarantined": {"broken_json": 2}}
    assert counts(bench.ledger()) == kept
    assert bench.line("truck-1").dropped_fields == {"temperature_c": 2}
    bench.receive(position(2, seq=2), position(5, seq=5))
    assert counts(await bench.drain()) == {**kept, "received": 5, "stored": 3}, "what the file has not is asked for"
    assert bench.line("truck-1").gaps == 2
    assert DeadLetters(bench.state_path).purge() == (2, 2 * (1 + LETTER_BYTES))


@pytest.mark.parametrize("version", [VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6, VERSION_7])
def test_an_upgraded_file_has_the_tables_of_a_new_one(tmp_path: Path, version: str) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as db:
        db.executescript(re.sub("--.*", "", version))
    assert columns_of(tmp_path / "old.db") == columns_of(tmp_path / "new.db")


def columns_of(path: Path) -> dict[str, set[tuple[object, ...]]]:
    """Name, type, not null, default and index in the primary key of each column, by table."""
    with closing(open_state(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'index')")]
        return {table: {row[1:] for row in db.execute(f"PRAGMA table_info({table})")} for table in tables}
