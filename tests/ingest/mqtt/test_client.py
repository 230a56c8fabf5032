"""The client of sink, dispatcher and statistics: one version policy, own errors, sessions that are kept or not."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from threading import Thread

import mqtt5
import pytest

from ingest.mqtt.client import BrokerUnavailable, Delivered, MqttClient, PublishRefused
from ingest.mqtt.url import MqttUrl
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S

ACCEPTED = mqtt5.ConnAckPacket().write()
ACCEPTED_311 = b"\x20\x02\x00\x00"
REFUSED_VERSION_311 = b"\x20\x02\x00\x01"
REFUSED_VERSION = mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION).write()
REFUSED_LOGIN = mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.NOT_AUTHORIZED).write()
SILENCE = b""
V5, V311 = 5, 4
"""Protocol levels, as they stand in CONNECT."""


class RecordingBroker:
    """Answers the CONNECT of each connection in turn with a canned reply, and records its protocol level."""

    def __init__(self, *replies: bytes, then: bytes = b"") -> None:
        """`then` answers the second packet of the last connection."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = MqttUrl("127.0.0.1", self._listening.getsockname()[1])
        self.levels: list[int] = []
        Thread(target=self._serve, args=(replies, then), daemon=True).start()

    def _serve(self, replies: Sequence[bytes], then: bytes) -> None:
        connections = []
        with self._listening:
            for reply in replies:
                connection, _ = self._listening.accept()
                connections.append(connection)
                connect = connection.recv(4096)
                self.levels.append(connect[connect.index(b"MQTT") + 4])
                connection.sendall(reply)
            if connections[-1].recv(4096) and then:
                connections[-1].sendall(then)
                connections[-1].recv(4096)
        for connection in connections:
            connection.close()


def client(url: MqttUrl, session_expiry_s: int = 0) -> MqttClient:
    return MqttClient(url, "client-test", session_expiry_s=session_expiry_s, timeout_s=PATIENCE_S)


async def fails_in_silence(tested: MqttClient) -> None:
    """The next attempt ends without an answer. Only this one is timed: a busy machine may be slow to answer."""
    tested._timeout_s = 0.1
    with pytest.raises(BrokerUnavailable, match="timed out"):
        await tested.connect()
    tested._timeout_s = PATIENCE_S


@pytest.mark.parametrize("refusal", [REFUSED_VERSION_311, REFUSED_VERSION])
async def test_a_broker_that_refuses_mqtt_5_is_spoken_to_in_3_1_1_at_once_and_from_then_on(refusal: bytes) -> None:
    broker = RecordingBroker(refusal, ACCEPTED_311, ACCEPTED_311)
    tested = client(broker.url)
    for _ in range(2):
        await tested.connect()
        assert tested.connected
        await tested.close()
    assert broker.levels == [V5, V311, V311]
    assert not tested.connected


async def test_a_broker_that_chokes_on_mqtt_5_is_tried_in_the_other_version_turn_by_turn() -> None:
    broker = RecordingBroker(SILENCE, SILENCE, SILENCE, ACCEPTED_311)
    tested = client(broker.url)
    for _ in range(3):
        await fails_in_silence(tested)
    await tested.connect()
    await tested.close()
    assert broker.levels == [V5, V311, V5, V311]


async def test_after_one_answer_lost_mqtt_5_is_tried_again_at_the_next_connection() -> None:
    """A broker of version 5 that was just starting, or a proxy before it, leaves the client on 3.1.1 only once."""
    broker = RecordingBroker(SILENCE, ACCEPTED_311, ACCEPTED, ACCEPTED)
    tested = client(broker.url)
    await fails_in_silence(tested)
    for _ in range(3):
        await tested.connect()
        await tested.close()
    assert broker.levels == [V5, V311, V5, V5]


async def test_filters_that_the_broker_refuses_are_named_and_the_others_stand() -> None:
    granted, denied = mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE, mqtt5.SubAckReasonCode.NOT_AUTHORIZED
    answer = mqtt5.SubAckPacket(packet_id=1, reason_codes=[granted, denied]).write()
    broker = RecordingBroker(ACCEPTED, then=answer)
    tested = client(broker.url)
    await tested.connect()
    assert await tested.subscribe_to_any("$SYS/a", "$SYS/b", qos=0) == ["$SYS/b"]
    assert tested.connected
    await tested.close()


