"""The raw log: every message as the broker delivered it, durable, numbered, kept for replay.

A directory of segment files named by their first offset. Only the newest is written; over size, the next is made.
Any number of processes may append and read; offsets are given out under the write lock of the newest segment.
Its interface is what a partitioned log service offers (append, read after, commit), so that one may take its place.
"""

import json
import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from ingest.log.disk_errors import in_words
from ingest.log.records import LogRecord, RawMessage
from ingest.log.segment import (
    SUFFIX,
    RawLogCorrupt,
    RawLogError,
    RawLogFull,
    Segment,
    remove_segment,
    segment_path,
)

__all__ = ["LogStat", "RawLog", "RawLogCorrupt", "RawLogError", "RawLogFull", "Removed"]

_log = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 64 * 1024 * 1024
"""About 300,000 messages: small enough to be given back soon after it was read, few enough files for months."""
_CONSUMER_SUFFIX: Final = ".consumer"
_REMOVED: Final = "removed_unread.json"
_UNNOTED: Final = 4_000_000
"""Offsets: a consumer notes how far it is after it has settled what it read, so it may be this far beyond its note: the
judge of a large city judges two million messages between two checkpoints."""
_READ_BYTES: Final = 16 * 1024 * 1024
"""Of payload in one answer, or one larger message: two thousand megabyte payloads fit into no process."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed although somebody had still to read it, ever."""

    through: int = 0
    """The last offset of it."""
    unread: Mapping[str, int] = field(default_factory=dict)
    """Consumer → how many records it had not noted as read."""
    at: int | None = None
    """When it was last done, ms since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class LogStat:
    """The state of the log, for people."""

    first_offset: int
    last_offset: int
    segments: int
    size_bytes: int
    """On disk, write-ahead logs included."""
    committed: Mapping[str, int]
    removed: Removed


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
        while True:
            try:
                last = self._append_to_tail(messages)
            except RawLogError:
                gone = self._tail is not None and not self._tail.path.exists()
                self._drop_tail()
                if not gone:
                    raise
                continue  # trimmed away meanwhile: there is a newer one
            if last is not None:
                return last
            self._drop_tail()

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
                if not found and (following := self._following(segment.first)):
                    # Nothing is added to a segment that has a successor, so a second look is the last word.
                    found = segment.read(after, limit - len(records), room_bytes)
                    after = after if found else following - 1
                elif not found:
                    break
                records += found
                self._read_to = after = found[-1].offset if found else after
                if len(records) < limit:
                    room_bytes -= sum([len(record.message.payload) for record in found])
        except RawLogError as exc:
            gone = self._reading is not None and not self._reading.path.exists()
            self._drop_reading()
            if gone:  # removed while it was read
                return records or self.read(after, limit)
            if not records:
                if isinstance(exc, RawLogCorrupt):
                    self.last_offset()  # who passes over one record after the other has to know where to stop
                raise
        return records

    def _segment_after(self, after: int) -> Segment | None:
        """The segment that holds, or will hold, the record after `after`."""
        if self._reading is not None and after == self._read_to:
            successor = segment_path(self._directory, after + 1)
            if (after < self._reading.first or not successor.exists()) and self._reading.path.exists():
                return self._reading
        self._drop_reading()
        firsts = self._firsts()
        if not firsts:
            return None
        first = max((first for first in firsts if first <= after + 1), default=firsts[0])
        self._reading = Segment(segment_path(self._directory, first))
        return self._reading

    def _following(self, first: int) -> int | None:
        """The segment after the one that begins at `first`."""
        return next((other for other in self._firsts() if other > first), None)

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
            raise RawLogError(
                f"{newest.path} is damaged and its end unknown: put back a whole one, or move it elsewhere and the log "
                "goes on behind what was read"
            ) from exc
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

    def trim(self, keep_bytes: int, keep_since: int = 0, at_most: int | None = None) -> int:
        """Remove oldest segments that every consumer has read, while the log is over `keep_bytes` or all of the oldest
        was received before `keep_since` (ms since 1970 UTC); how many it were, not more than `at_most`.

        Never the newest segment, and nothing at all before a consumer has committed.
        """
        read_by_all = min(self.committed().values(), default=0)
        removed = 0
        for first, following in pairwise(self._firsts()):
            if following - 1 > read_by_all or removed == at_most:
                break
            if self.size_bytes() <= keep_bytes and not self._received_before(first, keep_since):
                break
            self._remove(first)
            removed += 1
        return removed

    def _received_before(self, first: int, instant: int) -> bool:
        if instant <= 0:
            return False
        try:
            with closing(Segment(segment_path(self._directory, first))) as segment:
                newest = segment.newest_received_at()
        except RawLogError:
            return False  # whatever it is, its age does not say
        return newest is None or newest < instant

    def remove_oldest(self, consumers: Collection[str], now: int) -> bool:
        """Remove the oldest segment, read or not; False when only the newest is left, which stays.

        What one of the `consumers` had not noted as read is counted first, durably: see `removed`. `now`: ms.
        """
        firsts = self._firsts()
        if len(firsts) < 2:
            return False
        first, last = firsts[0], firsts[1] - 1
        before, committed = self.removed(), self.committed()
        unread = dict(before.unread)
        for name in consumers:
            # A removal that was interrupted is begun again: what it has counted already is not counted twice.
            unread[name] = unread.get(name, 0) + max(0, last - max(committed.get(name, 0), before.through, first - 1))
        if unread != before.unread:
            with _disk(self._directory):
                _note_durably(self._directory / _REMOVED, json.dumps(asdict(Removed(last, unread, now))))
        self._remove(first)
        return True

    def removed(self) -> Removed:
        """What `remove_oldest` has taken from consumers, since the log began."""
        try:
            return Removed(**json.loads((self._directory / _REMOVED).read_bytes()))
        except FileNotFoundError:
            return Removed()
        except (OSError, ValueError, TypeError) as exc:
            _log.error("what was removed unread is not known: %s: %s", self._directory / _REMOVED, exc)
            return Removed()

    def _remove(self, first: int) -> None:
        with _disk(self._directory):
            remove_segment(segment_path(self._directory, first))

    def stat(self) -> LogStat:
        firsts, last = self._firsts(), self.last_offset()
        return LogStat(min(firsts, default=1), last, len(firsts), self.size_bytes(), self.committed(), self.removed())

    def close(self) -> None:
        self._drop_tail()
        self._drop_reading()

    def _open_newest(self) -> Segment:
        firsts = self._firsts()
        newest = Segment(segment_path(self._directory, firsts[-1])) if firsts else None
        read = max(self.committed().values(), default=0)
        end = 0 if newest is None else newest.last()
        if newest is not None and end >= read:
            return newest
        # New, or a damaged newest segment was taken away. Its offsets are not given out again: to a consumer that has
        # read them, new messages under their numbers would be old ones.
        if newest is not None:
            newest.close()
        first = read + _UNNOTED + 1 if read else 1
        if read:
            _log.error(
                "raw log: ends at %d and %d were read: a segment was taken away, going on at %d", end, read, first
            )
        Segment.create(self._directory, first)
        return Segment(segment_path(self._directory, first))

    def _firsts(self) -> list[int]:
        with _disk(self._directory):
            names = [path.name for path in self._directory.iterdir()]
        return sorted(int(name.removesuffix(SUFFIX)) for name in names if name.endswith(SUFFIX))

    def size_bytes(self) -> int:
        """On disk, write-ahead logs included."""
        size = 0
        for first in self._firsts():
            for file in _files(segment_path(self._directory, first)):
                with _disk(file), suppress(FileNotFoundError):
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


def _note_durably(path: Path, text: str) -> None:
    draft = path.with_suffix(f".draft-{os.getpid()}")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _files(segment: Path) -> tuple[Path, ...]:
    return (segment, Path(f"{segment}-wal"), Path(f"{segment}-shm"))


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise RawLogFull(f"{path}: {in_words(exc)}") from exc
