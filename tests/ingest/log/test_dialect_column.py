"""Segments of version 0.1, which have no column for the dialect, and new ones: read, appended to, checked."""

import sqlite3
from contextlib import closing
from pathlib import Path
from zlib import crc32

import pytest

from ingest.log.raw_log import RawLog, RawLogCorrupt
from ingest.log.records import ONLY_PARTITION, LogRecord, RawMessage
from ingest.log.segment import Segment, segment_path
from tests.closing import closed_later
from tests.ingest.log.parts import SMALL_BYTES, files, message, no_file_larger_than

OLD = [message(1), message(2)]
NATIVE = message(3)
RETAINED = RawMessage("haulwatch/v1/truck-001/status", b"{}", 1_700_000_000_004, retained=True)
WAITED = RawMessage("haulwatch/v1/truck-001/status", b"{}", 1_700_000_000_003, waited=True)
BOTH = RawMessage("haulwatch/v1/truck-001/status", b"{}", 1_700_000_000_002, retained=True, waited=True)
FOREIGN = RawMessage("jt808/013812345678", b"~\x02\x00~", 1_700_000_000_003, "jt808")
EACH = pytest.mark.parametrize(
    "appended", [NATIVE, FOREIGN, RETAINED, WAITED, BOTH], ids=["native", "foreign", "retained", "waited", "both"]
)
_CREATE_0_1 = (
    "CREATE TABLE message (offset INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, topic TEXT NOT NULL,"
    " payload BLOB NOT NULL, crc INTEGER NOT NULL)"
)


@pytest.fixture
def old_log(tmp_path: Path) -> Path:
    """A log of two messages as version 0.1 wrote it."""
    with closing(sqlite3.connect(segment_path(tmp_path, 1))) as db:
        db.execute(_CREATE_0_1)
        for offset, old in enumerate(OLD, 1):
            crc = crc32(old.received_at.to_bytes(8, "big"), crc32(old.payload, crc32(old.topic.encode())))
            db.execute(
                "INSERT INTO message VALUES (?, ?, ?, ?, ?)", (offset, old.received_at, old.topic, old.payload, crc)
            )
        db.commit()
        db.execute("PRAGMA journal_mode=WAL")
    return tmp_path


def columns(folder: Path) -> list[str]:
    with closing(sqlite3.connect(segment_path(folder, 1))) as db:
        return [name for (name,) in db.execute("SELECT name FROM pragma_table_info('message')")]


def records(*messages: RawMessage) -> list[LogRecord]:
    return [LogRecord(offset, appended) for offset, appended in enumerate(messages, 1)]


def test_an_old_segment_is_read_and_not_changed_by_it(old_log: Path) -> None:
    assert closed_later(RawLog(old_log)).read(0, 10) == records(*OLD)
    assert "dialect" not in columns(old_log)


@EACH
def test_an_old_segment_is_appended_to(old_log: Path, appended: RawMessage) -> None:
    log = closed_later(RawLog(old_log))
    assert log.append([appended]) == 3
    log.close()
    assert closed_later(RawLog(old_log)).read(0, 10) == records(*OLD, appended)
    assert (columns(old_log)[-2:] == ["dialect", "retained"]) is (appended != NATIVE)
    assert len(files(old_log)) == 1


@EACH
def test_a_reader_that_opened_the_segment_before_the_column_was_added_reads_on(
    old_log: Path, appended: RawMessage
) -> None:
    reader, segment = closed_later(RawLog(old_log)), Segment(segment_path(old_log, 1))
    assert reader.read(0, 10) == records(*OLD)
    assert segment.read(0, 10, SMALL_BYTES) == records(*OLD)
    closed_later(RawLog(old_log)).append([appended])
    assert reader.read(2, 10) == records(*OLD, appended)[2:]
    assert segment.read(0, 10, SMALL_BYTES) == records(*OLD, appended)
    segment.close()


def test_two_writers_add_the_column_once(old_log: Path) -> None:
    one, other = closed_later(RawLog(old_log)), closed_later(RawLog(old_log))
    assert [log.append([FOREIGN]) for log in (one, other, one)] == [3, 4, 5]
    assert closed_later(RawLog(old_log)).read(2, 10) == [LogRecord(offset, FOREIGN) for offset in (3, 4, 5)]
    assert columns(old_log).count("dialect") == 1


