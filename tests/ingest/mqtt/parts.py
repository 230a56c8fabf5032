"""Helpers for tests of the source: receive, send, disconnect, and a scripted broker."""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import Thread
from types import SimpleNamespace

import pytest
from paho.mqtt import publish
from paho.mqtt.enums import MQTTProtocolVersion

from devices.codecs.topics import reading_topic
from devices.readings.models import Kind
from ingest.mqtt import source as mqtt_source
from ingest.mqtt.source import MqttSource, ReceivedBatch
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S

TOPIC = reading_topic("truck-1", Kind.POSITION)

MakeSource = Callable[..., MqttSource]


def until(source: MqttSource, condition: Callable[[], object]) -> list[ReceivedBatch]:
    """Let the source work until the condition holds; return the batches that it took meanwhile."""
    taken = []
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"timed out; last error: {source.last_error}"
        taken.append(source.take(1000, 0.05, 0.01))
    return taken


def take(source: MqttSource, count: int) -> list[ReceivedBatch]:
    batches: list[ReceivedBatch] = []
    deadline = time.monotonic() + PATIENCE_S
    while sum(len(batch.messages) for batch in batches) < count:
        assert time.monotonic() < deadline, f"only {payloads(batches)}; last error: {source.last_error}"
        batches.append(source.take(1000, 0.5, 0.01))
    return batches


def payloads(batches: list[ReceivedBatch]) -> list[bytes]:
    return [message.payload for batch in batches for message in batch.messages]


def send(broker: Mosquitto, *messages: bytes, topic: str = TOPIC, qos: int = 1, retain: bool = False) -> None:
    """Publish, and return when the broker has the messages."""
    publish.multiple(
        [(topic, payload, qos, retain) for payload in messages],
        hostname="127.0.0.1",
        port=broker.port,
        protocol=MQTTProtocolVersion.MQTTv5,
    )


def nothing_comes(source: MqttSource, broker: Mosquitto) -> None:
    """Assert that nothing is queued for the source: the next message it gets is one sent just now."""
    send(broker, b"marker")
    batches = take(source, 1)
    assert payloads(batches) == [b"marker"]
    for batch in batches:
        source.acknowledge(batch)


def leave(source: MqttSource, broker: Mosquitto, times: int = 1) -> None:
    """Close, and return when the broker has read everything.

    Otherwise Mosquitto accepts a new connection of the session first, and never reads the old one's acknowledgements.
    """
    source.close()
    broker.wait_logged("Client haulwatch-collector disconnected", times)


class SourceClock:
    """The monotonic clock of sources, which a test moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead_s = 0.0
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + self.ahead_s, sleep=time.sleep)
        monkeypatch.setattr(mqtt_source, "time", clock)


class CannedBroker:
    """Answers each connection with a canned list of replies, one for each packet that it receives."""

    def __init__(self, *conversations: Sequence[bytes]) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._socket.getsockname()[1]}"
        self._conversations = conversations
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with self._socket, ExitStack() as connections:
            for replies in self._conversations:
                connection = connections.enter_context(self._socket.accept()[0])
                for reply in replies:
                    connection.recv(4096)
                    connection.sendall(reply)
            connection.recv(4096)
