"""Appends messages to the topic: acknowledged by all replicas in sync (`acks=all`), by an idempotent producer.

Kafka acknowledges each record by itself, so a batch may be in the log in part when `append` raises. The collector keeps
the batch and appends it again; then only what was not acknowledged is sent. What Kafka may have kept without saying so
comes twice then, and so does a batch whose process died between Kafka's acknowledgement and ours to the broker: the
recorder counts these as duplicates, and the judge judges them once.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.connection import (
    ANSWER_S,
    MAX_MESSAGE_BYTES,
    KafkaConnection,
    TopicMissing,
    library,
    topic_description,
    translated,
    unavailable,
)
from ingest.log.kafka.record_format import as_in, headers_of, is_for_all, key_of, partition_of
from ingest.log.records import REVISION_TOPICS, TICK_TOPIC, RawMessage

_FLUSH_S: Final = ANSWER_S + 2.0
"""Beyond the time after which the client gives a message up by itself."""
_CAUSE_S: Final = 0.1
"""For a fatal error whose cause may come a moment after it."""
_QUEUED_MESSAGES: Final = 100_000
_MOST_BYTES: Final = MAX_MESSAGE_BYTES - (256 << 10)
"""With room for a topic of any length."""
_KEPT_BYTES: Final = 2 << 20
"""Twice what HAULWATCH_MAX_PAYLOAD_BYTES can be: what is cut off is no reading, whatever the setting."""

_log = logging.getLogger(__name__)

IDLE_MS: Final = 10_000
"""A partition in which nothing was received for so long gets a tick beside what others get: its time passes too."""
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
        self._messages: list[RawMessage] = []
        self._batch: list[RawMessage] = []
        """`_messages`, and ticks for partitions that get none of them."""
        self._unacknowledged: set[_Place] = set()
        """Of `_batch`, which the last call could not append whole."""
        self._newest: list[int] = []
        """Receive time, ms, of the last record of each partition that this writer appended; at first, of the first."""

    def append(self, messages: Sequence[RawMessage]) -> int:
        """Add messages, and return how many records the log has as far as this writer knows.

        On return every one is acknowledged. Raises RawLogUnavailable: some may be in the log; append the same batch
        again. Raises RawLogMisfit for a topic of another number of partitions.
        """
        if not self._unacknowledged or list(messages) != self._messages:
            self._messages = list(messages)
            self._plan()
        with translated(self._connection):
            self._send()
        return sum(self.ends.values())

    def close(self) -> None:
        self._producer = None

    def _partitions_of(self, message: RawMessage) -> Sequence[int]:
        return range(self._connection.partitions) if is_for_all(message) else (_BY_KEY,)

    def _plan(self) -> None:
        """Say what of the batch goes where, with ticks for partitions that get nothing of what is received.

        A batch that took long to gather has ticks for all of them in it.
        """
        self._batch, self._unacknowledged, ticked_at = [], set(), 0
        for message in self._messages:
            self._put(message, self._partitions_of(message))
            if message.topic in REVISION_TOPICS or message.waited:
                continue
            now = message.received_at
            if ticked_at and abs(now - ticked_at) >= IDLE_MS and message.topic != TICK_TOPIC:
                self._put(RawMessage(TICK_TOPIC, b"0", now), range(self._connection.partitions))
            if not ticked_at or abs(now - ticked_at) >= IDLE_MS:
                ticked_at = now
        if ticked_at and self._batch[-1].topic != TICK_TOPIC:
            now = max(one.received_at for one in self._messages if not one.waited)
            self._newest = self._newest or [now] * self._connection.partitions
            idle = [one for one, newest in enumerate(self._newest) if abs(now - newest) >= IDLE_MS]
            if idle:
                self._put(RawMessage(TICK_TOPIC, b"0", now), idle)

    def _put(self, message: RawMessage, partitions: Sequence[int]) -> None:
        self._unacknowledged |= {(len(self._batch), partition) for partition in partitions}
        self._batch.append(message)

    def _send(self) -> None:
        producer = self._producer = self._producer or self._open()
        failed: list[Any] = []
        try:
            for place in sorted(self._unacknowledged):
                self._produce(producer, place, failed)
            left = producer.flush(_FLUSH_S)
        except (self._kafka.KafkaException, SystemError):  # see `translated`
            self._producer = None  # after a fatal error it takes nothing for ever
            with suppress(self._kafka.KafkaException, SystemError):
                producer.poll(_CAUSE_S)  # the client names the cause to its callback, and calls it in here only
            raise
        if left or any(error.fatal() or error.code() == self._kafka.KafkaError._FATAL for error in failed):
            self._producer = None  # a fatal error ends a producer for ever
        if left:
            raise RawLogUnavailable(f"Kafka at {self._connection.servers}: {left} messages were not answered")
        if failed:
            what = f"{len(failed)} of {len(self._messages)} messages were not acknowledged: "
            raise unavailable(self._connection, failed[0], what)

    def _produce(self, producer: Any, place: _Place, failed: list[Any]) -> None:
        index, partition = place
        message = self._batch[index]
        key, payload, headers = key_of(message), sendable(message), headers_of(message)
        chosen = {} if partition == _BY_KEY else {"partition": partition}
        if chosen:
            payload, headers = as_in(message, payload, partition, partition_of(key, self._connection.partitions))
        while True:
            try:
                producer.produce(
                    self._connection.topic,
                    payload,
                    key or None,
                    timestamp=message.received_at,
                    headers=headers,
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
        partition, message = record.partition(), self._batch[place[0]]
        if self._newest and not message.waited:
            self._newest[partition] = message.received_at
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
        check_partitions(self._connection, None)
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


def check_partitions(
    connection: KafkaConnection, client: Any, answer_s: float = ANSWER_S, topic: str = "", partitions: int = 0
) -> None:
    """Raise RawLogMisfit if the topic has another number of partitions, RawLogUnavailable if it is not there.

    `client`: a consumer or an admin client, inside `translated`; a producer creates what it asks for, where the broker
    lets it. None: a client of its own. By default the topic of the raw log.
    """
    topic, partitions = topic or connection.topic, partitions or connection.partitions
    if client is None or hasattr(client, "describe_topics"):
        found = topic_description(connection, topic, answer_s, client)
    else:
        found = _seen_by(connection, client, topic, answer_s)
    if len(found.partitions) != partitions:
        raise RawLogMisfit(
            f"topic {topic} has {len(found.partitions)} partitions and HAULWATCH_KAFKA_PARTITIONS is "
            f"{connection.partitions}: set it to {len(found.partitions)}; a topic that gets more partitions moves "
            "devices between them, so begin with another HAULWATCH_KAFKA_PREFIX instead"
        )


def _seen_by(connection: KafkaConnection, consumer: Any, topic: str, answer_s: float) -> Any:
    kafka = library()
    try:
        found = consumer.list_topics(topic, timeout=answer_s).topics.get(topic)
    except kafka.KafkaException:
        consumer.poll(0)  # the client names the cause to its callback, and calls it in here only
        raise
    if found is not None and found.error == kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED:
        raise kafka.KafkaException(found.error)
    if found is None or not found.partitions:
        raise TopicMissing(f"Kafka at {connection.servers} has no topic {topic}: run `haulwatch kafka init`")
    return found
