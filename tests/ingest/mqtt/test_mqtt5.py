"""A connection in MQTT 5: keep-alive, flow control, errors and malformed packets, on real and scripted brokers."""

import errno
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import mqtt5
import pytest

from ingest.mqtt import mqtt5 as mqtt5_connection
from ingest.mqtt import source as mqtt_source
from ingest.mqtt.connection import Connection, Session
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
from tests.servers import free_port, program
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S

ACCEPTED = mqtt5.ConnAckPacket().write()
PONG = mqtt5.PingRespPacket().write()
GRANTED = mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]).write()


def message(payload: bytes, packet_id: int) -> bytes:
    return mqtt5.PublishPacket(TOPIC, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id).write()


class RecordingBroker:
    """A broker that accepts one client, sends the given packets, and records all bytes that it receives after that.

    `answer`: what it sends for each of these; without, it is silent.
    """

    def __init__(self, accepted: bytes, to_send: bytes, answer: bytes = b"") -> None:
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._listening.getsockname()[1]}"
        self.received: list[bytes] = []
        self._thread = Thread(target=self._serve, args=(accepted, to_send), daemon=True)
        self._thread.start()

    def _serve(self, accepted: bytes, to_send: bytes) -> None:
        with self._listening, self._listening.accept()[0] as client:
            client.recv(4096)
            client.sendall(accepted)
            client.recv(4096)
            client.sendall(GRANTED + to_send)
            while received := client.recv(65_536):
                self.received.append(received)
                client.sendall(self._answer)

    def all_received(self) -> bytes:
        """All bytes; call it when the client is gone."""
        self._thread.join(PATIENCE_S)
        return b"".join(self.received)


def test_acknowledgements_go_out_joined_and_in_the_order_of_arrival(make_source: MakeSource) -> None:
    ids = [3, 1, 65_535, 2, *range(100, 400)]
    broker = RecordingBroker(ACCEPTED, b"".join(message(b"%d" % packet_id, packet_id) for packet_id in ids))
    source = make_source(broker.url)
    for batch in take(source, len(ids)):
        source.acknowledge(batch)
    source.close()
    acknowledged = b"".join(b"\x40\2" + packet_id.to_bytes(2, "big") for packet_id in ids)
    assert broker.all_received() == acknowledged + b"\xe0\0"
    assert len(broker.received) < 10, "not one by one"


def test_the_brokers_own_keep_alive_is_used(make_source: MakeSource) -> None:
    broker = RecordingBroker(mqtt5.ConnAckPacket(server_keep_alive=1).write(), b"", answer=PONG)
    source = make_source(broker.url)
    until(source, lambda: mqtt5.PingReqPacket().write() in broker.received)
    assert source.connected


def test_a_half_open_connection_is_noticed(make_source: MakeSource) -> None:
    broker = RecordingBroker(ACCEPTED, b"")
    since = time.monotonic()
    source = make_source(broker.url, keepalive_s=1)
    until(source, lambda: source.connected)
    until(source, lambda: not source.connected)
    assert re.search(r"connection lost: no sign of life for \d+ s", source.last_error or "")
    assert time.monotonic() - since >= 1.4, "not before one and a half times the keep-alive"
    assert mqtt5.PingReqPacket().write() in broker.all_received(), "and only after it was asked"


