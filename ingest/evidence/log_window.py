"""Reads the stretch of the raw log that an alert came of: by time, forwards, within bounds, past what is damaged."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from devices.city.columns import unpack_city
from ingest.log.ports import LogReader
from ingest.log.raw_log import RawLogCorrupt
from ingest.log.records import CITY_TOPIC, LogRecord

MAX_SCANNED: Final = 5_000_000
"""Records read for one attempt, a minute: where a day has more, it begins later, but an hour before the incident."""
_MOST_SCANNED: Final = 4 * MAX_SCANNED
"""Of an incident that goes on for long."""
_CHUNK: Final = 5_000


class ReadableLog(LogReader, Protocol):
    """The part of the raw log that is needed."""

    def first_offset(self) -> int: ...

    def newest_of(self, topic: str, until: int) -> int | None: ...


class OutOfTime(Exception):
    """Reading on would take longer than whoever asks waits."""


class Revision(NamedTuple):
    """The revision that held at a place of the log."""

    record: LogRecord
    past_damage: bool
    """Records between it and that place cannot be read: another revision may have been among them."""


def is_readable(record: LogRecord) -> bool:
    """False of a revision of the city that cannot be read: judgement passes over it."""
    if record.message.topic == CITY_TOPIC:
        try:
            unpack_city(record.message.payload)
        except ValueError:
            return False
    return True


class LogWindow:
    """For one thread."""

    def __init__(self, log: ReadableLog, until: int, in_time: Callable[[], bool]) -> None:
        """`until`: receive time, ms, beyond which nothing is read. Where `in_time` is False, OutOfTime is raised."""
        self._log, self._until, self._in_time = log, until, in_time
        self._found: dict[tuple[str, int], Revision | None] = {}

    def records(self, after: int, damaged: list[tuple[int, int]]) -> Iterator[LogRecord]:
        """Records after an offset; what cannot be read is noted in `damaged`, first and last offset.

        Raises OutOfTime.
        """
        read = 0
        while read < _MOST_SCANNED:
            self._check_time()
            try:
                records = self._log.read(after, _CHUNK)
            except RawLogCorrupt as exc:
                damaged.append((exc.offset, exc.through))
                after = exc.through
                continue
            if not records:
                return
            for record in records:
                if record.message.received_at > self._until:
                    return
                yield record
            read, after = read + len(records), records[-1].offset

    def offset_at(self, received_at: int) -> int:
        """The offset after which messages were received at this time or later, found by halving."""
        low, high = self._log.first_offset() - 1, self._log.last_offset()
        while low < high:
            middle = (low + high) // 2
            try:
                found = self._log.read(middle, 1)
            except RawLogCorrupt as exc:
                low = min(high, max(exc.through, middle + 1))
                continue
            if not found or found[0].message.received_at >= received_at:
                high = middle
            else:
                low = max(middle + 1, found[0].offset)
        return low

    def begins_at(self) -> int | None:
        """Receive time of the oldest record; None if there is none, or it cannot be read."""
        try:
            oldest = self._log.read(0, 1)
        except RawLogCorrupt:
            return None
        return oldest[0].message.received_at if oldest else None

    def revision_before(self, topic: str, start: int, newest: int | None) -> Revision | None:
        """The last revision up to an offset; None if the log keeps none. `newest`: where the log has its last one.

        Raises OutOfTime.
        """
        if (topic, start) not in self._found:
            self._found[topic, start] = self._look_back(topic, start, newest)
        return self._found[topic, start]

    def _look_back(self, topic: str, start: int, newest: int | None) -> Revision | None:
        damaged = False
        if newest is not None and 0 < newest <= start:
            noted, _ = self._revisions(topic, newest - 1, newest)
            if noted:
                return Revision(noted[-1], damaged)
        end = start
        while end > 0:
            self._check_time()
            try:
                at = self._log.newest_of(topic, end)
                if at is None:
                    return None
                end, begin = at, at - 1
            except RawLogCorrupt as exc:  # that segment is read record by record
                begin = max(min(exc.offset, end) - 1, end - _CHUNK)
            found, spoiled = self._revisions(topic, begin, end)
            damaged |= spoiled
            if found:
                return Revision(found[-1], damaged)
            end = begin
        return None

    def _check_time(self) -> None:
        if not self._in_time():
            raise OutOfTime

    def _revisions(self, topic: str, after: int, last: int) -> tuple[list[LogRecord], bool]:
        """Those of a stretch, and whether some of it cannot be read."""
        found: list[LogRecord] = []
        damaged = False
        while after < last:
            try:
                records = self._log.read(after, last - after)
            except RawLogCorrupt as exc:
                after, damaged = exc.through, True
                continue
            if not records:
                break
            found += [one for one in records if one.offset <= last and one.message.topic == topic and is_readable(one)]
            after = records[-1].offset
        return found, damaged
