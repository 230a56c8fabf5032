"""The raw log: every message as the broker delivered it, durable, numbered, kept for replay.

A directory of segment files named by their first offset. Only the newest is written; when it is over size the next one
is created. Any number of processes may append and read; offsets are assigned under the write lock of the newest
segment. Its interface is that of one partition of a log service (append, read after, commit): see `ingest.log.ports`.
"""

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from ingest.log.disk_errors import disk_error_text
from ingest.log.errors import RawLogCorrupt, RawLogError, RawLogFull
from ingest.log.notes import prepare_note, read_note, write_note
from ingest.log.ports import OnePartition
from ingest.log.records import ONLY_PARTITION, LogRecord, RawMessage
from ingest.log.segment import SUFFIX, Segment, remove_segment, segment_path

__all__ = ["LogStat", "RawLog", "RawLogCorrupt", "RawLogError", "RawLogFull", "Removed"]

_log = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 64 * 1024 * 1024
"""About 200,000 messages: small enough to be removed soon after it was read, large enough for few files in months."""
_CONSUMER_SUFFIX: Final = ".consumer"
_REMOVED_FILE: Final = "removed_unread.json"
_MAX_UNCOMMITTED: Final = 4_000_000
"""Records that a consumer may have read beyond its committed offset: the judge of a large city judges two million
messages between two checkpoints."""
_READ_BYTES: Final = 16 * 1024 * 1024
"""Payload bytes in one answer, or one larger message: two thousand payloads of a megabyte fit into no process."""