async def test_a_version_that_was_accepted_once_stays_though_the_broker_falls_silent() -> None:
    broker = RecordingBroker(ACCEPTED, SILENCE, ACCEPTED)
    tested = client(broker.url)
    await tested.connect()
    await tested.close()
    await fails_in_silence(tested)
    await tested.connect()
    await tested.close()
    assert broker.levels == [V5, V5, V5]


async def test_a_refused_login_or_a_broker_that_is_away_does_not_change_the_version() -> None:
    broker = RecordingBroker(REFUSED_LOGIN, ACCEPTED)
    tested = client(broker.url)
    with pytest.raises(BrokerUnavailable, match="Not authorized"):
        await tested.connect()
    await tested.connect()
    await tested.close()
    assert broker.levels == [V5, V5]
    away = client(MqttUrl("127.0.0.1", free_port()))
    for _ in range(3):
        with pytest.raises(BrokerUnavailable, match="refused"):
            await away.connect()
    back = RecordingBroker(ACCEPTED)
    away._url = back.url
    await away.connect()
    await away.close()
    assert back.levels == [V5]


async def test_a_client_that_is_not_connected_says_so() -> None:
    tested = client(MqttUrl("127.0.0.1", 1))
    with pytest.raises(BrokerUnavailable, match="not connected"):
        await tested.publish("t", b"")
    with pytest.raises(BrokerUnavailable, match="not connected"):
        await tested.receive()
    with pytest.raises(BrokerUnavailable, match="not connected"):
        await tested.subscribe("t", qos=1)
    await tested.close()


@pytest.mark.parametrize(("answer", "expected"), [(mqtt5.ConnAckPacket(receive_max=7).write(), 7), (ACCEPTED, 65_535)])
async def test_how_many_messages_may_be_in_flight_is_the_brokers_to_say(answer: bytes, expected: int) -> None:
    broker = RecordingBroker(answer)
    tested = client(broker.url)
    assert tested.receive_maximum == 65_535
    await tested.connect()
    assert tested.receive_maximum == expected
    await tested.close()


async def test_a_host_that_is_no_valid_name_is_unavailable() -> None:
    with pytest.raises(BrokerUnavailable):
        await client(MqttUrl("x" * 64 + ".example", 1883)).connect()


@pytest.mark.real
async def test_messages_arrive_and_a_connection_that_breaks_is_reported(mosquitto: Mosquitto) -> None:
    url = MqttUrl.parse(mosquitto.url)
    async with asyncio.timeout(PATIENCE_S), client(url) as tested:
        await tested.subscribe("a/+", "b", qos=1)
        await tested.publish("a/1", b"\xff")
        await tested.publish("b", "text")
        assert [await tested.receive(), await tested.receive()] == [Delivered("a/1", b"\xff"), Delivered("b", b"text")]
        await asyncio.to_thread(mosquitto.stop)
        with pytest.raises(BrokerUnavailable):
            await tested.receive()
        with pytest.raises(BrokerUnavailable):
            await tested.publish("b", b"")


@pytest.mark.real
async def test_a_kept_session_holds_messages_and_another_does_not(mosquitto: Mosquitto) -> None:
    url = MqttUrl.parse(mosquitto.url)
    async with asyncio.timeout(PATIENCE_S), MqttClient(url, "sender") as sender:
        for expiry_s in (60, 0):
            tested = client(url, session_expiry_s=expiry_s)
            async with tested:
                await tested.subscribe("t", qos=1)
            await sender.publish("t", b"while away")
            async with tested:
                await tested.subscribe("t", qos=1)
                await sender.publish("t", b"marker")
                first = await tested.receive()
            assert first.payload == (b"while away" if expiry_s else b"marker")


@pytest.mark.real
async def test_a_message_that_the_broker_refuses_is_not_taken_for_delivered(
    start_mosquitto: Callable[..., Mosquitto], tmp_path_factory: pytest.TempPathFactory
) -> None:
    access = tmp_path_factory.mktemp("access") / "acl"
    access.write_text("topic readwrite allowed\n")
    broker = start_mosquitto(more_config=f"acl_file {access}\n")
    async with asyncio.timeout(PATIENCE_S), client(MqttUrl.parse(broker.url)) as tested:
        await tested.publish("allowed", b"x")
        with pytest.raises(PublishRefused, match="Not authorized"):
            await tested.publish("forbidden", b"x")
