"""A lost connection and a producer that has ended: nothing is taken for gone, and appending goes on."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka import kafka_log
from ingest.log.kafka.connection import KafkaConnection, KafkaRefused
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.writer import KafkaWriter
from ingest.log.records import place_in
from tests.ingest.log.kafka.fakes import CODES, END_OF_PARTITION, OUT_OF_RANGE, FakeMessage
from tests.ingest.log.kafka.parts import fleet

CONNECTION = KafkaConnection("nowhere:1", partitions=2)


def finding(answer: FakeMessage | None, monkeypatch: pytest.MonkeyPatch) -> KafkaLog:
    consumer = SimpleNamespace(assign=lambda at: None, poll=lambda wait_s: answer, close=lambda: None)
    library = SimpleNamespace(
        Consumer=lambda _: consumer, TopicPartition=TopicPartition, KafkaError=KafkaError, KafkaException=KafkaException
    )
    log = KafkaLog(CONNECTION)
    monkeypatch.setattr(kafka_log, "library", lambda: library)
    return log


@pytest.mark.parametrize("answer", [None, FakeMessage(0, 4, CODES._TRANSPORT)])
def test_a_record_that_kafka_does_not_answer_for_is_not_taken_for_gone(
    answer: FakeMessage | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RawLogUnavailable):
        finding(answer, monkeypatch).find(place_in(0, 5))


@pytest.mark.parametrize(
    "answer", [FakeMessage(0, 4, END_OF_PARTITION), FakeMessage(0, 4, OUT_OF_RANGE), FakeMessage(0, 7)]
)
def test_a_record_that_kafka_has_not_is_not_found(answer: FakeMessage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding(answer, monkeypatch).find(place_in(0, 5)) is None


class Ended:
    """As the client is after a broker refused it for ever: it names the cause when it is polled."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._tell = connection.properties()["error_cb"]

    def produce(self, *_: Any, **__: Any) -> None:
        raise KafkaException(KafkaError(CODES._FATAL))

    def poll(self, wait_s: float) -> int:
        self._tell(KafkaError(CODES.CLUSTER_AUTHORIZATION_FAILED))
        return 1


def test_a_producer_that_ended_is_renewed() -> None:
    class Sound:
        def produce(self, *_: Any, on_delivery: Any, **__: Any) -> None:
            on_delivery(None, SimpleNamespace(partition=lambda: 0, offset=lambda: 0))

        def flush(self, wait_s: float) -> int:
            return 0

    connection = KafkaConnection("nowhere:1", partitions=2)
    producers: list[Any] = [Ended(connection), Sound()]
    writer = KafkaWriter(connection)
    writer._open = lambda: producers.pop(0)  # type: ignore[method-assign]
    with pytest.raises(KafkaRefused, match=r"_FATAL.*grant it Write on the topic"):
        writer.append(fleet(1))
    assert writer.append(fleet(1)) == 1


def test_an_offset_that_is_none_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the client gives it, without an error, while the broker of a partition is gone (tests/chaos/three_brokers.py).

    Taken for the end of the partition it would say that the topic was made anew.
    """
    answers = {
        TopicPartition("haulwatch.raw", number): SimpleNamespace(
            result=lambda offset=offset: SimpleNamespace(offset=offset)
        )
        for number, offset in enumerate((7, -1001))
    }
    admin = SimpleNamespace(list_offsets=lambda asked, request_timeout: answers)
    figures = KafkaFigures(CONNECTION)
    monkeypatch.setattr(figures, "_opened", lambda: admin)
    with pytest.raises(RawLogUnavailable, match=r"partition 1 of haulwatch\.raw gives no answer"):
        figures.ends()


def test_what_kafka_removed_by_age_is_not_still_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Partition 0 lost all of its 100 records, and of partition 1 the recorder has read all."""
    read = {"recorder": {0: 0, 1: 7}}
    monkeypatch.setattr(KafkaFigures, "read_to", lambda _, consumer: read.get(consumer, {}))
    monkeypatch.setattr(KafkaFigures, "starts", lambda _: {0: 100, 1: 2})
    monkeypatch.setattr(KafkaFigures, "ends", lambda _: {0: 100, 1: 7})
    figures = KafkaFigures(CONNECTION)
    assert figures.committed() == {"recorder": figures.last_offset()}
