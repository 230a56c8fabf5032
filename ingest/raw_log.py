"""The raw log: every message as the broker delivered it, durable, numbered, kept for replay.

A directory of segment files named by their first offset. Only the newest is written; over size, the next is made.
Any number of processes may append and read; offsets are given out under the write lock of the newest segment.
Its interface is what a partitioned log service offers (append, read after, commit), so that one may take its place.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from ingest.messages import LogRecord, RawMessage
from ingest.raw_segment import SUFFIX, RawLogCorrupt, RawLogError, RawLogFull, Segment, segment_path

__all__ = ["LogStat", "RawLog", "RawLogCorrupt", "RawLogError", "RawLogFull"]

SEGMENT_BYTES: Final = 64 * 1024 * 1024
"""About 300,000 messages: small enough to be given back soon after it was read, few enough files for months."""
_CONSUMER_SUFFIX: Final = ".consumer"
_READ_BYTES: Final = 16 * 1024 * 1024
"""Of payload in one answer, or one larger message: two thousand megabyte payloads fit into no process."""


@dataclass(frozen=True, slots=True)
class LogStat:
    """The state of the log, for people."""

    first_offset: int
    last_offset: int
    segments: int
    size_bytes: int
    """On disk, write-ahead logs included."""
    committed: Mapping[str, int]


class RawLog:
    """One process's hand on the log. For one thread at a time: give each writer and each reader its own.

    Every method raises RawLogFull when the disk cannot be read or written now, and works again when it can.
    """

    def __init__(self, directory: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._tail: Segment | None = None
        self._reading: Segment | None = None
        self._read_to = -1
        with _disk(directory):
            directory.mkdir(parents=True, exist_ok=True)

    def append(self, messages: Sequence[RawMessage]) -> int:
        """Add messages, all or none, and return the last offset; on return they are on the disk (one sync).

        Topics are text without lone surrogates. Raises RawLogFull (nothing of it is in the log), RawLogCorrupt.
        """
        try:
            while (last := self._append_to_tail(messages)) is None:
                self._drop_tail()
        except RawLogError:
            self._drop_tail()
            raise
        return last

    def _append_to_tail(self, messages: Sequence[RawMessage]) -> int | None:
        """The last offset, or None when the tail we hold is not the newest segment any more."""
        tail = self._tail = self._tail or self._open_newest()
        with tail.locked():
            last = tail.last()
            successor = segment_path(self._directory, last + 1)
            # Trimming takes the oldest first, so a tail that still has its name and no successor is the newest.
            if not tail.path.exists() or (last >= tail.first and successor.exists()):
                return None
            if last >= tail.first and tail.size_bytes() >= self._segment_bytes:
                Segment.create(self._directory, last + 1)
                return None
            return tail.insert(messages)

    def read(self, after: int, limit: int) -> list[LogRecord]:
        """At most `limit` records with offsets after `after`, in order; from the oldest kept if that was trimmed.

        Fewer where payloads are large; none only at the end of the log. Asking where the last answer ended costs one
        look-up, so a reader may poll many times a second.
        Raises RawLogCorrupt when the very next record cannot be believed; the whole ones before it are given first.
        """
        records: list[LogRecord] = []
        room_bytes = _READ_BYTES
        try:
            while len(records) < limit and room_bytes > 0 and (segment := self._segment_after(after)) is not None:
                after = max(after, segment.first - 1)
                found = segment.read(after, limit - len(records), room_bytes)
                records += found
                room_bytes -= sum(len(record.message.payload) for record in found)
                self._read_to = after = found[-1].offset if found else after
                if not found:
                    break
        except RawLogError as exc:
            self._drop_reading()
            if not records:
                if isinstance(exc, RawLogCorrupt):
                    self.last_offset()  # who passes over one record after the other has to know where to stop
                raise
        return records

    def _segment_after(self, after: int) -> Segment | None:
        """The segment that holds, or will hold, the record after `after`."""
        if self._reading is not None and after == self._read_to:
            successor = segment_path(self._directory, after + 1)
            if after < self._reading.first or not successor.exists():
                return self._reading
        self._drop_reading()
        firsts = self._firsts()
        if not firsts:
            return None
        first = max((first for first in firsts if first <= after + 1), default=firsts[0])
        self._reading = Segment(segment_path(self._directory, first))
        return self._reading

    def first_offset(self) -> int:
        """Offset of the oldest record kept; 1 while there was none."""
        return min(self._firsts(), default=1)

    def last_offset(self) -> int:
        """Offset of the newest record; 0 while there was none. Raises RawLogError when the newest file is damaged."""
        firsts = self._firsts()
        if not firsts:
            return 0
        newest = Segment(segment_path(self._directory, firsts[-1]))
        try:
            return newest.last()
        except RawLogCorrupt as exc:
            raise RawLogError(f"{newest.path} is damaged and its end unknown: put back a whole one") from exc
        finally:
            newest.close()

    def commit(self, consumer: str, offset: int) -> None:
        """Note that a consumer has read up to `offset`: for retention and lag only, it keeps its true offset itself."""
        path = self._directory / f"{consumer}{_CONSUMER_SUFFIX}"
        draft = path.with_suffix(f".draft-{os.getpid()}")
        with _disk(path):
            draft.write_text(str(offset))
            draft.replace(path)

    def committed(self) -> dict[str, int]:
        """Consumer → the last offset it has read."""
        with _disk(self._directory):
            files = sorted(self._directory.glob(f"*{_CONSUMER_SUFFIX}"))
            return {file.name.removesuffix(_CONSUMER_SUFFIX): _noted(file.read_bytes()) for file in files}

    def trim(self, keep_bytes: int) -> int:
        """While the log is over `keep_bytes`, remove oldest segments that every consumer has read; how many it were.

        Never the newest segment, and nothing at all before a consumer has committed.
        """
        firsts = self._firsts()
        read_by_all = min(self.committed().values(), default=0)
        removed = 0
        for first, following in pairwise(firsts):
            if self._size_bytes() <= keep_bytes or following - 1 > read_by_all:
                break
            with _disk(self._directory):
                for file in _files(segment_path(self._directory, first)):
                    file.unlink(missing_ok=True)
            removed += 1
        return removed

    def stat(self) -> LogStat:
        firsts = self._firsts()
        return LogStat(min(firsts, default=1), self.last_offset(), len(firsts), self._size_bytes(), self.committed())

    def close(self) -> None:
        self._drop_tail()
        self._drop_reading()

    def _open_newest(self) -> Segment:
        firsts = self._firsts()
        if not firsts:
            Segment.create(self._directory, 1)
            firsts = self._firsts()
        return Segment(segment_path(self._directory, firsts[-1]))

    def _firsts(self) -> list[int]:
        with _disk(self._directory):
            names = [path.name for path in self._directory.iterdir()]
        return sorted(int(name.removesuffix(SUFFIX)) for name in names if name.endswith(SUFFIX))

    def _size_bytes(self) -> int:
        size = 0
        for first in self._firsts():
            for file in _files(segment_path(self._directory, first)):
                with suppress(FileNotFoundError):
                    size += file.stat().st_size
        return size

    def _drop_tail(self) -> None:
        if self._tail is not None:
            self._tail.close()
        self._tail = None

    def _drop_reading(self) -> None:
        if self._reading is not None:
            self._reading.close()
        self._reading = None


def _noted(text: bytes) -> int:
    """Notes are not synced to the disk: one that a power cut has spoiled says that nothing was read."""
    return int(text) if text.isdigit() else 0


def _files(segment: Path) -> tuple[Path, ...]:
    return (segment, Path(f"{segment}-wal"), Path(f"{segment}-shm"))


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise RawLogFull(f"{path}: {exc}") from exc
