"""A compacted topic of state: Kafka keeps the last value of each key, in the partition whose state it is."""

import time
from collections.abc import Iterator
from typing import Any, Final

from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.connection import ANSWER_S, KafkaConnection, library, translated

_TAKEN_AT_ONCE: Final = 1_000
_WAIT_S: Final = 0.05
"""The client waits for so many, or so long: also at the end of a partition."""


class StateTopic:
    """Reads what is kept. For one thread at a time."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._connection, self.topic = connection, topic
        self._kafka = library()
        self._consumer: Any = None

    def restore(self, partition: int) -> dict[str, bytes]:
        """The last value of each key, of all that is written and committed now.

        Fence the writer before: what it left half written would hide what comes after it. Raises RawLogUnavailable.
        """
        found: dict[str, bytes] = {}
        with translated(self._connection):
            for message in self.records(partition):
                key = (message.key() or b"").decode()
                value = message.value()
                if value is None:
                    found.pop(key, None)
                else:
                    found[key] = value
        return found

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def records(self, partition: int) -> Iterator[Any]:
        """Every record of a partition up to its end, as the client gives it. Raises as `restore` does."""
        consumer = self._opened()
        there = self._kafka.TopicPartition(self.topic, partition, self._kafka.OFFSET_BEGINNING)
        consumer.assign([there])
        deadline = time.monotonic() + ANSWER_S
        try:
            while True:
                messages = consumer.consume(_TAKEN_AT_ONCE, _WAIT_S)
                for message in messages:
                    if (error := message.error()) is None:
                        yield message
                    elif error.code() == self._kafka.KafkaError._PARTITION_EOF:
                        return
                    else:
                        raise self._kafka.KafkaException(error)
                if messages:
                    deadline = time.monotonic() + ANSWER_S
                elif time.monotonic() > deadline:
                    raise RawLogUnavailable(
                        f"Kafka at {self._connection.servers}: partition {partition} of {self.topic} gives no answer"
                    )
        finally:
            consumer.unassign()

    def _opened(self) -> Any:
        if self._consumer is None:
            self._consumer = self._kafka.Consumer(
                self._connection.reading(
                    self._connection.group("state"),
                    auto_offset_reset="earliest",
                    enable_partition_eof=True,
                    fetch_wait_max_ms=10,
                )
            )
        return self._consumer