def test_an_append_that_failed_takes_the_column_back_and_the_next_one_adds_it(old_log: Path) -> None:
    segment = Segment(segment_path(old_log, 1))
    batch = [FOREIGN, *[message(number, size=5000) for number in range(100, 150)]]
    with no_file_larger_than(64 * 1024), pytest.raises(Exception, match="segment"), segment.locked():
        segment.insert(batch)
    assert "dialect" not in columns(old_log)
    with segment.locked():
        assert segment.insert([FOREIGN]) == 3
    segment.close()
    assert closed_later(RawLog(old_log)).read(0, 10) == records(*OLD, FOREIGN)


def test_a_new_segment_keeps_each_dialect_over_segments(tmp_path: Path) -> None:
    log, appended = closed_later(RawLog(tmp_path, SMALL_BYTES)), [NATIVE, FOREIGN] * 200
    for start in range(0, 400, 20):
        log.append(appended[start : start + 20])
    assert len(files(tmp_path)) > 1
    assert log.read(0, 1000) == records(*appended)


@pytest.mark.parametrize("forged", ["other", None])
def test_the_checksum_covers_the_dialect(tmp_path: Path, forged: str | None) -> None:
    log = closed_later(RawLog(tmp_path))
    log.append([NATIVE, FOREIGN, NATIVE])
    with closing(sqlite3.connect(segment_path(tmp_path, 1))) as db:
        db.execute("UPDATE message SET dialect = ? WHERE offset = 2", (forged,))
        db.commit()
    assert log.read(0, 10) == records(NATIVE)
    with pytest.raises(RawLogCorrupt, match="offset 2: checksum"):
        log.read(1, 10)
    assert log.read(2, 10) == [LogRecord(3, NATIVE)]


def test_a_native_message_that_is_given_another_dialect_is_damaged(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path))
    log.append([NATIVE])
    with closing(sqlite3.connect(segment_path(tmp_path, 1))) as db:
        db.execute("ALTER TABLE message ADD COLUMN dialect TEXT")
        db.execute("UPDATE message SET dialect = 'jt808'")
        db.commit()
    with pytest.raises(RawLogCorrupt, match="offset 1: checksum"):
        log.read(0, 10)


def test_a_log_on_one_machine_is_partition_0(tmp_path: Path) -> None:
    assert closed_later(RawLog(tmp_path)).partition == ONLY_PARTITION == 0


@pytest.fixture
def log_without_retained(tmp_path: Path) -> Path:
    """A log of a native and a foreign message as written before the retain bit was kept."""
    with closing(sqlite3.connect(segment_path(tmp_path, 1))) as db:
        db.execute(_CREATE_0_1.removesuffix(")") + ", dialect TEXT)")
        for offset, old in enumerate((NATIVE, FOREIGN), 1):
            crc = crc32(old.received_at.to_bytes(8, "big"), crc32(old.payload, crc32(old.topic.encode())))
            dialect = None if old is NATIVE else old.dialect
            crc = crc if dialect is None else crc32(dialect.encode(), crc)
            row = (offset, old.received_at, old.topic, old.payload, crc, dialect)
            db.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)", row)
        db.commit()
        db.execute("PRAGMA journal_mode=WAL")
    return tmp_path


def test_a_segment_without_the_retain_bit_is_read_and_appended_to(log_without_retained: Path) -> None:
    assert closed_later(RawLog(log_without_retained)).read(0, 10) == records(NATIVE, FOREIGN)
    assert columns(log_without_retained)[-1] == "dialect"
    closed_later(RawLog(log_without_retained)).append([RETAINED, NATIVE])
    assert closed_later(RawLog(log_without_retained)).read(0, 10) == records(NATIVE, FOREIGN, RETAINED, NATIVE)


@pytest.mark.parametrize(("offset", "forged"), [(1, 1), (2, None)])
def test_the_checksum_covers_the_retain_bit(tmp_path: Path, offset: int, forged: int | None) -> None:
    closed_later(RawLog(tmp_path)).append([NATIVE, RETAINED])
    with closing(sqlite3.connect(segment_path(tmp_path, 1))) as db:
        db.execute("UPDATE message SET retained = ? WHERE offset = ?", (forged, offset))
        db.commit()
    with pytest.raises(RawLogCorrupt, match=f"offset {offset}: checksum"):
        closed_later(RawLog(tmp_path)).read(offset - 1, 10)
