"""The raw log on a real Kafka: what is appended comes back, once and in order, wherever reading begins again."""

import logging
import random
from collections import Counter, defaultdict
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import found_settings
from ingest.log.records import CITY_TOPIC, COPY_TOPIC, TICK_TOPIC, RawMessage, parts_of_place
from tests.ingest.log.kafka.parts import (
    KAFKA_ADMIN,
    PARTITIONS,
    T0,
    admin,
    fleet,
    of_device,
    opened,
    payloads,
    read_all,
)
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.real


@pytest.fixture
def log(connection: KafkaConnection) -> KafkaLog:
    return opened(connection, "recorder")


def test_what_is_appended_is_read_in_the_order_of_receive_time(log: KafkaLog) -> None:
    messages = fleet(1_000)
    assert log.append(messages[:300]) == 300
    assert log.append(messages[300:]) == 1_000
    records = read_all(log)
    assert [record.message for record in records] == messages
    assert [record.offset for record in records] == list(range(1, 1_001))
    assert (log.first_offset(), log.last_offset()) == (1, 1_000)


def test_every_mark_of_a_message_comes_back(log: KafkaLog) -> None:
    messages = [
        RawMessage("haulwatch/v1/truck-1/position", b"\x00\xff", T0, retained=True),
        RawMessage("haulwatch/v1/truck-1/position", b"", T0 + 1, waited=True),
        RawMessage("垃圾/车辆/七", "载重".encode(), T0 + 2, "of-a-terminal", retained=True, waited=True),
    ]
    log.append(messages)
    assert [record.message for record in read_all(log)] == messages


def test_a_device_has_one_partition_and_other_programs_see_its_payloads(
    log: KafkaLog, connection: KafkaConnection
) -> None:
    messages = fleet(200)
    log.append(messages)
    partitions = defaultdict(set)
    for record in read_all(log):
        partition, _ = parts_of_place(record.place)
        partitions[record.message.topic].add(partition)
    assert all(len(of_device) == 1 for of_device in partitions.values())
    assert len(set.union(*partitions.values())) > 1
    plain: Any = Consumer({"bootstrap.servers": connection.servers, "group.id": "plain", "log_level": 0})
    try:
        plain.assign([TopicPartition(connection.topic, partition, 0) for partition in range(PARTITIONS)])
        seen: list[Any] = []
        while len(seen) < len(messages):
            seen += plain.consume(len(messages) - len(seen), 10)
    finally:
        plain.close()
    assert sorted(message.value() for message in seen) == sorted(message.payload for message in messages)
    assert {message.key() for message in seen} == {f"truck-{n}".encode() for n in range(17)}
    for message in seen:
        assert message.partition() in partitions[f"haulwatch/v1/{message.key().decode()}/position"]


def test_a_reader_goes_on_at_any_position_without_a_gap_or_a_repeat(log: KafkaLog, connection: KafkaConnection) -> None:
    messages = fleet(300)
    log.append(messages)
    after = 0
    for size in (1, 7, 90, 1, 55):
        records = log.read(after, size)
        for record in (records[0], records[-1]):
            positions = log.positions(record.offset)
            assert sum(positions.values()) == record.offset
            later = opened(connection, "recorder")
            assert later.resume(positions) == record.offset
            assert [one.message for one in read_all(later, record.offset)] == messages[record.offset :]
        after = records[-1].offset


def test_a_part_of_an_answer_is_read_again_after_a_failure(log: KafkaLog) -> None:
    log.append(fleet(50))
    first = log.read(0, 20)
    assert log.read(0, 20) == first
    assert log.read(first[4].offset, 10) == first[5:15]
    assert payloads(log.read(first[14].offset, 100)) == payloads(read_all(log))[15:]