@dataclass(frozen=True, slots=True)
class Removed:
    """Records that were removed before every consumer had read them, since the log began."""

    through: int = 0
    """Offset of the last one."""
    unread: Mapping[str, int] = field(default_factory=dict)
    """Consumer → how many of them it had not committed as read."""
    at: int | None = None
    """Time of the last removal, ms since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class LogStat:
    """Figures of the log, for people (`haulwatch log stat`)."""

    first_offset: int
    last_offset: int
    segments: int
    size_bytes: int
    """On disk, including write-ahead logs."""
    committed: Mapping[str, int]
    removed: Removed


class RawLog(OnePartition):
    """A handle on the log. For one thread at a time: give each writer and each reader its own.

    Every method raises RawLogFull while the disk cannot be read or written, and works again when it can.
    """

    partition: Final = ONLY_PARTITION

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

        Where the newest segment is damaged a new one is begun. Topics are text without lone surrogates. Raises
        RawLogFull (nothing of the batch is in the log), RawLogCorrupt.
        """
        damaged = False
        while True:
            try:
                last = self._append_to_tail(messages)
            except RawLogCorrupt as exc:
                self._drop_tail()
                if damaged:
                    raise
                damaged = True
                self._begin_after(exc)
                continue
            except RawLogError:
                was_removed = self._tail is not None and not self._tail.path.exists()
                self._drop_tail()
                if not was_removed:
                    raise
                continue  # trimmed meanwhile: there is a newer one
            if last is not None:
                return last
            self._drop_tail()

    def _begin_after(self, damage: RawLogCorrupt) -> None:
        """Begin a segment after a damaged one, whose end is unknown: beyond all offsets that it may have given out."""
        newest = self._firsts()[-1]
        if damage.path != segment_path(self._directory, newest):
            return  # another process was faster
        first = max(newest, *self.committed().values(), 0) + _MAX_UNCOMMITTED + 1
        Segment.create(self._directory, first)
        _log.error(
            "raw log: the newest segment is damaged, going on at offset %d in a new one: %s; what can be read of it is"
            " read, `haulwatch log verify` names what cannot",
            first,
            damage,
        )

    def _append_to_tail(self, messages: Sequence[RawMessage]) -> int | None:
        """Return the last offset, or None if the open tail is not the newest segment any more."""
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
        """At most `limit` records with offsets after `after`, in order; from the oldest kept if that one was trimmed.

        Fewer where payloads are large; none only at the end of the log. Reading on from the last record of the answer
        before costs one look-up, so a reader may poll many times a second.
        Raises RawLogCorrupt if the very next record is damaged; the whole ones before it are returned first.
        """
        records: list[LogRecord] = []
        room_bytes = _READ_BYTES
        try:
            while len(records) < limit and room_bytes > 0 and (segment := self._segment_after(after)) is not None:
                after = max(after, segment.first - 1)
                batch = segment.read(after, limit - len(records), room_bytes)
                if not batch and (following := self._following(segment.first)):
                    # Nothing is added to a segment that has a successor, so a second read is final.
                    batch = segment.read(after, limit - len(records), room_bytes)
                    after = after if batch else following - 1
                elif not batch:
                    break
                records += batch
                self._read_to = after = batch[-1].offset if batch else after
                if len(records) < limit:
                    room_bytes -= sum([len(record.message.payload) for record in batch])
        except RawLogError as exc:
            was_removed = self._reading is not None and not self._reading.path.exists()
            if was_removed:  # while it was read
                self._drop_reading()
                return records or self.read(after, limit)
            try:
                if not records:
                    if isinstance(exc, RawLogCorrupt):
                        raise self._whole_damage(exc) from exc
                    raise
            finally:
                self._drop_reading()
        return records

    def _whole_damage(self, damage: RawLogCorrupt) -> RawLogCorrupt:
        """The damage with all the records that are lost with its first. Raises RawLogError if its end is unknown."""
        last = self.last_offset()  # raises if the newest segment is damaged: a reader that skips would never stop
        if self._reading is None:
            return damage
        end = self._following(self._reading.first) or last + 1
        after = self._reading.next_whole(damage.offset, max(end, damage.offset + 1))
        return RawLogCorrupt(damage.path, damage.offset, damage.detail, after - 1)

    def _segment_after(self, after: int) -> Segment | None:
        """Open the segment that holds, or will hold, the record after `after`."""
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
        """First offset of the segment after the one that begins at `first`."""
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
                f"{newest.path} is damaged and its end is unknown: restore the file, or move it elsewhere: then the "
                "log goes on after the offsets that were read"
            ) from exc
        finally:
            newest.close()

    def unread(self, positions: Mapping[int, int]) -> int:
        return max(self.last_offset() - max(positions.get(self.partition, 0), self.first_offset() - 1), 0)

    def newest_of(self, topic: str, until: int) -> int | None:
        """Offset of the last record of a topic up to an offset; None if the log keeps none.

        Looks through one segment after the other, a tenth of a second each. Raises RawLogCorrupt with the first offset
        of a segment that cannot be looked through.
        """
        for first in reversed(self._firsts()):
            if first > until:
                continue
            try:
                with closing(Segment(segment_path(self._directory, first))) as segment:
                    found = segment.newest_of(topic, until)
            except RawLogError:
                if segment_path(self._directory, first).exists():
                    raise
                return None  # trimmed meanwhile, and all before it
            if found is not None:
                return found
        return None

    def commit(self, consumer: str, offset: int) -> None:
        """Note that a consumer has read up to `offset`, for retention and lag; the consumer keeps its exact offset."""
        path = self._directory / f"{consumer}{_CONSUMER_SUFFIX}"
        with _disk(path):
            write_note(path, str(offset))

    def committed(self) -> dict[str, int]:
        """Consumer → the last offset that it committed."""
        with _disk(self._directory):
            files = sorted(self._directory.glob(f"*{_CONSUMER_SUFFIX}"))
            return {file.name.removesuffix(_CONSUMER_SUFFIX): _committed_offset(read_note(file)) for file in files}

    def trim(self, keep_bytes: int, keep_since: int = 0, at_most: int | None = None) -> int:
        """Remove the oldest segments that every consumer has read, and return how many: not more than `at_most`.

        One after the other, while the log is over `keep_bytes` or all of the oldest segment was received before
        `keep_since` (ms since 1970 UTC). Never the newest segment, and none before a consumer has committed.
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
            return False  # the age of a damaged segment is unknown
        return newest is None or newest < instant

    def remove_oldest(self, consumers: Collection[str], now: int) -> bool:
        """Remove the oldest segment, read or not; False if only the newest is left, which stays.

        The records that a consumer has not committed as read are counted first, durably: see `removed`. `now`: ms.
        """
        firsts = self._firsts()
        if len(firsts) < 2:
            return False
        first, last = firsts[0], firsts[1] - 1
        before, committed = self.removed(), self.committed()
        unread = dict(before.unread)
        for name in consumers:
            # An interrupted removal starts again: records that it has counted are not counted twice.
            unread[name] = unread.get(name, 0) + max(0, last - max(committed.get(name, 0), before.through, first - 1))
        if unread != before.unread:
            with _disk(self._directory):
                text = json.dumps(asdict(Removed(last, unread, now)))
                write_note(self._directory / _REMOVED_FILE, text, durable=True)
        self._remove(first)
        return True

    def removed(self) -> Removed:
        """Records that `remove_oldest` removed before they were read, since the log began."""
        try:
            text = read_note(self._directory / _REMOVED_FILE)
            return Removed() if text is None else Removed(**json.loads(text))
        except (OSError, ValueError, TypeError) as exc:
            _log.error(
                "raw log: the count of records removed unread cannot be read: %s: %s",
                self._directory / _REMOVED_FILE,
                exc,
            )
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
        with _disk(self._directory):
            prepare_note(self._directory / _REMOVED_FILE)
        firsts = self._firsts()
        committed, end = max(self.committed().values(), default=0), 0
        if firsts:
            with ExitStack() as unless_returned:
                newest = unless_returned.enter_context(closing(Segment(segment_path(self._directory, firsts[-1]))))
                end = newest.last()
                if end >= committed:
                    unless_returned.pop_all()
                    return newest
        # The log is new, or someone took a damaged newest segment away. Its offsets are not assigned again: a consumer
        # that has read them would skip new messages under the same offsets.
        first = committed + _MAX_UNCOMMITTED + 1 if committed else 1
        if committed:
            _log.error(
                "raw log: ends at offset %d, but %d was read: a segment was taken away, going on at offset %d",
                end,
                committed,
                first,
            )
        Segment.create(self._directory, first)
        return Segment(segment_path(self._directory, first))

    def _firsts(self) -> list[int]:
        with _disk(self._directory):
            names = [path.name for path in self._directory.iterdir()]
        return sorted(int(name.removesuffix(SUFFIX)) for name in names if name.endswith(SUFFIX))

    def size_bytes(self) -> int:
        """On disk, including write-ahead logs."""
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


def _committed_offset(text: str | None) -> int:
    """Read a consumer's note. It is not synced to the disk: one that a power cut has spoiled counts as nothing read."""
    return int(text) if text is not None and text.isdigit() else 0


def _files(segment: Path) -> tuple[Path, ...]:
    return (segment, Path(f"{segment}-wal"), Path(f"{segment}-shm"))


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise RawLogFull(f"{path}: {disk_error_text(exc)}") from exc
