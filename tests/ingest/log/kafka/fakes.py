"""A consumer whose answers a test writes down: errors of one partition that a real Kafka gives once in a year."""

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.reader import KafkaReader

CODES: Any = KafkaError
END_OF_PARTITION = CODES._PARTITION_EOF
OUT_OF_RANGE = CODES._AUTO_OFFSET_RESET


class FakeMessage:
    """A record, or an error of its partition. Its payload names its place."""

    def __init__(self, partition: int, offset: int, error: int | None = None) -> None:
        self._partition, self._offset, self._error = partition, offset, error
        self.its_headers: list[tuple[str, bytes | None]] = [("topic", b"haulwatch/v1/truck-1/position")]

    def error(self) -> Any:
        return None if self._error is None else KafkaError(self._error)

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, self._offset

    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        return self.its_headers

    def value(self) -> bytes:
        return payload_at(self._partition, self._offset)


class FakeConsumer:
    """Gives the lists of answers that a test wrote, then what Kafka holds from where it stands.

    Like the client, it stands after the last message that it gave, and gives nothing more of a partition out of whose
    range it stood until that is assigned again.
    """

    def __init__(self, answers: Iterable[Sequence[FakeMessage]], held: Mapping[int, range]) -> None:
        """`held`: the offsets that Kafka has of each partition."""
        self._answers, self._held = list(answers), held
        self._at: dict[int, int] = dict.fromkeys(held, 0)
        self._stopped: set[int] = set()
        self._ended: set[int] = set()
        """Partitions of whose end it has spoken, as the client does once."""
        self.paused: set[int] = set()
        self.times_out = 0
        """Questions for the ends of a partition that get no answer, from now on."""

    def list_topics(self, topic: str, timeout: float) -> Any:
        return SimpleNamespace(topics={topic: SimpleNamespace(partitions=self._held, error=None)})

    def assign(self, at: Sequence[Any]) -> None:
        self._stopped.clear()
        self._ended.clear()
        self._at = {one.partition: one.offset for one in at}

    def pause(self, partitions: Sequence[Any]) -> None:
        self.paused.update(one.partition for one in partitions)

    def resume(self, partitions: Sequence[Any]) -> None:
        self.paused.difference_update(one.partition for one in partitions)

    def consume(self, most: int, wait_s: float) -> list[FakeMessage]:
        given = list(self._answers.pop(0)) if self._answers else self._from_kafka()
        for message in given:
            if (error := message.error()) is None:
                self._at[message.partition()] = message.offset() + 1
            elif error.code() == OUT_OF_RANGE:
                self._stopped.add(message.partition())
        return given

    def poll(self, wait_s: float) -> FakeMessage | None:
        return None

    def get_watermark_offsets(self, there: Any, timeout: float = 0, cached: bool = False) -> tuple[int, int]:
        if not cached and self.times_out:
            self.times_out -= 1
            raise KafkaException(KafkaError(CODES._TIMED_OUT))
        held = self._held[there.partition]
        return held.start, held.stop

    def _from_kafka(self) -> list[FakeMessage]:
        given = []
        for partition in self._held.keys() - self.paused - self._stopped:
            held, at = self._held[partition], self._at[partition]
            if held.start <= at <= held.stop:
                given += [FakeMessage(partition, offset) for offset in range(at, held.stop)]
                if partition not in self._ended or at < held.stop:
                    given.append(FakeMessage(partition, held.stop, END_OF_PARTITION))
                    self._ended.add(partition)
            else:
                given.append(FakeMessage(partition, at, OUT_OF_RANGE))
        return given


def payload_at(partition: int, offset: int) -> bytes:
    return f"{partition}/{offset}".encode()


class SteppedClock:
    """Goes three seconds at each look."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += 3
        return self._now


def reader_of(consumer: FakeConsumer, partitions: int = 2) -> KafkaReader:
    """A reader at the start of the log, on this consumer."""
    reader = KafkaReader(KafkaConnection("nowhere:1", partitions=partitions), "reader", SteppedClock())
    reader._kafka = SimpleNamespace(
        Consumer=lambda _: consumer, TopicPartition=TopicPartition, KafkaError=KafkaError, KafkaException=KafkaException
    )
    return reader
