"""Keys of records: whose partition a message is in."""

import json
import sys

import pytest

from ingest.log.kafka.connection import KafkaConnection, KafkaMissing, library
from ingest.log.kafka.record_format import headers_of, is_for_all, key_of, message_of
from ingest.log.records import CITY_TOPIC, FLOOD_TOPIC, RULES_TOPIC, TICK_TOPIC, RawMessage

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


def test_revisions_are_for_every_partition_and_nothing_else_is() -> None:
    topics = (CITY_TOPIC, RULES_TOPIC, TICK_TOPIC, FLOOD_TOPIC, "haulwatch/v1/truck-1/position")
    assert [is_for_all(RawMessage(topic, b"", T0)) for topic in topics] == [True, True, False, False, False]


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
