"""One topic for several collectors: it holds the messages of each, and silence counts once."""

import pytest

from ingest.collector.shared_topic import PartitionTurn, SharedTopic
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic
from ingest.log.records import TICK_TOPIC, RawMessage
from tests.closing import closed_later
from tests.ingest.recorder.parts import MemoryLog
from tests.servers.kafka import KafkaServer
from tests.waiting import until

TICK = [RawMessage(TICK_TOPIC, b"10000", 0)]
READING = [RawMessage("haulwatch/v1/truck-1/position", b"{}", 0)]
SILENCE_MS = 10_000


class Turns:
    """Of some collectors: `whose` has the turn."""

    def __init__(self) -> None:
        self.log, self.whose = MemoryLog(), 0

    def collector(self, number: int) -> SharedTopic:
        turns = self

        class Its:
            def is_ours(self) -> bool:
                return turns.whose == number

            def close(self) -> None: ...

        return SharedTopic(self.log, self.log.last_offset, Its())

    def topics(self) -> list[str]:
        return [record.message.topic for record in self.log.read(0, 100)]


def test_a_collector_that_receives_nothing_while_another_does_says_no_silence() -> None:
    turns = Turns()
    idle, busy = turns.collector(0), turns.collector(1)
    for _ in range(3):
        idle.append(TICK)
        busy.append(READING)
    assert turns.topics() == [READING[0].topic] * 3


def test_a_silence_of_all_is_said_by_the_one_whose_turn_it_is() -> None:
    turns = Turns()
    one, other = turns.collector(0), turns.collector(1)
    other.append(READING)
    for _ in range(4):
        one.append(TICK)
        other.append(TICK)
    assert turns.topics()[1:] == [TICK_TOPIC] * 3, "the first look only looks"
    turns.whose = 1
    for _ in range(3):
        other.append(TICK)
        one.append(TICK)
    assert turns.topics()[1:] == [TICK_TOPIC] * 5


def test_a_turn_that_comes_back_counts_no_time_in_which_it_was_another_ones() -> None:
    turns = Turns()
    one = turns.collector(0)
    one.append(TICK)
    turns.whose = 1
    one.append(TICK)
    turns.whose = 0
    one.append(TICK)
    assert turns.topics() == []


@pytest.mark.real
def test_on_kafka_silence_adds_up_to_no_more_than_the_time_whoever_comes_and_goes(kafka_server: KafkaServer) -> None:
    connection = kafka_server.connection(3)
    create_topic(connection, keep_ms=0, replicas=1)
    reader, rounds = closed_later(KafkaLog(connection)), 0

    def collector() -> SharedTopic:
        log = closed_later(KafkaLog(connection, "collector"))
        return SharedTopic(log, KafkaFigures(connection).last_offset, PartitionTurn(connection))

    def silence_ms() -> int:
        records = reader.read(0, 10_000)
        return sum(int(one.message.payload) for one in records if one.message.topic == TICK_TOPIC)

    def silent_round(*collectors: SharedTopic) -> int:
        nonlocal rounds
        rounds += 1
        for one in collectors:
            one.append(TICK)
        return silence_ms()

    one, other = collector(), collector()
    until(lambda: silent_round(one, other) >= 2 * SILENCE_MS)
    assert silence_ms() <= rounds * SILENCE_MS
    one.close()
    before, rounds = silence_ms(), 0
    until(lambda: silent_round(other) >= before + 2 * SILENCE_MS)
    assert silence_ms() <= before + rounds * SILENCE_MS
    other.append(READING)
    before = silence_ms()
    assert silent_round(other) == before
    other.close()
