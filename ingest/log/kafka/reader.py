"""Reads all partitions of the topic as one log, in the order of receive time.

    offset of a record here = how many records of all partitions were read with it (the sum of their next offsets)

So the end of the log is the sum of the ends of its partitions, and a lag is a difference. The order holds within a
partition always, and between partitions as far as what is not yet appended allows: the record with the lowest receive
time is next, once every partition either has one waiting or is read to its end. Offsets of one reader never go back;
where a reader is in each partition (`positions`) is what it keeps for the next start.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, Final, NamedTuple

from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.connection import (
    ANSWER_S,
    KafkaConnection,
    error_text,
    library,
    translated,
)
from ingest.log.kafka.record_format import message_of
from ingest.log.kafka.writer import check_partitions
from ingest.log.records import LogRecord, RawMessage, parts_of_place, place_in

_TAKEN_AT_ONCE: Final = 2_000
_MANY: Final = 4_000
"""Records of one partition that wait for others; then it is paused until a quarter is left."""
_WAIT_S: Final = 0.1
_RECENT_READS: Final = 1_000
"""Reads whose beginning is known: batches that are read and not yet written, and where a checkpoint began that is
written while the judge goes on."""

_log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    """A record that was fetched; `next` is the offset after it in its partition."""

    next: int
    message: RawMessage


class KafkaReader:
    """One position in all partitions. For one thread at a time."""

    def __init__(
        self, connection: KafkaConnection, group: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`group` notes progress; this reader is its only member, with every partition assigned by hand."""
        self._connection, self._group, self._monotonic = connection, group, monotonic
        self._kafka = library()
        self._consumer: Any = None
        self._in_step = False
        """Whether what the consumer gives next follows what this reader holds: not before it is assigned, nor after an
        answer that failed in the middle."""
        self._paused: set[int] = set()
        self._misfit: RawLogMisfit | None = None
        self._trouble = ""
        """What the client said last of the connection; empty once the cluster has answered."""
        self._count = connection.partitions
        start = tuple([0] * self._count)
        self._known: deque[tuple[int, tuple[int, ...]]] = deque([(0, start)], maxlen=_RECENT_READS)
        """Offsets here and the positions there: of the start, and of the last reads."""
        self._last: list[tuple[LogRecord, int, int]] = []
        """The last answer: record, partition, offset after it in the partition."""
        self._base = start
        """Positions before the last answer."""
        self._heads: list[tuple[int, int]] = []
        """Receive time and partition of the first record that waits in each partition that has one."""
        self._behind: set[int] = set()
        """Partitions of which none waits and which are not read to their end, as far as is known."""
        self._reset(start)

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer, self._in_step = None, False
            self._paused.clear()

    def begin_at(self, positions: Mapping[int, int]) -> int:
        """Let the next read after the offset that is returned begin at these positions."""
        at = tuple(positions.get(partition, 0) for partition in range(self._count))
        self._known.append((sum(at), at))
        self._in_step = False
        return sum(at)

    def positions(self, offset: int) -> Mapping[int, int] | None:
        """Next offset by partition, after the record with this offset; None if this reader does not know it."""
        at = self._positions(offset)
        return None if at is None else dict(enumerate(at))

    def before(self, place: int) -> int:
        """The last known offset before the record at this place."""
        partition, its = parts_of_place(place)
        return max((offset for offset, at in self._known if at[partition] < its), default=0)

    def read(self, after: int, limit: int) -> list[LogRecord]:
        """At most `limit` records after an offset that this reader knows; none only at the end of every partition.

        Raises RawLogUnavailable, RawLogMisfit; the next call fetches anew what this one has taken. After RawLogMisfit
        no call reads any more: the topic grows, and what stands before these positions would be passed.
        """
        if self._misfit is not None:
            raise self._misfit
        with translated(self._connection):
            self._go_to(after)
            self._in_step = False  # while an error may leave a part of what was fetched unread
            self._base = tuple(self._next)
            if self._known[-1][0] != after:
                self._known.append((after, self._base))
            self._last = []
            records, deadline = self._merge(limit), self._monotonic() + ANSWER_S
            while not records and (self._behind or self._heads):
                if self._take(_WAIT_S):
                    deadline = self._monotonic() + ANSWER_S
                elif self._monotonic() > deadline:
                    raise RawLogUnavailable(
                        f"Kafka at {self._connection.servers}: partition {min(self._behind)} of "
                        f"{self._connection.topic} gives no answer"
                    )
                records = self._merge(limit)
            if not records:
                self._take(0)  # what has come since; the caller asks again soon
                records = self._merge(limit)
            if not records and self._trouble:
                check_partitions(self._connection, self._consumer)  # raises while nothing answers
                self._trouble = ""
        self._last, self._in_step = records, True
        return [record for record, _, _ in records]

    def _positions(self, offset: int) -> tuple[int, ...] | None:
        if offset == 0:
            return (0,) * self._count  # the start, however many reads ago
        for known, at in reversed(self._known):
            if known == offset:
                return at
        passed = list(self._base)
        for record, partition, its in self._last:
            passed[partition] = its
            if record.offset == offset:
                return tuple(passed)
        return None

    def _go_to(self, after: int) -> None:
        """Stand after this offset: where the reader is, inside its last answer, or where it was told to begin."""
        if self._in_step and after == self._sum:
            return
        if self._in_step and any(record.offset == after for record, _, _ in self._last):
            self._go_back(after)
            return
        at = self._positions(after)
        if at is None:
            raise RawLogMisfit(
                f"offset {after:,} of {self._connection.topic} is not one that this reader has passed: a log on Kafka "
                "is read from its start, or from where its reader was"
            )
        self._reset(at)
        self._assign(self._next)

    def _go_back(self, after: int) -> None:
        """Let what follows this record in the last answer wait again. The recorder takes a part where a city begins."""
        passed = list(self._base)
        for record, partition, its in self._last:
            if record.offset <= after:
                passed[partition] = its
        for record, partition, its in reversed(self._last):
            if record.offset > after:
                self._waiting[partition].appendleft(_Waiting(its, record.message))
                self._behind.discard(partition)
        self._next, self._sum = passed, after
        self._heads = [(waiting[0].message.received_at, one) for one, waiting in enumerate(self._waiting) if waiting]
        heapify(self._heads)

    def _reset(self, at: tuple[int, ...]) -> None:
        self._next = list(at)
        self._sum = sum(at)
        self._fetched = list(at)
        self._waiting: list[deque[_Waiting]] = [deque() for _ in range(self._count)]
        self._heads = []
        self._behind = set(range(self._count))
        self._trouble = ""

    def _resume(self, partitions: Sequence[int]) -> None:
        self._paused.difference_update(partitions)
        self._consumer.resume([self._kafka.TopicPartition(self._connection.topic, one) for one in partitions])

    def _assign(self, at: Sequence[int]) -> None:
        if self._consumer is None:
            consumer = self._open()
            check_partitions(self._connection, consumer)
            self._consumer = consumer
        if self._paused:
            self._resume(list(self._paused))
        topic = self._connection.topic
        self._consumer.assign(
            [self._kafka.TopicPartition(topic, partition, offset) for partition, offset in enumerate(at)]
        )

    def _open(self) -> Any:
        return self._kafka.Consumer(
            self._connection.reading(
                self._group,
                enable_auto_offset_store=False,
                auto_offset_reset="error",
                enable_partition_eof=True,
                fetch_wait_max_ms=100,
                fetch_message_max_bytes=1 << 20,
                queued_max_messages_kbytes=32 << 10,
                error_cb=self._note_trouble,
            )
        )

    def _note_trouble(self, error: Any) -> None:
        self._trouble = error_text(error)

    def _merge(self, limit: int) -> list[tuple[LogRecord, int, int]]:
        """The records that are next, while it is certain that they are."""
        merged: list[tuple[LogRecord, int, int]] = []
        heads = self._heads
        while heads and not self._behind and len(merged) < limit:
            _, partition = heappop(heads)
            waiting = self._waiting[partition]
            its, message = waiting.popleft()
            self._sum += its - self._next[partition]
            self._next[partition] = its
            merged.append((LogRecord(self._sum, message, place_in(partition, its)), partition, its))
            if waiting:
                heappush(heads, (waiting[0].message.received_at, partition))
            elif not self._is_at_end(partition):
                self._behind.add(partition)
            if partition in self._paused and len(waiting) < _MANY // 4:
                self._resume([partition])
        return merged

    def _is_at_end(self, partition: int) -> bool:
        """As of the last answer of the broker; asks nothing."""
        there = self._kafka.TopicPartition(self._connection.topic, partition)
        _, high = self._consumer.get_watermark_offsets(there, cached=True)
        return bool(0 <= high <= self._fetched[partition])

    def _take(self, wait_s: float) -> bool:
        """Take what was fetched, or wait for a first message. Returns whether anything came."""
        messages = self._consumer.consume(_TAKEN_AT_ONCE, 0)
        if not messages and wait_s:
            first = self._consumer.poll(wait_s)
            messages = [] if first is None else [first, *self._consumer.consume(_TAKEN_AT_ONCE, 0)]
        for message in messages:
            self._sort_in(message)
        return bool(messages)

    def _sort_in(self, message: Any) -> None:
        if (error := message.error()) is not None:
            self._take_error(error, message.partition())
            return
        partition, its = message.partition(), message.offset() + 1
        if its <= self._fetched[partition]:
            return  # fetched before a pause, and again after it
        self._fetched[partition] = its
        _, received_at = message.timestamp()
        try:
            found = message_of(message.headers() or (), message.value() or b"", received_at)
        except ValueError as exc:
            # Its payload is quarantined as that of a topic which no codec reads; nothing is dropped in silence.
            _log.error("raw log: record %d of partition %d is none of ours: %s", its - 1, partition, exc)
            found = RawMessage(f"$kafka/{partition}/{its - 1}", message.value() or b"", received_at)
        waiting = self._waiting[partition]
        waiting.append(_Waiting(its, found))
        if len(waiting) == 1:
            heappush(self._heads, (found.received_at, partition))
            self._behind.discard(partition)
        elif len(waiting) >= _MANY and partition not in self._paused:
            self._paused.add(partition)
            self._consumer.pause([self._kafka.TopicPartition(self._connection.topic, partition)])

    def _take_error(self, error: Any, partition: int) -> None:
        codes = self._kafka.KafkaError
        if error.code() == codes._PARTITION_EOF:
            self._behind.discard(partition)
        elif error.code() in {codes._AUTO_OFFSET_RESET, codes.OFFSET_OUT_OF_RANGE}:
            self._leap(partition)
        else:
            raise self._kafka.KafkaException(error)

    def _leap(self, partition: int) -> None:
        """Go on at the oldest record that Kafka keeps: those before it were removed by age, read or not."""
        there = self._kafka.TopicPartition(self._connection.topic, partition)
        low, high = self._consumer.get_watermark_offsets(there, timeout=ANSWER_S)
        at = self._fetched[partition]
        if at > high:
            self._misfit = RawLogMisfit(
                f"partition {partition} of {self._connection.topic} ends at {high:,} and was read to {at:,}: the topic "
                "was made anew; begin with another HAULWATCH_KAFKA_PREFIX and an empty data directory"
            )
            raise self._misfit
        if low > at > 0:
            _log.error(
                "raw log: records %d to %d of partition %d are gone from Kafka: it removes by age, read or not; let "
                "HAULWATCH_RAW_LOG_KEEP_DAYS be longer than any standstill",
                *(at, low - 1, partition),
            )
        self._fetched[partition] = max(low, at)
        self._assign(self._fetched)  # this partition has stopped, and takes no seek