def test_new_messages_are_read_after_the_end_was_reached(log: KafkaLog) -> None:
    log.append([of_device("truck-1", 1)])
    [first] = read_all(log)
    for n in range(2, 6):
        log.append([of_device(f"truck-{n}", n)])
        after = n - 1
        while not (records := log.read(after, 10)):
            pass
        assert payloads(records) == [f'{{"n": {n}}}'.encode()]
    assert first.offset == 1


def test_a_revision_and_a_tick_stand_in_every_partition_and_silence_counts_once(log: KafkaLog) -> None:
    log.append([RawMessage(CITY_TOPIC, b"city", T0), RawMessage(TICK_TOPIC, b"10000", T0 + 1)])
    records = read_all(log)
    cities = [record for record in records if record.message.topic == CITY_TOPIC]
    assert sorted(parts_of_place(record.place)[0] for record in cities) == list(range(PARTITIONS))
    assert [record.message.topic for record in records] == [CITY_TOPIC] * PARTITIONS + [TICK_TOPIC] * PARTITIONS
    assert sum(int(record.message.payload) for record in records[PARTITIONS:]) == 10_000


def test_a_ticket_stands_once_in_the_log_and_as_an_empty_copy_elsewhere(log: KafkaLog) -> None:
    ticket = RawMessage("haulwatch/v1/bridge-1/weighing", b"{}", T0)
    log.append([ticket])
    assert Counter(record.message.topic for record in read_all(log)) == {ticket.topic: 1, COPY_TOPIC: PARTITIONS - 1}


def test_time_passes_in_a_partition_of_which_nothing_is_heard(log: KafkaLog) -> None:
    """One device sends for half a minute; the partitions of others get a tick each ten seconds."""
    for second in range(31):
        log.append([of_device("truck-1", second, T0 + 1_000 * second)])
    ticks = [record for record in read_all(log) if record.message.topic == TICK_TOPIC]
    assert {record.message.payload for record in ticks} == {b"0"}
    by_partition = Counter(parts_of_place(record.place)[0] for record in ticks)
    assert sorted(by_partition.values()) == [3] * (PARTITIONS - 1)


def test_a_batch_that_was_kept_in_part_is_completed_without_repeats(log: KafkaLog, connection: KafkaConnection) -> None:
    """The topic refuses one message of the batch at first."""
    set_max_bytes(connection, 1_000)
    messages = [of_device(f"truck-{n}", n) for n in range(20)]
    large = RawMessage("haulwatch/v1/truck-5/position", random.Random(7).randbytes(2_000), T0 + 7)
    messages[7] = large
    for _ in range(2):
        with pytest.raises(RawLogUnavailable, match="of 20 messages were not acknowledged"):
            log.append(messages)
    assert 0 < log.last_offset() < len(messages)
    set_max_bytes(connection, 1_000_000)
    log.append(messages)
    records = read_all(opened(connection))
    assert sorted(payloads(records)) == sorted(message.payload for message in messages)


def set_max_bytes(connection: KafkaConnection, size: int) -> None:
    change = KAFKA_ADMIN.AlterConfigOpType.SET
    entry = KAFKA_ADMIN.ConfigEntry("max.message.bytes", str(size), incremental_operation=change)
    resource = KAFKA_ADMIN.ConfigResource(KAFKA_ADMIN.ResourceType.TOPIC, connection.topic, incremental_configs=[entry])
    client = admin(connection)  # its answers end with it
    for answer in client.incremental_alter_configs([resource]).values():
        answer.result()


def test_a_message_larger_than_kafka_takes_stops_no_other(log: KafkaLog, caplog: pytest.LogCaptureFixture) -> None:
    huge = RawMessage("haulwatch/v1/truck-1/position", b"x" * (17 << 20), T0)
    log.append([huge, of_device("truck-2", 1)])
    kept, other = read_all(log)
    assert huge.payload.startswith(kept.message.payload)
    assert len(kept.message.payload) > 1 << 20, "more than any setting takes for a reading"
    assert other.message == of_device("truck-2", 1)
    assert "larger than Kafka takes" in caplog.text


