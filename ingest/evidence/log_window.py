"""Reads the stretch of the raw log that an alert came of: by time, forwards, within bounds, past what is damaged."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final, NamedTuple, Protocol, runtime_checkable

from devices.city.columns import unpack_city
from devices.readings.instants import MINUTE_MS
from ingest.evidence.raw_messages import is_passed
from ingest.log.ports import LogReader
from ingest.log.raw_log import RawLogCorrupt
from ingest.log.records import CITY_TOPIC, COPY_TOPIC, REVISION_TOPICS, TICK_TOPIC, LogRecord

MAX_SCANNED: Final = 5_000_000
"""Records read for one attempt, a minute: where a day has more, it begins later, but an hour before the incident."""
_MOST_SCANNED: Final = 4 * MAX_SCANNED
"""Of an incident that goes on for long."""
_CHUNK: Final = 5_000
_LOOKED_BACK: Final = 100
"""Stretches in which a revision is looked for, of a log that is read from times on: half a minute."""


class SegmentLog(LogReader, Protocol):
    """The part of a raw log on disk that is needed: any offset is read."""

    def first_offset(self) -> int: ...
    def newest_of(self, topic: str, until: int) -> int | None: ...
    def close(self) -> None: ...


@runtime_checkable
class TimedLog(LogReader, Protocol):
    """A raw log that is read from times on (`ingest.log.kafka.timed_log`): these and what follows them are offsets."""

    def offset_at(self, received_at: int) -> int: ...
    def last_before(
        self, offset: int, wants: Callable[[LogRecord], bool], goes_on: Callable[[], None]
    ) -> LogRecord | None: ...
    def close(self) -> None: ...


ReadableLog = SegmentLog | TimedLog


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


def is_of_pack(record: LogRecord, wants: Callable[[LogRecord], bool]) -> bool:
    """Whether a pack holds a record, `wants` among those of devices. Of the others it may keep that time went on."""
    topic = record.message.topic
    if topic == TICK_TOPIC:
        return not is_passed(record)
    if topic in REVISION_TOPICS:
        return is_readable(record)
    return topic != COPY_TOPIC and wants(record)


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
        """The offset after which messages were received at this time or later."""
        return self._log.offset_at(received_at) if isinstance(self._log, TimedLog) else _halved(self._log, received_at)

    def start(self, wanted_at: int, latest_at: int, end_at: int) -> int:
        """The offset of the first time; of a later one, where more than MAX_SCANNED records lie before the last time,
        but of the second one at the latest. Times are receive times, ms.
        """
        wanted, latest = self.offset_at(wanted_at), self.offset_at(latest_at)
        least = self.offset_at(end_at) - MAX_SCANNED
        if not isinstance(self._log, TimedLog):
            return max(wanted, min(least, latest))
        while wanted < least and latest_at - wanted_at > MINUTE_MS:
            middle_at = (wanted_at + latest_at) // 2
            if (middle := self.offset_at(middle_at)) < least:
                wanted_at = middle_at
            else:
                latest_at, latest = middle_at, middle
        return wanted if wanted >= least else latest

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
            found = (
                self._last_before(self._log, topic, start)
                if isinstance(self._log, TimedLog)
                else self._look_back(self._log, topic, start, newest)
            )
            self._found[topic, start] = found
        return self._found[topic, start]

    def _last_before(self, log: TimedLog, topic: str, start: int) -> Revision | None:
        looked = count()

        def goes_on() -> None:
            self._check_time()
            if next(looked) >= _LOOKED_BACK:
                raise OutOfTime

        found = log.last_before(start, lambda one: one.message.topic == topic and is_readable(one), goes_on)
        return None if found is None else Revision(found, past_damage=False)

    def _look_back(self, log: SegmentLog, topic: str, start: int, newest: int | None) -> Revision | None:
        damaged = False
        if newest is not None and 0 < newest <= start:
            noted, _ = self._revisions(topic, newest - 1, newest)
            if noted:
                return Revision(noted[-1], damaged)
        end = start
        while end > 0:
            self._check_time()
            try:
                at = log.newest_of(topic, end)
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


def _halved(log: SegmentLog, received_at: int) -> int:
    low, high = log.first_offset() - 1, log.last_offset()
    while low < high:
        middle = (low + high) // 2
        try:
            found = log.read(middle, 1)
        except RawLogCorrupt as exc:
            low = min(high, max(exc.through, middle + 1))
            continue
        if not found or found[0].message.received_at >= received_at:
            high = middle
        else:
            low = max(middle + 1, found[0].offset)
    return low
