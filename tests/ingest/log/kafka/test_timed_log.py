"""A log on Kafka that is read from any time on, by which revisions are found that stand before it."""

from random import Random

import pytest

from ingest.log.kafka import timed_log
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.timed_log import TimedLog
from ingest.log.records import CITY_TOPIC, COPY_TOPIC, RULES_TOPIC, LogRecord, RawMessage, parts_of_place
from tests.closing import closed_later
from tests.ingest.log.kafka.parts import PARTITIONS, T0, fleet, of_device, opened

pytestmark = pytest.mark.real


def nothing() -> None: ...


def read_from(log: TimedLog, received_at: int, limit: int) -> list[LogRecord]:
    after, found = log.offset_at(received_at), list[LogRecord]()
    while records := log.read(after, limit):
        found += records
        after = records[-1].offset
    return found


def test_any_time_begins_at_its_first_message_and_offsets_go_on(connection: KafkaConnection) -> None:
    dice, messages = Random(3), fleet(400)
    writer = opened(connection)
    for start in range(0, len(messages), 50):
        writer.append(messages[start : start + 50])
    log = closed_later(TimedLog(connection))
    whole = {record.place: record.offset for record in read_from(log, 0, 90)}
    assert len(whole) == len(messages)
    for _ in range(12):
        after = dice.randint(-20, len(messages) + 20)
        found = read_from(log, T0 + after, dice.randint(1, 200))
        assert [record.message for record in found] == messages[max(after, 0) :]
        assert [record.offset for record in found] == [whole[record.place] for record in found]
    assert log.offset_at(T0 + 10**9) == len(messages)


def test_a_revision_is_given_once_and_found_again_however_far_back(
    connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timed_log, "_LOOKED_AT_ONCE", 7)
    revisions = [
        RawMessage(CITY_TOPIC, b"first", T0),
        RawMessage(RULES_TOPIC, b"rules", T0),
        RawMessage(CITY_TOPIC, b"second", T0 + 500),
        RawMessage(CITY_TOPIC, b"unreadable", T0 + 501),
        RawMessage(CITY_TOPIC, b"later", T0 + 900),
    ]
    messages = sorted([*revisions, *fleet(1_000)], key=lambda message: message.received_at)
    opened(connection).append(messages)
    log, begin = closed_later(TimedLog(connection)), T0 + 800
    after = log.offset_at(begin)

    def last(topic: str, *unwanted: bytes) -> LogRecord | None:
        return log.last_before(
            after, lambda one: one.message.topic == topic and one.message.payload not in unwanted, nothing
        )

    city, rules = last(CITY_TOPIC, b"unreadable"), last(RULES_TOPIC)
    assert city is not None
    assert rules is not None
    assert (city.message.payload, rules.message.payload) == (b"second", b"rules")
    assert 0 < rules.offset < city.offset < after
    partition, _ = parts_of_place(city.place)
    assert 0 <= partition < PARTITIONS
    assert opened(connection).find(city.place) == LogRecord(parts_of_place(city.place)[1], city.message, city.place)
    assert last("$haulwatch/other") is None
    found = read_from(log, begin, 60)
    topics = [record.message.topic for record in found]
    assert topics.count(CITY_TOPIC) == 1
    assert topics.count(COPY_TOPIC) == PARTITIONS - 1
    assert next(one.message.payload for one in found if one.message.topic == CITY_TOPIC) == b"later"


def test_looking_back_ends_when_whoever_asks_has_no_more_time(
    connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timed_log, "_LOOKED_AT_ONCE", 2)
    opened(connection).append([of_device(f"truck-{n}", n) for n in range(200)])
    log, looks = closed_later(TimedLog(connection)), list[int]()

    def goes_on() -> None:
        looks.append(1)
        if len(looks) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        log.last_before(log.offset_at(T0 + 200), lambda one: True, goes_on)