def test_another_number_of_partitions_is_refused_by_writer_reader_and_state(
    log: KafkaLog, connection: KafkaConnection
) -> None:
    log.append(fleet(10))
    read_all(log)
    positions = log.positions(10)
    other = KafkaConnection(connection.servers, connection.prefix, PARTITIONS + 1)
    with pytest.raises(RawLogMisfit, match=f"has {PARTITIONS} partitions and HAULWATCH_KAFKA_PARTITIONS is 7"):
        opened(other).append(fleet(1))
    with pytest.raises(RawLogMisfit, match="HAULWATCH_KAFKA_PARTITIONS"):
        opened(other).read(0, 1)
    with pytest.raises(RawLogMisfit, match="was written for 6 partitions"):
        opened(other).resume(positions)
    with pytest.raises(RawLogMisfit, match="was written for 1 partitions"):
        log.resume({0: 10})


def test_a_topic_that_was_made_anew_is_refused(log: KafkaLog) -> None:
    log.append(fleet(10))
    with pytest.raises(RawLogMisfit, match="was made anew"):
        log.resume(dict.fromkeys(range(PARTITIONS), 1_000))


def test_what_kafka_removed_by_age_is_named_and_offsets_leap_over_it(
    log: KafkaLog, connection: KafkaConnection, caplog: pytest.LogCaptureFixture
) -> None:
    log.append([of_device("truck-1", n) for n in range(10)])
    records = log.read(0, 2)
    partition, _ = parts_of_place(records[0].place)
    positions = log.positions(2)
    client = admin(connection)  # its answers end with it
    for answer in client.delete_records([TopicPartition(connection.topic, partition, 6)]).values():
        answer.result()
    late = opened(connection, "recorder")
    with caplog.at_level(logging.ERROR):
        rest = read_all(late, late.resume(positions))
    assert [record.offset for record in rest] == [7, 8, 9, 10]
    assert f"records 2 to 5 of partition {partition} are gone" in caplog.text
    assert log.first_offset() == 7


def test_progress_is_noted_in_the_group_and_never_goes_back(log: KafkaLog, connection: KafkaConnection) -> None:
    log.append(fleet(100))
    assert log.committed() == {}
    records = log.read(0, 60)
    log.commit("recorder", records[39].offset)
    assert log.committed() == {"recorder": 40}
    log.commit("recorder", records[-1].offset)
    log.commit("recorder", records[9].offset)
    log.commit("recorder", 0)
    assert opened(connection, "judge").committed() == {"recorder": 60}


def test_a_record_is_found_by_its_place(log: KafkaLog) -> None:
    log.append(fleet(40))
    records = read_all(log)
    for record in records[::13]:
        found = log.find(record.place)
        assert found is not None
        assert found.message == record.message
    partition, its = parts_of_place(records[-1].place)
    assert log.find((its + 1) << 10 | partition) is None


def test_the_last_known_offset_before_a_place_has_not_passed_it(log: KafkaLog) -> None:
    log.append(fleet(90))
    first, second, third = (log.read(after, 30) for after in (0, 30, 60))
    for records, before in ((first, 0), (second, 30), (third, 60)):
        assert log.before(records[0].place) == before


def test_a_topic_without_replicas_syncs_each_append(connection: KafkaConnection) -> None:
    found = found_settings(connection)
    assert (found["replicas"], found["flush.messages"], found["min.insync.replicas"]) == ("1", "1", "1")


def test_a_missing_topic_says_which_command_creates_it(kafka_server: KafkaServer) -> None:
    nowhere = kafka_server.connection(PARTITIONS)
    with pytest.raises(RawLogUnavailable, match="haulwatch kafka init"):
        opened(nowhere).append(fleet(1))
    with pytest.raises(RawLogUnavailable, match="haulwatch kafka init"):
        opened(nowhere).read(0, 1)
