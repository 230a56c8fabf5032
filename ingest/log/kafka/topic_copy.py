"""Writes the records of another log into an empty topic, each once, however often the copy is interrupted.

Which partition a record goes to and as which number depends on the records before it alone, and a partition takes them
in order. So a copy that begins again counts from the first record and sends what each partition does not have yet.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from msgspec import msgpack

from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.connection import (
    ANSWER_S,
    MAX_MESSAGE_BYTES,
    KafkaConnection,
    library,
    translated,
    unavailable,
)
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.record_format import Headers, as_in, headers_of, is_for_all, key_of, partition_of
from ingest.log.kafka.writer import sendable
from ingest.log.records import RawMessage, place_in

_DIGEST_BYTES: Final = 16
_TAKEN_AT_ONCE: Final = 2_000
_QUIET_TRIES: Final = 6
"""So many times `ANSWER_S` without one more acknowledgement, the copy gives up: a minute."""

_log = logging.getLogger(__name__)


class TopicCopy:
    """The copy, and the check that the topic holds it. For one thread, one process at a time.

    Methods raise RawLogUnavailable: begin again; RawLogMisfit: the topic holds something else.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._kafka = library()
        self._producer: Any = None
        self._there = KafkaFigures(connection).ends()
        self._counts = [0] * connection.partitions
        self._digests = [blake2b(digest_size=_DIGEST_BYTES) for _ in range(connection.partitions)]
        self._failed: list[str] = []

    @property
    def positions(self) -> dict[int, int]:
        """The next offset of each partition after what was written."""
        return dict(enumerate(self._counts))

    def write(self, messages: Sequence[RawMessage]) -> list[int]:
        """Write what the topic has not yet, and return the place of each message; of a revision its first."""
        places, count = [], self._connection.partitions
        with translated(self._connection):
            for message in messages:
                home = partition_of(key_of(message), count)
                payload, everywhere = sendable(message), is_for_all(message)
                for partition in range(count) if everywhere else (home,):
                    own, headers = (
                        as_in(message, payload, partition, home) if everywhere else (payload, headers_of(message))
                    )
                    self._counts[partition] += 1
                    self._digests[partition].update(_packed(own, headers, message.received_at))
                    if self._counts[partition] > self._there[partition]:
                        self._produce(_Sent(key_of(message), own, headers, message.received_at), partition)
                places.append(place_in(home, self._counts[home]))
            self._flush()
        return places

    def check(self, read: Callable[[int], None] = lambda count: None) -> None:
        """Read the topic back, and compare each partition with what was written. `read` hears how many were read."""
        ends = KafkaFigures(self._connection).ends()
        other = [partition for partition, count in enumerate(self._counts) if ends[partition] != count]
        if other:
            raise RawLogMisfit(
                f"partition {other[0]} of {self._connection.topic} has {ends[other[0]]:,} records and not "
                f"{self._counts[other[0]]:,}: another process writes to the topic; stop it, and begin with another "
                "HAULWATCH_KAFKA_PREFIX"
            )
        digests = self._read_back(ends, read)
        wrong = [number for number, digest in enumerate(digests) if digest != self._digests[number].digest()]
        if wrong:
            raise RawLogMisfit(
                f"partition {wrong[0]} of {self._connection.topic} does not hold the records of this raw log: begin "
                "with another HAULWATCH_KAFKA_PREFIX"
            )

    def _read_back(self, ends: dict[int, int], read: Callable[[int], None]) -> list[bytes]:
        digests = [blake2b(digest_size=_DIGEST_BYTES) for _ in ends]
        left = {partition for partition, end in ends.items() if end}
        total, quiet = 0, 0
        topic = self._connection.topic
        with translated(self._connection):
            consumer = self._kafka.Consumer(
                self._connection.reading(
                    self._connection.group("migration"),
                    auto_offset_reset="error",
                )
            )
            try:
                consumer.assign([self._kafka.TopicPartition(topic, partition, 0) for partition in sorted(left)])
                while left:
                    found = consumer.consume(_TAKEN_AT_ONCE, ANSWER_S / 10)
                    quiet = 0 if found else quiet + 1
                    if quiet > 10 * _QUIET_TRIES:
                        raise RawLogUnavailable(
                            f"Kafka at {self._connection.servers}: partition {min(left)} of {topic} gives no answer"
                        )
                    for record in found:
                        if (error := record.error()) is not None:
                            raise self._kafka.KafkaException(error)
                        partition = record.partition()
                        _, received_at = record.timestamp()
                        digests[partition].update(_packed(record.value() or b"", record.headers() or (), received_at))
                        if record.offset() + 1 >= ends[partition]:
                            left.discard(partition)
                    total += len(found)
                    read(total)
            finally:
                consumer.close()
        return [digest.digest() for digest in digests]

    def close(self) -> None:
        self._producer = None

    def _produce(self, sent: "_Sent", partition: int) -> None:
        self._producer = self._producer or self._open()
        offset = self._counts[partition] - 1
        while True:
            try:
                self._producer.produce(
                    self._connection.topic,
                    sent.payload,
                    sent.key or None,
                    partition=partition,
                    timestamp=sent.received_at,
                    headers=list(sent.headers),
                    on_delivery=partial(self._answered, offset),
                )
            except BufferError:  # the client's queue is full
                self._producer.poll(0.1)
            else:
                return

    def _answered(self, offset: int, error: Any, record: Any) -> None:
        if error is not None:
            self._failed.append(str(unavailable(self._connection, error)))
        elif record.offset() != offset:
            self._failed.append(f"partition {record.partition()} took another process's record: stop that process")

    def _flush(self) -> None:
        if self._producer is None:
            return
        left, quiet = self._producer.flush(ANSWER_S), 0
        while left and not self._failed:
            before, left = left, self._producer.flush(ANSWER_S)
            quiet = quiet + 1 if left >= before else 0
            if quiet >= _QUIET_TRIES:
                break
        if left or self._failed:
            self._producer = None
            unanswered = f"Kafka at {self._connection.servers}: {left} records were not answered"
            raise RawLogUnavailable(self._failed[0] if self._failed else unanswered)

    def _open(self) -> Any:
        return self._kafka.Producer(
            self._connection.properties(
                enable_idempotence=True,
                # After a failed record no later one of its partition is taken: what is there has no holes.
                enable_gapless_guarantee=True,
                acks="all",
                compression_type="lz4",
                linger_ms=20,
                message_timeout_ms=0,
                message_max_bytes=MAX_MESSAGE_BYTES,
            )
        )


class _Sent(NamedTuple):
    """A record as it stands in one partition."""

    key: bytes
    payload: bytes
    headers: Headers
    received_at: int


def _packed(payload: bytes, headers: Headers, received_at: int) -> bytes:
    return msgpack.encode((payload, [(name, value) for name, value in headers], received_at))
