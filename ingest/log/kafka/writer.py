"""Appends messages to the topic: acknowledged by all replicas in sync (`acks=all`), by an idempotent producer.

Kafka acknowledges each record by itself, so a batch may be in the log in part when `append` raises. The collector keeps
the batch and appends it again; then only what was not acknowledged is sent. What Kafka may have kept without saying so
comes twice then, and so does a batch whose process died between Kafka's acknowledgement and ours to the broker: the
recorder counts these as duplicates, and the judge judges them once.
"""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.connection import (
    ANSWER_S,
    MAX_MESSAGE_BYTES,
    KafkaConnection,
    TopicMissing,
    library,
    translated,
    unavailable,
)
from ingest.log.kafka.record_format import TICK_PARTITION, headers_of, is_for_all, key_of
from ingest.log.records import RawMessage

_FLUSH_S: Final = ANSWER_S + 2.0
"""Beyond the time after which the client gives a message up by itself."""
_QUEUED_MESSAGES: Final = 100_000
_MOST_BYTES: Final = MAX_MESSAGE_BYTES - (256 << 10)
"""With room for a topic of any length."""
_KEPT_BYTES: Final = 2 << 20
"""Twice what HAULWATCH_MAX_PAYLOAD_BYTES can be: what is cut off is no reading, whatever the setting."""

_log = logging.getLogger(__name__)

_Place = tuple[int, int]
"""Index of the message in its batch, and partition; -1: by its key."""
_BY_KEY: Final = -1


class KafkaWriter:
    """Appends to all partitions. For one thread at a time."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._kafka = library()
        self._producer: Any = None
        self.ends: dict[int, int] = {}
        """Partition → its end, as far as this writer knows: as it was at first, and after its own records."""
        self._batch: Sequence[RawMessage] = ()
        self._unacknowledged: set[_Place] = set()
        """Of `_batch`, which the last call could not append whole."""

    def append(self, messages: Sequence[RawMessage]) -> int:
        """Add messages, and return how many records the log has as far as this writer knows.

        On return every one is acknowledged. Raises RawLogUnavailable: some may be in the log; append the same batch
        again. Raises RawLogMisfit for a topic of another number of partitions.
        """
        if not self._unacknowledged or messages != self._batch:
            self._batch = messages
            self._unacknowledged = {
                (index, partition)
                for index, message in enumerate(messages)
                for partition in self._partitions_of(message)
            }
        with translated(self._connection):
            self._send()
        return sum(self.ends.values())

    def close(self) -> None:
        self._producer = None

    def _partitions_of(self, message: RawMessage) -> Sequence[int]:
        if is_for_all(message):
            return range(self._connection.partitions)
        return (_BY_KEY,) if key_of(message) else (TICK_PARTITION,)

    def _send(self) -> None:
        producer = self._producer = self._producer or self._open()
        failed: list[Any] = []
        try:
            for place in sorted(self._unacknowledged):
                self._produce(producer, place, failed)
            left = producer.flush(_FLUSH_S)
        except (self._kafka.KafkaException, SystemError):  # see `translated`
            self._producer = None  # after a fatal error it takes nothing for ever
            raise
        if left or any(error.fatal() or error.code() == self._kafka.KafkaError._FATAL for error in failed):
            self._producer = None  # a fatal error ends a producer for ever
        if left:
            raise RawLogUnavailable(f"Kafka at {self._connection.servers}: {left} messages were not answered")
        if failed:
            what = f"{len(failed)} of {len(self._batch)} messages were not acknowledged: "
            raise unavailable(self._connection, failed[0], what)

    def _produce(self, producer: Any, place: _Place, failed: list[Any]) -> None:
        index, partition = place
        message = self._batch[index]
        chosen = {} if partition == _BY_KEY else {"partition": partition}
        while True:
            try:
                producer.produce(
                    self._connection.topic,
                    sendable(message),
                    key_of(message) or None,
                    timestamp=message.received_at,
                    headers=headers_of(message),
                    on_delivery=partial(self._answered, place, failed),
                    **chosen,
                )
            except BufferError:  # the client's queue is full
                producer.poll(0.1)
            else:
                return

    def _answered(self, place: _Place, failed: list[Any], error: Any, record: Any) -> None:
        if error is not None:
            failed.append(error)
            return
        self._unacknowledged.discard(place)
        partition = record.partition()
        self.ends[partition] = max(self.ends.get(partition, 0), record.offset() + 1)

    def _open(self) -> Any:
        producer = self._kafka.Producer(
            self._connection.properties(
                enable_idempotence=True,
                acks="all",
                partitioner="murmur2_random",  # that of Kafka's own clients
                compression_type="lz4",
                linger_ms=5,
                message_timeout_ms=int(ANSWER_S * 1000),
                message_max_bytes=MAX_MESSAGE_BYTES,
                queue_buffering_max_messages=_QUEUED_MESSAGES,
            )
        )
        check_partitions(self._connection, producer)
        return producer


def sendable(message: RawMessage) -> bytes:
    """The payload; of one that no topic takes, its beginning, which is still too large to be a reading.

    It is quarantined as the whole would be. Without this, one message of one device would stop all others.
    """
    payload = message.payload
    if len(payload) <= _MOST_BYTES:
        return payload
    _log.error(
        "raw log: a message of %d bytes to %.200s is larger than Kafka takes: its first %d bytes are kept; let the "
        "broker refuse such messages",
        *(len(payload), message.topic, _KEPT_BYTES),
    )
    return payload[:_KEPT_BYTES]


def check_partitions(connection: KafkaConnection, client: Any, answer_s: float = ANSWER_S) -> None:
    """Raise RawLogMisfit if the topic has another number of partitions, RawLogUnavailable if it is not there.

    `client`: any client of the library, inside `translated`.
    """
    topic = connection.topic
    kafka = library()
    try:
        found = client.list_topics(topic, timeout=answer_s).topics.get(topic)
    except kafka.KafkaException:
        client.poll(0)  # the client names the cause to its callback, and calls it in here only
        raise
    if found is not None and found.error == kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED:
        raise kafka.KafkaException(found.error)
    if found is None or not found.partitions:
        raise TopicMissing(f"Kafka at {connection.servers} has no topic {topic}: run `haulwatch kafka init`")
    if len(found.partitions) != connection.partitions:
        raise RawLogMisfit(
            f"topic {topic} has {len(found.partitions)} partitions and HAULWATCH_KAFKA_PARTITIONS is "
            f"{connection.partitions}: set it to {len(found.partitions)}; a topic that gets more partitions moves "
            "devices between them, so begin with another HAULWATCH_KAFKA_PREFIX instead"
        )