@pytest.mark.real
def test_an_idle_connection_stands_and_so_does_one_that_does_not_read(
    mosquitto: Mosquitto, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mosquitto disconnects a client that sends nothing for one and a half times the keep-alive."""
    idle, full = make_source(mosquitto.url, "idle", keepalive_s=3), make_source(mosquitto.url, "full", keepalive_s=3)
    until(idle, lambda: idle.connected)
    until(full, lambda: full.connected)
    monkeypatch.setattr(mqtt_source, "_HELD_BYTES", 99)
    send(mosquitto, b"x" * 100)
    assert payloads(take(idle, 1)) == [b"x" * 100]
    full.wait(0.1)
    send(mosquitto, b"y" * 100)
    silent_until = time.monotonic() + 1.5 * 3 + 1
    while time.monotonic() < silent_until:
        idle.take(1, 0.05, 0.0)
        full.wait(0.05)
    assert idle.connected
    assert full.connected
    monkeypatch.undo()
    assert payloads(take(full, 2)) == [b"x" * 100, b"y" * 100]
    assert full.reconnects == 0


@pytest.mark.real
def test_no_more_than_the_receive_maximum_is_in_flight(mosquitto: Mosquitto, make_source: MakeSource) -> None:
    source = make_source(mosquitto.url, receive_maximum=10)
    until(source, lambda: source.connected)
    send(mosquitto, *[b"%d" % number for number in range(35)])
    first = take(source, 10)
    assert payloads(first) == [b"%d" % number for number in range(10)]
    assert source.take(1000, 0.3, 0.0).messages == ()
    for batch in first:
        source.acknowledge(batch)
    # Mosquitto 2.0 sends all the rest after the first acknowledgements; only not reading slows it down then.
    assert payloads(take(source, 25)) == [b"%d" % number for number in range(10, 35)]


def test_after_a_send_that_failed_half_way_nothing_more_is_sent(
    make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of an acknowledgement is lost: the next bytes would be read as its packet id, and confirm another."""
    open_socket = mqtt5_connection._open

    class FailingSocket(socket.socket):
        """Sends three bytes of the first acknowledgement, then fails once, then works."""

        outcomes = (3, OSError(errno.ENOBUFS, "No buffer space available"))

        def send(self, data: bytearray, flags: int = 0) -> int:  # type: ignore[override]
            if data[0] not in b"\x40\x01" or not self.outcomes:
                return super().send(data, flags)
            outcome, *self.outcomes = self.outcomes  # type: ignore[assignment]
            if isinstance(outcome, OSError):
                raise outcome
            return super().send(data[:outcome], flags)

    def open_failing(session: Session) -> socket.socket:
        opened = FailingSocket(fileno=open_socket(session).detach())
        opened.setblocking(False)
        return opened

    monkeypatch.setattr(mqtt5_connection, "_open", open_failing)
    broker = RecordingBroker(ACCEPTED, message(b"1", 1) + message(b"2", 2))
    source = make_source(broker.url, keepalive_s=1)
    batches = take(source, 2)
    for batch in batches:
        source.acknowledge(batch)
    until(source, lambda: not source.connected)
    assert "No buffer space available" in (source.last_error or "")
    source.close()
    assert broker.all_received() == b"\x40\2\0"


def disconnect(code: mqtt5.DisconnectReasonCode) -> bytes:
    return mqtt5.DisconnectPacket(reason_code=code).write()


@pytest.mark.parametrize(
    ("sent", "reported"),
    [
        (disconnect(mqtt5.DisconnectReasonCode.SERVER_SHUTTING_DOWN), "closed by the broker: Server shutting down"),
        (
            disconnect(mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER),
            r"Session taken over after \d+ s; does another process",
        ),
        (disconnect(mqtt5.DisconnectReasonCode.NOT_AUTHORIZED), "Not authorized: check user and password"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" + b" " * 100, "given up: the broker sent a packet that cannot be read"),
        (b"\x32\xff\xff\xff\xff\x7f", "given up: the broker sent a length of more than four bytes"),
        (message(b"half", 2)[:9], "connection lost"),
    ],
)
def test_messages_that_had_arrived_are_returned_and_then_the_reason(
    make_source: MakeSource, sent: bytes, reported: str
) -> None:
    broker = CannedBroker([ACCEPTED, GRANTED + message(b"last message", 1), sent])
    source = make_source(broker.url)
    batches = take(source, 1)
    assert payloads(batches) == [b"last message"]
    for _ in ("it sends", "it disconnects"):
        source.acknowledge(batches[-1])
        source.wait(0.05)
    until(source, lambda: not source.connected)
    assert re.search(reported, source.last_error or "")
    source.acknowledge(batches[-1])
    source.wait(0.1)


def test_a_broker_that_is_slow_to_reach_has_the_whole_time_to_answer(
    make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with dead addresses before the live one: each takes its seconds."""
    open_connection = mqtt_source._open

    clock = SourceClock(monkeypatch)

    def slow(version: str, session: Session) -> Connection:
        clock.ahead_s += 60
        return open_connection(version, session)

    monkeypatch.setattr(mqtt_source, "_open", slow)
    source = make_source(CannedBroker([ACCEPTED, GRANTED]).url)
    until(source, lambda: source.connected or source.last_error)
    assert (source.protocol, source.last_error) == ("5.0", None)


def test_an_answer_that_waits_unread_is_not_counted_as_silence(
    make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Disk full, held bytes at their limit, and the broker restarts: nothing is read until they are taken."""
    clock = SourceClock(monkeypatch)
    monkeypatch.setattr(mqtt_source, "_HELD_BYTES", 99)
    restart = disconnect(mqtt5.DisconnectReasonCode.SERVER_SHUTTING_DOWN)
    source = make_source(CannedBroker([ACCEPTED, GRANTED + message(b"x" * 100, 1) + restart], [ACCEPTED, GRANTED]).url)
    while "Server shutting down" not in (source.last_error or ""):
        source.wait(0.05)
    for _ in range(20):
        clock.ahead_s += 5
        source.wait(0.05)
    batches = until(source, lambda: source.connected)
    assert payloads(batches) == [b"x" * 100]
    assert (source.protocol, source.reconnects) == ("5.0", 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"\x20\x02\x00\x01",
        mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION).write(),
    ],
)
def test_a_broker_that_refuses_mqtt_5_is_spoken_to_in_3_1_1_at_once(make_source: MakeSource, answer: bytes) -> None:
    source = make_source(CannedBroker([answer], [b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01"]).url)
    until(source, lambda: source.connected)
    assert (source.protocol, source.last_error) == ("3.1.1", None)


@pytest.mark.parametrize(
    ("answer", "reported"),
    [
        (b"\x20\x02\x00\x01", "a shared subscription needs MQTT 5"),
        (mqtt5.ConnAckPacket(shared_subscription_available=False).write(), "it knows no shared subscriptions"),
    ],
)
def test_a_broker_without_shared_subscriptions_is_reported(
    make_source: MakeSource, answer: bytes, reported: str
) -> None:
    source = make_source(CannedBroker([answer]).url, share_group="city")
    until(source, lambda: source.last_error)
    assert reported in (source.last_error or "")
    assert "HAULWATCH_BROKER_SHARE_GROUP" in (source.last_error or "")
    assert not source.connected


@pytest.mark.real
def test_a_large_payload_arrives_among_a_thousand_small_ones(mosquitto: Mosquitto, make_source: MakeSource) -> None:
    source = make_source(mosquitto.url)
    until(source, lambda: source.connected)
    sent = [b"%d" % number for number in range(500)]
    sent = [*sent, b"x" * 65_536, *sent]
    send(mosquitto, *sent)
    assert payloads(take(source, len(sent))) == sent


@pytest.mark.real
def test_tls_is_checked_against_the_authorities_of_the_system(
    tmp_path: Path, start_mosquitto: Callable[..., Mosquitto], make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    certify(key, certificate)
    port = free_port()
    broker = start_mosquitto(more_config=f"listener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n")
    untrusting = make_source(f"mqtts://localhost:{port}", "untrusting")
    until(untrusting, lambda: untrusting.last_error)
    assert "certificate verify failed" in (untrusting.last_error or "")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    by_another_name = make_source(f"mqtts://127.0.0.1:{port}", "by another name")
    until(by_another_name, lambda: by_another_name.last_error)
    assert "IP address mismatch" in (by_another_name.last_error or "")
    source = make_source(f"mqtts://localhost:{port}")
    until(source, lambda: source.connected)
    sent = [b"%d" % number * 20 for number in range(200)]
    send(broker, *sent, b"x" * 65_536)
    batches = take(source, 201)
    assert payloads(batches) == [*sent, b"x" * 65_536]
    for batch in batches:
        source.acknowledge(batch)
    leave(source, broker)
    nothing_comes(make_source(broker.url), broker)


@pytest.mark.real
def test_with_tls_a_backlog_arrives_in_a_few_batches(
    tmp_path: Path, start_mosquitto: Callable[..., Mosquitto], make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mosquitto puts each message into a TLS record of its own. Read one at a time, with the pause of a batch between
    two, the broker's answer came after the time for it, again at each attempt.
    """
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    certify(key, certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    port = free_port()
    broker = start_mosquitto(more_config=f"listener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n")
    source = make_source(f"mqtts://localhost:{port}")
    until(source, lambda: source.connected)
    source.close()
    sent = [b"%d" % number * 20 for number in range(1_500)]
    send(broker, *sent)
    batches = take(make_source(f"mqtts://localhost:{port}"), len(sent))
    assert payloads(batches) == sent
    assert len(batches) < 100


def certify(key: Path, certificate: Path) -> None:
    """A key and a certificate of `localhost`, signed by itself."""
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    files = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([program("openssl"), *request, *files], check=True, capture_output=True)


@pytest.mark.real
def test_an_authority_that_is_renewed_under_way_is_trusted_at_the_next_connection(
    tmp_path: Path, start_mosquitto: Callable[..., Mosquitto], make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of authorities is replaced while the collector runs; it is not started again."""
    key, certificate, trust = (tmp_path / name for name in ("key.pem", "certificate.pem", "trust.pem"))
    certify(key, certificate)
    shutil.copy(certificate, trust)
    monkeypatch.setenv("SSL_CERT_FILE", str(trust))
    port = free_port()
    broker = start_mosquitto(more_config=f"listener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n")
    source = make_source(f"mqtts://localhost:{port}")
    until(source, lambda: source.connected)
    broker.stop()
    certify(key, certificate)
    shutil.copy(certificate, trust)
    broker.start()
    until(source, lambda: source.reconnects == 1 and source.connected)
