"""Copies the raw log on Kafka to disk, and finds where each reader goes on there.

One log on disk has one order, and each reader has read it up to one offset. So the records that all readers have read
come first, then those that some have read, then the rest; within each part in the order in which Kafka is read.
A revision, which stands in every partition, is written once, and so is a weighing.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from typing import Final, Protocol

from ingest.log.kafka.record_format import SAYS_NO_SILENCE
from ingest.log.ports import LogWriter
from ingest.log.records import (
    COPY_TOPIC,
    ONLY_PARTITION,
    REVISION_TOPICS,
    TICK_TOPIC,
    LogRecord,
    RawMessage,
    parts_of_place,
)
from ingest.migration.plan import MigrationRefused, Move
from ingest.migration.states import ReaderState
from ingest.migration.to_kafka import Copied, Show, digest_of

_PAGE: Final = 5_000
_Vector = tuple[int, ...]


class Ends(Protocol):
    """The first and the next offset of each partition."""

    def starts(self) -> dict[int, int]: ...
    def ends(self) -> dict[int, int]: ...


class SourceLog(Protocol):
    """The part of a log of several partitions that is read; from the positions of one `resume` only."""

    def read(self, after: int, limit: int) -> list[LogRecord]: ...
    def resume(self, positions: Mapping[int, int]) -> int: ...
    def close(self) -> None: ...


def copy_to_disk(
    open_log: Callable[[], SourceLog], figures: Ends, target: LogWriter, states: Sequence[ReaderState], show: Show
) -> Copied:
    """Copy every record that Kafka keeps into an empty log. Raises RawLogError, MigrationRefused."""
    starts, ends = _vector(figures.starts()), _vector(figures.ends())
    read_to = {state.reader: _at_least(_read_to(state, len(ends)), starts) for state in states}
    for reader, at in read_to.items():
        if any(here > end for here, end in zip(at, ends, strict=True)):
            raise MigrationRefused(f"the {reader} has read further than the topic goes: it was made anew")
    wanted = {place for state in states for place in state.places()}
    copy = _Copy(open_log, target, wanted, show, sum(ends) - sum(starts))
    at_offset: dict[_Vector, int] = {starts: 0}
    below = starts
    for bound in _in_order({*read_to.values(), ends}):
        copy.part(below, bound)
        at_offset[bound] = copy.copied.records
        below = bound
    for state in states:
        found = {place: copy.places[place] for place in state.places() if place in copy.places}
        position = {ONLY_PARTITION: at_offset[read_to[state.reader]]}
        copy.copied.moves[state.reader] = Move(positions=position, places=found)
    return copy.copied


class _Copy:
    """What was copied so far."""

    def __init__(
        self, open_log: Callable[[], SourceLog], target: LogWriter, wanted: set[int], show: Show, total: int
    ) -> None:
        self._open_log, self._target, self._wanted = open_log, target, wanted
        self._show, self._total = show, total
        self._revisions: set[tuple[str, int, str]] = set()
        self._passed = 0
        self.copied = Copied()
        self.places: dict[int, int] = {}

    def part(self, below: _Vector, bound: _Vector) -> None:
        """Copy what lies after `below` and not after `bound`, by partition."""
        passed = list(below)
        with closing(self._open_log()) as log:
            after = log.resume(dict(enumerate(below)))
            while any(at < end for at, end in zip(passed, bound, strict=True)):
                records = log.read(after, _PAGE)
                if not records:
                    raise MigrationRefused("the topic ends before its end: another process removes records; stop it")
                after = records[-1].offset
                self._take([record for record in records if self._is_next(record, passed, bound)])
                self._show("copying", self._passed, self._total)

    def _is_next(self, record: LogRecord, passed: list[int], bound: _Vector) -> bool:
        partition, its = parts_of_place(record.place)
        if its > bound[partition]:
            return False
        if its != passed[partition] + 1:
            raise MigrationRefused(
                f"partition {partition} has no record {passed[partition] + 1:,}: Kafka removed some meanwhile by age; "
                "begin again"
            )
        passed[partition] = its
        self._passed += 1
        return True

    def _take(self, records: Sequence[LogRecord]) -> None:
        messages: list[RawMessage] = []
        for record in records:
            message = record.message
            if message.topic == COPY_TOPIC or (message.topic == TICK_TOPIC and message.payload == SAYS_NO_SILENCE):
                continue  # it stands in another partition, or lets time pass in one that is idle
            if message.topic in REVISION_TOPICS:
                digest = digest_of(message.payload)
                key = (message.topic, message.received_at, digest)
                if key in self._revisions:
                    continue
                self._revisions.add(key)
                self.copied.revisions[message.topic] = (digest, self.copied.records + len(messages) + 1)
            messages.append(message)
            if record.place in self._wanted:
                self.places[record.place] = self.copied.records + len(messages)
        if messages:
            last = self._target.append(messages)
            self.copied.records += len(messages)
            if last != self.copied.records:
                raise MigrationRefused(f"the new log has {last:,} records and not {self.copied.records:,}: begin again")


def _read_to(state: ReaderState, partitions: int) -> _Vector:
    positions = state.positions()
    if any(positions.values()) and len(positions) != partitions:
        raise MigrationRefused(
            f"the {state.reader} has read a log of {len(positions)} partitions, and the topic has {partitions}: set "
            "HAULWATCH_KAFKA_URL, _PREFIX and _PARTITIONS as they were"
        )
    return tuple(positions.get(partition, 0) for partition in range(partitions))


def _in_order(bounds: set[_Vector]) -> list[_Vector]:
    """From the reader that is least far to the end. Raises MigrationRefused if no order fits two readers."""
    ordered = sorted(bounds, key=sum)
    for one, other in pairwise(ordered):
        if any(here > there for here, there in zip(one, other, strict=True)):
            raise MigrationRefused(
                "recorder and judge have each read what the other has not: stop the collector, run both until "
                "`haulwatch kafka status` shows 0 unread, and then migrate"
            )
    return ordered


def _at_least(at: _Vector, starts: _Vector) -> _Vector:
    return tuple(map(max, at, starts))


def _vector(by_partition: Mapping[int, int]) -> _Vector:
    return tuple(by_partition[partition] for partition in range(len(by_partition)))
