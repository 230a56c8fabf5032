"""The raw log on Kafka, read from any time on: Kafka's own index finds the first record of each partition.

    offset of a record here = how many records stand before it or are it, in the order of receive time

Where receive times of a partition step back, offsets of readings that began at different times differ by as much. The
place of a record (`LogRecord.place`) is its own for good.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.connection import ANSWER_S, KafkaConnection, library, translated
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.reader import KafkaReader
from ingest.log.kafka.record_format import message_of
from ingest.log.records import COPY_TOPIC, ONLY_PARTITION, REVISION_TOPICS, LogRecord, RawMessage, place_in

_LOOKED_AT_ONCE: Final = 20_000
_TAKEN_AT_ONCE: Final = 2_000
_WAIT_S: Final = 0.05


class TimedLog:
    """A log that is read from times on. For one thread at a time. Methods raise RawLogUnavailable, RawLogMisfit."""

    partition: int = ONLY_PARTITION

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._kafka = library()
        self._reader = KafkaReader(connection, connection.group("reader"))
        self._figures = KafkaFigures(connection)
        self._consumer: Any = None
        self._found: dict[int, Mapping[int, int]] = {}
        """Positions of the offsets that `offset_at` gave."""
        self._after: int | None = None
        """The last offset that was read."""
        self._given: dict[str, bytes] = {}
        """The last revisions among what was read since then without a leap, by topic."""

    def read(self, after: int, limit: int) -> list[LogRecord]:
        """At most `limit` records after an offset that `offset_at` or this gave, or from the start, after 0.

        A revision stands in every partition; the first one is given, and an empty record in place of the others.
        """
        if after != self._after:
            self._given = {}
            if (positions := self._found.get(after)) is not None:
                self._reader.begin_at(positions)
        records = self._reader.read(after, limit)
        self._after = records[-1].offset if records else after
        return [self._given_once(record) for record in records]

    def offset_at(self, received_at: int) -> int:
        """The offset after which messages were received at this time or later, ms."""
        positions = self._positions_at(received_at)
        offset = sum(positions.values())
        self._found[offset] = positions
        return offset

    def last_before(
        self, offset: int, wants: Callable[[LogRecord], bool], goes_on: Callable[[], None]
    ) -> LogRecord | None:
        """The last revision that is wanted up to an offset that `offset_at` gave; None if the log keeps none.

        It stands in every partition, so the one that has fewest records is read backwards. `goes_on` is called before
        each stretch of it, and may raise.
        """
        starts, ends = self._figures.starts(), self._found[offset]
        partition = min(starts, key=lambda one: ends[one] - starts[one])
        end = ends[partition]
        while end > starts[partition]:
            goes_on()
            begin = max(end - _LOOKED_AT_ONCE, starts[partition])
            found = [one for one in self._revisions(partition, begin, end) if wants(one)]
            if found:
                return self._in_order(found[-1], partition, offset)
            end = begin
        return None

    def first_offset(self) -> int:
        return self._figures.first_offset()

    def last_offset(self) -> int:
        return self._figures.last_offset()

    def unread(self, positions: Mapping[int, int]) -> int:
        return self._figures.unread(positions)

    def close(self) -> None:
        self._reader.close()
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _given_once(self, record: LogRecord) -> LogRecord:
        message = record.message
        if message.topic not in REVISION_TOPICS:
            return record
        if self._given.get(message.topic) == message.payload:
            return LogRecord(record.offset, RawMessage(COPY_TOPIC, b"", message.received_at), record.place)
        self._given[message.topic] = message.payload
        return record

    def _in_order(self, record: LogRecord, partition: int, until: int) -> LogRecord:
        """The record with its offset here, `until` at most; its own is that of its partition."""
        before = self._positions_at(record.message.received_at)
        offset = sum(its for one, its in before.items() if one != partition) + record.offset
        return LogRecord(min(offset, until), record.message, record.place)

    def _positions_at(self, received_at: int) -> dict[int, int]:
        topic, ends = self._connection.topic, self._figures.ends()
        with translated(self._connection):
            asked = [self._kafka.TopicPartition(topic, partition, received_at) for partition in ends]
            answers = self._opened().offsets_for_times(asked, timeout=ANSWER_S)
            for answer in answers:
                if answer.error is not None:
                    raise self._kafka.KafkaException(answer.error)
        return {one.partition: one.offset if one.offset >= 0 else ends[one.partition] for one in answers}

    def _revisions(self, partition: int, begin: int, end: int) -> Iterator[LogRecord]:
        """Those of a stretch of a partition, as Kafka counts; their offsets count from 1 in it."""
        for message in self._messages(partition, begin, end):
            headers = message.headers() or ()
            if dict(headers).get("topic", b"").decode(errors="replace") in REVISION_TOPICS:
                _, received_at = message.timestamp()
                its = message.offset() + 1
                found = message_of(headers, message.value() or b"", received_at)
                yield LogRecord(its, found, place_in(partition, its))

    def _messages(self, partition: int, begin: int, end: int) -> Iterator[Any]:
        with translated(self._connection):
            consumer, waited_s = self._opened(), 0.0
            consumer.assign([self._kafka.TopicPartition(self._connection.topic, partition, begin)])
            while True:
                messages = consumer.consume(_TAKEN_AT_ONCE, _WAIT_S)
                waited_s = 0.0 if messages else waited_s + _WAIT_S
                for message in messages:
                    if (error := message.error()) is not None:
                        if error.code() == self._kafka.KafkaError._PARTITION_EOF:
                            return
                        raise self._kafka.KafkaException(error)
                    if message.offset() >= end:
                        return
                    yield message
                    if message.offset() == end - 1:
                        return
                if waited_s > ANSWER_S:
                    raise RawLogUnavailable(
                        f"Kafka at {self._connection.servers}: partition {partition} of {self._connection.topic} gives "
                        "no answer"
                    )

    def _opened(self) -> Any:
        if self._consumer is None:
            self._consumer = self._kafka.Consumer(
                self._connection.reading(
                    self._connection.group("reader"),
                    auto_offset_reset="earliest",
                    enable_partition_eof=True,
                    fetch_wait_max_ms=10,
                )
            )
        return self._consumer
