"""The raw log on Kafka, with the methods of `ingest.log.raw_log.RawLog` that recorder, judge and replay use."""

import logging
from collections.abc import Mapping, Sequence

from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.connection import ANSWER_S, MAX_MESSAGE_BYTES, KafkaConnection, library, translated
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.reader import KafkaReader
from ingest.log.kafka.record_format import message_of
from ingest.log.kafka.writer import KafkaWriter
from ingest.log.raw_log import Removed
from ingest.log.records import ONLY_PARTITION, LogRecord, RawMessage, parts_of_place

_log = logging.getLogger(__name__)


class KafkaLog:
    """A handle on the log; connects when it is used. For one thread at a time.

    Every method raises RawLogUnavailable while Kafka does not answer, and works again when it does.
    """

    partition: int = ONLY_PARTITION

    def __init__(self, connection: KafkaConnection, consumer: str = "reader") -> None:
        """`consumer` names the group whose progress `commit` notes."""
        self._connection = connection
        self._consumer = consumer
        self._writer = KafkaWriter(connection)
        self._reader = KafkaReader(connection, connection.group(consumer))
        self._figures = KafkaFigures(connection)

    def append(self, messages: Sequence[RawMessage]) -> int:
        """As `KafkaWriter.append`."""
        if not self._writer.ends:
            self._writer.ends = self._figures.ends()
        return self._writer.append(messages)

    def read(self, after: int, limit: int) -> list[LogRecord]:
        """As `KafkaReader.read`."""
        return self._reader.read(after, limit)

    def first_offset(self) -> int:
        return self._figures.first_offset()

    def last_offset(self) -> int:
        return self._figures.last_offset()

    def unread(self, positions: Mapping[int, int]) -> int:
        return self._figures.unread(positions)

    def committed(self) -> Mapping[str, int]:
        return self._figures.committed()

    def positions(self, offset: int) -> Mapping[int, int]:
        found = self._reader.positions(offset)
        if found is None:
            raise RawLogMisfit(f"offset {offset:,} of {self._connection.topic} is not one that was read here")
        return found

    def resume(self, positions: Mapping[int, int]) -> int:
        """Raises RawLogMisfit if they are not of this topic, RawLogUnavailable."""
        partitions, topic = self._connection.partitions, self._connection.topic
        if not any(positions.values()):
            return 0
        if len(positions) != partitions:
            raise RawLogMisfit(
                f"what this data directory holds was written for {len(positions)} partitions, and {topic} has "
                f"{partitions}: set HAULWATCH_KAFKA_URL, _PREFIX and _PARTITIONS as they were, or begin with an empty "
                "data directory"
            )
        ends = self._figures.ends()
        beyond = [partition for partition, offset in positions.items() if offset > ends[partition]]
        if beyond:
            raise RawLogMisfit(
                f"partition {beyond[0]} of {topic} ends at {ends[beyond[0]]:,} and was read to "
                f"{positions[beyond[0]]:,}: the topic was made anew; begin with another HAULWATCH_KAFKA_PREFIX and an "
                "empty data directory"
            )
        return self._reader.begin_at(positions)

    def commit(self, consumer: str, offset: int) -> None:
        """Note progress in Kafka's group, for lag and for the start after a lost state; never back."""
        positions = self._reader.positions(offset)
        if positions is None or consumer != self._consumer:
            return
        self._figures.commit(consumer, positions)

    def find(self, place: int) -> LogRecord | None:
        """The record at this place; None if Kafka has none there (any more). Raises RawLogUnavailable."""
        partition, offset = parts_of_place(place)
        kafka = library()
        with translated(self._connection):
            consumer = kafka.Consumer(
                self._connection.properties(
                    group_id=self._connection.group("finder"),
                    enable_auto_commit=False,
                    auto_offset_reset="error",
                    isolation_level="read_committed",
                    enable_partition_eof=True,
                    fetch_max_bytes=MAX_MESSAGE_BYTES,
                )
            )
            try:
                consumer.assign([kafka.TopicPartition(self._connection.topic, partition, offset - 1)])
                message = consumer.poll(ANSWER_S)
            finally:
                consumer.close()
            if message is None:
                raise RawLogUnavailable(
                    f"Kafka at {self._connection.servers}: partition {partition} of {self._connection.topic} gives no "
                    "answer"
                )
            if (error := message.error()) is not None:
                codes = kafka.KafkaError
                if error.code() in {codes._PARTITION_EOF, codes._AUTO_OFFSET_RESET, codes.OFFSET_OUT_OF_RANGE}:
                    return None
                raise kafka.KafkaException(error)
        if message.offset() != offset - 1:
            return None
        _, received_at = message.timestamp()
        return LogRecord(offset, message_of(message.headers() or (), message.value() or b"", received_at), place)

    def before(self, place: int) -> int:
        return self._reader.before(place)

    def trim(self, keep_bytes: int, keep_since: int = 0, at_most: int | None = None) -> int:
        """Remove nothing: Kafka itself removes what is older than the topic keeps, read or not."""
        return 0

    def size_bytes(self) -> int:
        return self._figures.size_bytes()

    def removed(self) -> Removed:
        return Removed()

    def close(self) -> None:
        self._reader.close()
        self._writer.close()
        self._figures.close()
