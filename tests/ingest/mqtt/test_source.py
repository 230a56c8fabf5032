"""The source on a real Mosquitto: nothing is acknowledged before the caller asks for it, and nothing is lost."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from paho.mqtt import publish
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from devices.codecs.topics import alert_topic, command_ack_topic, command_topic, reading_topic
from devices.readings.models import Kind
from ingest.log.records import RawMessage
from ingest.mqtt.source import ReceivedBatch
from tests.ingest.mqtt.foreign_codec import FOREIGN_TOPIC, add_foreign_codec
from tests.ingest.mqtt.parts import (
    TOPIC,
    CannedBroker,
    MakeSource,
    SourceClock,
    leave,
    nothing_comes,
    payloads,
    send,
    take,
    until,
)
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.real


def test_acknowledged_messages_come_once(mosquitto: Mosquitto, make_source: MakeSource) -> None:
    source = make_source(mosquitto.url)
    assert not source.connected
    until(source, lambda: source.connected)
    assert (source.protocol, source.reconnects, source.last_error) == ("5.0", 0, None)
    before_ms = time.time_ns() // 1_000_000
    send(mosquitto, b"1", b"2", b"3")
    batches = take(source, 3)
    assert payloads(batches) == [b"1", b"2", b"3"]
    first = batches[-1].messages[-1]
    assert first == RawMessage(TOPIC, b"3", first.received_at)
    assert before_ms <= first.received_at <= time.time_ns() // 1_000_000
    for batch in batches:
        source.acknowledge(batch)
    leave(source, mosquitto)
    nothing_comes(make_source(mosquitto.url), mosquitto)


def test_unacknowledged_messages_come_again_to_the_next_process(mosquitto: Mosquitto, make_source: MakeSource) -> None:
    source = make_source(mosquitto.url)
    until(source, lambda: source.connected)
    send(mosquitto, b"1", b"2")
    first, *rest = take(source, 2)
    source.close()
    send(mosquitto, b"sent while no client was connected")
    again = make_source(mosquitto.url)
    batches = take(again, 3)
    assert payloads(batches) == [*payloads([first, *rest]), b"sent while no client was connected"]
    for batch in batches:
        again.acknowledge(batch)
    leave(again, mosquitto, times=2)
    nothing_comes(make_source(mosquitto.url), mosquitto)


def test_hundreds_may_be_in_flight_and_are_held_during_a_wait(
    start_mosquitto: Callable[..., Mosquitto], make_source: MakeSource
) -> None:
    mosquitto = start_mosquitto(more_config="max_inflight_messages 20\n")
    source = make_source(mosquitto.url)
    until(source, lambda: source.connected)
    send(mosquitto, *[b"%d" % number for number in range(300)])
    source.wait(0.2)
    held = source.take(1000, 0.0, 0.0)
    rest = take(source, 300 - len(held.messages))
    assert payloads([held, *rest]) == [b"%d" % number for number in range(300)]
    send(mosquitto, b"a", b"b", b"c")
    assert len(source.take(2, PATIENCE_S, PATIENCE_S).messages) == 2, "no more than asked for"


def test_after_a_restart_of_the_broker_it_goes_on_and_old_acknowledgements_are_void(
    mosquitto: Mosquitto, make_source: MakeSource
) -> None:
    source = make_source(mosquitto.url)
    until(source, lambda: source.connected)
    send(mosquitto, b"before")
    (*_, old_batch) = take(source, 1)
    mosquitto.restart()
    until(source, lambda: not source.connected)
    again = until(source, lambda: source.reconnects == 1)
    source.acknowledge(old_batch)
    send(mosquitto, b"after")
    again += take(source, 2 - len(payloads(again)))
    assert payloads(again) == [b"before", b"after"]
    assert source.connected
    source.close()
    unacknowledged = make_source(mosquitto.url)
    assert payloads(take(unacknowledged, 2)) == [b"before", b"after"], "the void acknowledgement confirmed neither"


def test_it_connects_again_to_a_broker_that_was_killed(mosquitto: Mosquitto, make_source: MakeSource) -> None:
    source = make_source(mosquitto.url)
    until(source, lambda: source.connected)
    mosquitto.kill()
    until(source, lambda: not source.connected)
    assert source.take(10, 0.01, 0.0).messages == ()
    until(source, lambda: "refused" in (source.last_error or ""))
    mosquitto.start()
    until(source, lambda: source.connected)
    assert source.last_error is None
    send(mosquitto, b"again")
    assert payloads(take(source, 1)) == [b"again"]


def test_messages_that_had_arrived_when_the_connection_broke_are_not_dropped(
    mosquitto: Mosquitto, make_source: MakeSource
) -> None:
    """A QoS 0 message is delivered once: a held one has to be returned."""
    source = make_source(mosquitto.url)
    until(source, lambda: source.connected)
    send(mosquitto, b"fleeting", qos=0)
    while not source._arrived:
        source.wait(0.05)
    mosquitto.kill()
    while source.connected:
        source.wait(0.05)
    batch = source.take(10, 0.0, 0.0)
    assert payloads([batch]) == [b"fleeting"]
    source.acknowledge(batch)


@pytest.mark.parametrize("password", ["wrong", None])
def test_wrong_credentials_are_reported_with_a_hint(
    start_mosquitto: Callable[..., Mosquitto], make_source: MakeSource, password: str | None
) -> None:
    broker = start_mosquitto(credentials=("collector", "right"))
    user = "" if password is None else f"collector:{password}@"
    source = make_source(f"mqtt://{user}127.0.0.1:{broker.port}")
    until(source, lambda: source.last_error)
    assert "refused the connection: Not authorized: check user and password" in (source.last_error or "")
    assert "wrong" not in (source.last_error or "")
    assert (source.connected, source.reconnects) == (False, 0)
    right = make_source(f"mqtt://collector:right@127.0.0.1:{broker.port}")
    until(right, lambda: right.connected)


def test_a_subscription_that_is_not_granted_is_reported(make_source: MakeSource) -> None:
    accepted, not_authorised = b"\x20\x03\x00\x00\x00", b"\x90\x04\x00\x01\x00\x87"
    source = make_source(CannedBroker([accepted, not_authorised]).url)
    until(source, lambda: source.last_error)
    assert "did not grant the subscription at QoS 1: Not authorized" in (source.last_error or "")
    assert not source.connected


def test_a_broker_that_chokes_on_mqtt_5_is_tried_with_3_1_1(
    make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, silence = SourceClock(monkeypatch), list[bytes]()
    accepted, granted = b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01"
    source = make_source(CannedBroker(silence, [accepted, granted]).url)
    source.take(1, 0.05, 0.0)
    clock.ahead_s = 60
    until(source, lambda: source.connected)
    assert source.protocol == "3.1.1"


def test_a_message_in_3_1_1_carries_the_dialect_of_its_topic(
    make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_foreign_codec(monkeypatch)
    body = len(FOREIGN_TOPIC).to_bytes(2, "big") + FOREIGN_TOPIC.encode() + b"\0\x07payload"
    accepted, granted = b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01"
    publish_packet = bytes([0x32, len(body)]) + body
    source = make_source(CannedBroker([b"\x20\x02\x00\x01"], [accepted, granted + publish_packet]).url)
    (*_, batch) = take(source, 1)
    assert [(message.topic, message.dialect) for message in batch.messages] == [(FOREIGN_TOPIC, "jt808")]
    assert source.protocol == "3.1.1"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.mqtt.source._FIRST_RETRY_S", 0.05)
    monkeypatch.setattr("ingest.mqtt.source._SLOWEST_RETRY_S", 0.1)


@pytest.mark.usefixtures("impatient")
def test_two_collectors_under_one_client_id_are_reported(
    mosquitto: Mosquitto, make_source: MakeSource, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = make_source(mosquitto.url), make_source(mosquitto.url)
    until(one, lambda: one.connected)
    until(other, lambda: other.connected)
    # It may be connected again before this is looked at, and its error is over.
    until(one, lambda: "does another process use the client id 'haulwatch-collector'?" in caplog.text)
    assert not one.contested  # the network may have ended it, once
    for _ in range(20):
        for source in (one, other):
            source.take(1, 0.02, 0.0)  # notices that the other took over
            until(source, lambda source=source: source.connected)  # type: ignore[misc]
    assert one.contested
    assert other.contested


@pytest.mark.usefixtures("impatient")
def test_a_broker_that_is_away_now_and_then_is_no_rival(
    start_mosquitto: Callable[..., Mosquitto], make_source: MakeSource
) -> None:
    broker = start_mosquitto()
    source = make_source(broker.url)
    for _ in range(3):
        until(source, lambda: source.connected)
        broker.stop()
        until(source, lambda: "refused" in (source.last_error or ""))
        broker.start()
    until(source, lambda: source.connected)
    assert not source.contested


def test_a_port_where_nobody_listens_is_reported(make_source: MakeSource) -> None:
    port = free_port()
    source = make_source(f"mqtt://127.0.0.1:{port}")
    assert source.take(10, 0.1, 0.0) == ReceivedBatch((), (), 1)
    assert f"mqtt://127.0.0.1:{port}: " in (source.last_error or "")
    assert "refused" in (source.last_error or "")


def test_foreign_topics_are_received_and_our_own_messages_are_not(
    mosquitto: Mosquitto, make_source: MakeSource
) -> None:
    source = make_source(mosquitto.url)
    until(source, lambda: source.connected)
    foreign = [
        "haulwatch/v1/truck-1/humidity",
        "haulwatch/v1/alerts/position",
        "haulwatch/v1//weighing",
        "haulwatch/v1/truck-1/",
        "haulwatch/v1/渣土车 七号/位置",
        "haulwatch/v1/'; DROP TABLE message; --/position",
        "haulwatch/v1/$haulwatch/tick",
        f"haulwatch/v1/{'x' * 60_000}/fill",
    ]
    ours = [command_topic("truck-1"), command_ack_topic("truck-1"), alert_topic("P1", "illegal_dumping")]
    for topic in [*ours, *foreign, *ours, "elsewhere/v1/truck-1/position"]:
        send(mosquitto, b"?", topic=topic)
    batches = take(source, len(foreign))
    assert [message.topic for batch in batches for message in batch.messages] == foreign
    for batch in batches:
        source.acknowledge(batch)
    nothing_comes(source, mosquitto)
    leave(source, mosquitto)
    nothing_comes(make_source(mosquitto.url), mosquitto)


def test_payloads_are_kept_byte_for_byte(mosquitto: Mosquitto, make_source: MakeSource) -> None:
    source = make_source(mosquitto.url)
    until(source, lambda: source.connected)
    sent = [b"", bytes(range(256)), b"\xff\xfe broken \x00", b"x" * 1_000_000]
    send(mosquitto, *sent)
    assert payloads(take(source, len(sent))) == sent


def test_properties_that_the_library_cannot_read_stop_nothing(mosquitto: Mosquitto, make_source: MakeSource) -> None:
    """A byte order mark is a valid character in MQTT; paho takes it for a malformed packet."""
    source = make_source(mosquitto.url)
    until(source, lambda: source.connected)
    marked = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    marked.UserProperty = [("firmware", "\ufeff1.0")]
    message: publish.MessageDict = {"topic": TOPIC, "payload": b"marked", "qos": 1}
    publish.multiple(
        [{**message, "properties": marked}],  # type: ignore[list-item]
        hostname="127.0.0.1",
        port=mosquitto.port,
        protocol=MQTTProtocolVersion.MQTTv5,
    )
    send(mosquitto, b"after")
    batches = take(source, 2)
    assert payloads(batches) == [b"marked", b"after"]
    assert (source.protocol, source.reconnects, source.last_error) == ("5.0", 0, None)
    for batch in batches:
        source.acknowledge(batch)
    leave(source, mosquitto)
    nothing_comes(make_source(mosquitto.url), mosquitto)


def test_retained_status_comes_with_the_first_subscription_only(mosquitto: Mosquitto, make_source: MakeSource) -> None:
    topic = reading_topic("truck-1", Kind.STATUS)
    send(mosquitto, b"online", topic=topic, retain=True)
    source = make_source(mosquitto.url)
    (*_, batch) = take(source, 1)
    assert (batch.messages[0].topic, batch.messages[0].payload) == (topic, b"online")
    assert batch.messages[0].retained
    source.acknowledge(batch)
    send(mosquitto, b"again", topic=topic, retain=True)
    (*_, batch) = take(source, 1)
    assert (batch.messages[0].payload, batch.messages[0].retained) == (b"again", False)  # it came live
    source.acknowledge(batch)
    leave(source, mosquitto)
    nothing_comes(make_source(mosquitto.url), mosquitto)


def test_a_broker_that_lost_the_session_is_reported(
    mosquitto: Mosquitto, make_source: MakeSource, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = make_source(mosquitto.url)
    until(source, lambda: source.connected)
    mosquitto.restart()
    until(source, lambda: source.reconnects == 1)
    assert "lost our session" not in caplog.text
    mosquitto.stop()
    (tmp_path / "mosquitto-0" / "mosquitto.db").unlink()
    mosquitto.start()
    until(source, lambda: source.reconnects == 2)
    assert "lost our session" in caplog.text
