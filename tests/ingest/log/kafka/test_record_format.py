"""Keys of records: whose partition a message is in."""

import json
import sys

import pytest

from ingest.log.kafka.connection import KafkaConnection, KafkaMissing, library
from ingest.log.kafka.record_format import as_in, headers_of, is_for_all, key_of, message_of, partition_of
from ingest.log.records import CITY_TOPIC, COPY_TOPIC, FLOOD_TOPIC, RULES_TOPIC, TICK_TOPIC, RawMessage

T0 = 1_700_000_000_000


@pytest.mark.parametrize(
    ("topic", "payload", "key"),
    [
        ("haulwatch/v1/truck-1/position", b"{}", b"truck-1"),
        ("haulwatch/v1/truck-1/status", b"", b"truck-1"),
        ("somebody/else/x-7/y", b"", b"x-7"),
        ("short", b"", b"short"),
        (f"haulwatch/v1/{'x' * 300}/position", b"", b"x" * 64),
        (FLOOD_TOPIC, json.dumps({"device": "truck-1", "count": 3}).encode(), b"truck-1"),
        (TICK_TOPIC, b"10000", b""),
        (CITY_TOPIC, b"", b""),
    ],
)
def test_what_one_device_sends_and_what_stands_for_it_has_one_key(topic: str, payload: bytes, key: bytes) -> None:
    assert key_of(RawMessage(topic, payload, T0)) == key


def test_revisions_ticks_and_tickets_are_for_every_partition_and_nothing_else_is() -> None:
    topics = (CITY_TOPIC, RULES_TOPIC, TICK_TOPIC, FLOOD_TOPIC, "haulwatch/v1/B1/weighing", "haulwatch/v1/T1/position")
    assert [is_for_all(RawMessage(topic, b"", T0)) for topic in topics] == [True, True, True, False, True, False]


def test_silence_is_counted_in_one_partition_only() -> None:
    tick = RawMessage(TICK_TOPIC, b"10000", T0)
    assert [as_in(tick, tick.payload, partition, 2)[0] for partition in range(3)] == [b"10000", b"0", b"0"]


def test_a_ticket_is_a_copy_in_every_partition_but_that_of_its_bridge() -> None:
    ticket = RawMessage("haulwatch/v1/B1/weighing", b"{}", T0, retained=True)
    for partition in range(3):
        payload, headers = as_in(ticket, ticket.payload, partition, 1)
        assert message_of(headers, payload, T0, copies=True) == ticket
        read = message_of(headers, payload, T0)
        assert read == (ticket if partition == 1 else RawMessage(COPY_TOPIC, b"", T0))


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        # From Kafka's own test of its hash: UtilsTest.testMurmur2, Apache License 2.0.
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_partition_of_a_key_is_that_of_kafkas_own_clients(key: bytes, hashed: int) -> None:
    assert partition_of(key, 1 << 31) == hashed & 0x7FFFFFFF
    assert partition_of(key, 64) == (hashed & 0x7FFFFFFF) % 64


def test_a_native_live_message_has_one_header() -> None:
    message = RawMessage("haulwatch/v1/truck-1/position", b"{}", T0)
    assert headers_of(message) == [("topic", b"haulwatch/v1/truck-1/position")]
    assert message_of(headers_of(message), b"{}", T0) == message


def test_a_record_of_another_program_is_refused() -> None:
    with pytest.raises(ValueError, match="no header `topic`"):
        message_of([("something", b"else")], b"{}", T0)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(KafkaMissing, match=r"pip install 'haulwatch\[kafka\]'"):
        library()


def test_a_connection_shows_no_password() -> None:
    connection = KafkaConnection("k1:9092", security={"sasl.password": "qs7-not-to-be-shown"})
    assert "qs7" not in repr(connection)
    assert connection.properties()["sasl.password"] == "qs7-not-to-be-shown"
