"""A segment: one file of the raw log, SQLite with offsets as row ids. The only module of the raw log that uses SQL."""

import os
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from devices.codecs.native import NATIVE
from ingest.log.disk_errors import disk_error_text
from ingest.log.errors import RawLogCorrupt, RawLogFull
from ingest.log.records import LogRecord, RawMessage
from ingest.process.sqlite_file import BUSY_TIMEOUT_S

SUFFIX: Final = ".segment"
_NATIVE: Final = NATIVE.dialect
_PLAIN_COLUMNS: Final = 5
"""Columns of a segment in which all messages are native and live."""
_RETAINED: Final = 1
_WAITED: Final = 2
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NEAR: Final = 1_000
"""Looked at one by one: more records than a page holds. Beyond them, by halving."""
_MISSING: Final = "missing"
_RECEIVED_AT: Final = struct.Struct(">q")


class Segment:
    """An open segment file. For one thread at a time; any number of processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.first = int(path.name.removesuffix(SUFFIX))
        with self._translated(self.first):
            # Opened rw, never rwc: a segment that was trimmed meanwhile must not be created again, empty.
            self._db = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw",
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
            self._db.text_factory = bytes
        self._has_mark_columns = False

    @staticmethod
    def create(directory: Path, first: int) -> None:
        """Create an empty segment: whole or not at all, and once, whichever process is first. Raises RawLogFull."""
        path, draft = segment_path(directory, first), directory / f"draft-{os.getpid()}"
        try:
            draft.unlink(missing_ok=True)
            with closing(sqlite3.connect(draft)) as db:
                db.execute(
                    "CREATE TABLE message (offset INTEGER PRIMARY KEY, received_at INTEGER NOT NULL,"
                    " topic TEXT NOT NULL, payload BLOB NOT NULL, crc INTEGER NOT NULL)"
                )
                # After the table, so that the file alone is the whole segment: closing reports no failed checkpoint.
                db.execute("PRAGMA journal_mode=WAL")
            with suppress(FileExistsError):
                path.hardlink_to(draft)
            _sync_directory(directory)
        except sqlite3.Error as exc:
            raise RawLogFull(f"{path}: {exc}") from exc
        except OSError as exc:
            raise RawLogFull(f"{path}: {disk_error_text(exc)}") from exc
        finally:
            for leftover in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm")):
                with suppress(OSError):
                    leftover.unlink()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock of this segment for a transaction. Raises RawLogFull, RawLogCorrupt."""
        with self._translated(self.first):
            # FULL: in WAL mode anything less lets a power cut take back commits that were acknowledged.
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._has_mark_columns = False  # the rollback may take a new column back
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def insert(self, messages: Sequence[RawMessage]) -> int:
        """Add messages after the last record and return the last offset. Inside `locked` only."""
        start = self.last() + 1
        rows, marked = [], []
        for offset, message in enumerate(messages, start):
            topic, payload, received_at = message.topic, message.payload, message.received_at
            crc = _checksum(topic.encode(), payload, received_at)
            if message.retained or message.waited or message.dialect != _NATIVE:
                dialect = None if message.dialect == _NATIVE else message.dialect
                bits = (_RETAINED * message.retained | _WAITED * message.waited) or None
                crc = _marked_checksum(crc, None if dialect is None else dialect.encode(), bits)
                marked.append((dialect, bits, offset))
            rows.append((offset, received_at, topic, payload, crc))
        self._db.executemany(
            "INSERT INTO message (offset, received_at, topic, payload, crc) VALUES (?, ?, ?, ?, ?)", rows
        )
        if marked:
            self._add_mark_columns()
            self._db.executemany("UPDATE message SET dialect = ?, retained = ? WHERE offset = ?", marked)
        return start + len(rows) - 1

    def _add_mark_columns(self) -> None:
        """Add the columns: a segment has them from its first message in another dialect, retained, or that waited, on.

        NULL: a native message; one that is neither retained nor waited. The column `retained` holds both bits.
        """
        if self._has_mark_columns:
            return
        columns = [name for (name,) in self._db.execute("SELECT name FROM pragma_table_info('message')")]
        for name, column in ((b"dialect", "dialect TEXT"), (b"retained", "retained INTEGER")):
            if name not in columns:
                self._db.execute(f"ALTER TABLE message ADD COLUMN {column}")
        self._has_mark_columns = True

    def size_bytes(self) -> int:
        """Bytes of the pages in use, including those still in the write-ahead log."""
        with self._translated(self.first):
            pages, page_bytes = self._db.execute(
                "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size"
            ).fetchone()
        return int(pages) * int(page_bytes)

    def last(self) -> int:
        """Offset of the last record; one less than `first` while there is none."""
        with self._translated(self.first):
            (last,) = self._db.execute("SELECT max(offset) FROM message").fetchone()
        return self.first - 1 if last is None else int(last)

    def newest_received_at(self) -> int | None:
        """Receive time of the last record, ms; None while there is none."""
        with self._translated(self.first):
            row = self._db.execute("SELECT received_at FROM message ORDER BY offset DESC LIMIT 1").fetchone()
        return None if row is None else int(row[0])

    def newest_of(self, topic: str, until: int) -> int | None:
        """Offset of the last record of a topic up to an offset; None if there is none. Its payload is not read."""
        newest = "SELECT offset FROM message WHERE topic = ? AND offset <= ? ORDER BY offset DESC LIMIT 1"
        with self._translated(self.first):
            row = self._db.execute(newest, (topic, until)).fetchone()
        return None if row is None else int(row[0])

    def next_whole(self, after: int, end: int) -> int:
        """Offset of the first record after `after` that can be read, or `end` if there is none before it.

        A spoiled page costs its records, and where it leads to other pages the thousands on those.
        """
        near = min(end, after + _NEAR)
        for offset in range(after + 1, near):
            if (found := self._whole_from(offset, end)) is not None:
                return min(found, end)
        bad, step = near - 1, 1
        while (good := self._whole_from(bad + step, end)) is None and bad + step < end:
            step *= 2
        low, found = bad + step // 2, end if good is None else good
        high = bad + step
        while good is not None and high - low > 1:  # the first place from which it can be read
            middle = (low + high) // 2
            nearer = self._whole_from(middle, end)
            low, high, found = (middle, high, found) if nearer is None else (low, middle, nearer)
        return min(found, end)

    def _whole_from(self, offset: int, end: int) -> int | None:
        """Offset of the first record from `offset` on, `end` if there is none; None: that cannot be read."""
        try:
            records = self.read(offset - 1, 1, 1)
        except RawLogCorrupt as exc:
            missing = exc.detail == _MISSING
            return self._first_from(offset, end) if missing else None
        return records[0].offset if records else end

    def _first_from(self, offset: int, end: int) -> int | None:
        try:
            with self._translated(offset):
                (found,) = self._db.execute("SELECT min(offset) FROM message WHERE offset >= ?", (offset,)).fetchone()
        except RawLogCorrupt:
            return None
        return end if found is None else int(found)

    def read(self, after: int, limit: int, room_bytes: int) -> list[LogRecord]:
        """Read records after `after`, up to the first damaged one; raises RawLogCorrupt if that is the very next.

        The record that fills `room_bytes` of payload is the last.
        """
        records: list[LogRecord] = []
        try:
            with self._translated(after + 1), closing(self._select(after, limit)) as rows:
                plain = len(rows.description) == _PLAIN_COLUMNS
                for expected, row in enumerate(rows, after + 1):
                    offset, received_at, topic, payload, crc = row if plain else row[:_PLAIN_COLUMNS]
                    if offset != expected:
                        raise RawLogCorrupt(self.path, expected, _MISSING)
                    actual = _checksum(topic, payload, received_at)
                    if not plain:
                        actual = _marked_checksum(actual, *_marks(row))
                    if crc != actual:
                        raise RawLogCorrupt(self.path, expected, "checksum does not match")
                    message = RawMessage(topic.decode(), payload, received_at)
                    records.append(LogRecord(offset, message if plain else _marked(message, *_marks(row))))
                    room_bytes -= len(payload)
                    if room_bytes <= 0:
                        break
        except RawLogCorrupt:
            if not records:
                raise
        except (ValueError, TypeError, AttributeError, struct.error) as exc:  # a damaged column of another type
            if not records:
                raise RawLogCorrupt(self.path, after + 1, f"not readable: {exc}") from exc
        return records

    def _select(self, after: int, limit: int) -> sqlite3.Cursor:
        # All columns, as the file has them when the statement runs: dialect and retained are often absent.
        return self._db.execute("SELECT * FROM message WHERE offset > ? ORDER BY offset LIMIT ?", (after, limit))

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._db.close()

    @contextmanager
    def _translated(self, offset: int) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            # Extended codes carry the primary code in their low byte.
            if getattr(exc, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                raise RawLogCorrupt(self.path, offset, str(exc)) from exc
            raise RawLogFull(f"{self.path}: {exc}") from exc


def remove_segment(path: Path) -> None:
    """Remove the files and free their disk space at once, also while another process holds them open. Raises OSError.

    The name goes first, so that a reader that fails then sees that the segment is gone.
    """
    for file in (path, Path(f"{path}-wal")):
        try:
            handle = os.open(file, os.O_WRONLY)
        except FileNotFoundError:
            continue
        try:
            file.unlink(missing_ok=True)
            os.truncate(handle, 0)
        finally:
            os.close(handle)
    # Not truncated: processes that have it open have mapped it into memory.
    Path(f"{path}-shm").unlink(missing_ok=True)


def segment_path(directory: Path, first: int) -> Path:
    return directory / f"{first:020d}{SUFFIX}"


def _checksum(topic: bytes, payload: bytes, received_at: int) -> int:
    return crc32(_RECEIVED_AT.pack(received_at), crc32(payload, crc32(topic)))


def _marks(row: tuple[Any, ...]) -> tuple[bytes | None, int | None]:
    """Dialect and bits of a row; a file may lack the newer column, the bits."""
    dialect, bits, *_ = (*row[_PLAIN_COLUMNS:], None)
    return dialect, bits


def _marked(message: RawMessage, dialect: bytes | None, bits: int | None) -> RawMessage:
    """The message of a row with its marks."""
    name, bits = _NATIVE if dialect is None else dialect.decode(), bits or 0
    retained, waited = bool(bits & _RETAINED), bool(bits & _WAITED)
    return RawMessage(message.topic, message.payload, message.received_at, name, retained, waited)


def _marked_checksum(crc: int, dialect: bytes | None, bits: int | None) -> int:
    """The checksum of a record with what its marks add."""
    if dialect is not None:
        crc = crc32(dialect, crc)
    return crc if bits is None else crc32(_RECEIVED_AT.pack(bits), crc)


def _sync_directory(directory: Path) -> None:
    """Make a new name in the directory durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
