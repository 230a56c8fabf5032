"""The embedded broker does what the demonstration needs, and the source works with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from ingest.mqtt.embedded_broker import _Subscriptions
from ingest.mqtt.source import MqttSource
from ingest.mqtt.url import MqttUrl
from tests.servers import free_port, running
from tests.waiting import PATIENCE_S


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    port = free_port()
    command = [
        sys.executable,
        "-c",
        f"from ingest.mqtt.embedded_broker import run_broker; run_broker('127.0.0.1', {port})",
    ]
    log = tmp_path / "broker.log"
    with running(command, log, port) as process:
        yield port, process
    assert log.read_text() == "", "it logs nothing"
    assert process.returncode == 0


class Device:
    """A client that records every message it receives."""

    def __init__(self, port: int, name: str, *, will: tuple[str, bytes] | None = None, clean: bool = True) -> None:
        self.received: list[tuple[str, bytes, bool]] = []
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
        self.client.on_message = self._on_message
        if will is not None:
            self.client.will_set(*will, qos=1, retain=True)
        self.client.connect("127.0.0.1", port)
        self.until(self.client.is_connected)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.received.append((message.topic, bytes(message.payload), message.retain))

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, self.received
            self.client.loop(0.05)

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.until(self.client.publish(topic, payload, qos=1, retain=retain).is_published)

    def subscribe(self, *topic_filters: str) -> list[str]:
        """Returns what the broker answers for each filter."""
        answers: list[list[str]] = []
        self.client.on_subscribe = lambda _client, _userdata, _mid, reasons, _: answers.append(
            [str(r) for r in reasons]
        )
        self.client.subscribe([(topic_filter, 1) for topic_filter in topic_filters])
        self.until(lambda: answers)
        return answers[0]

    def cut_the_connection(self) -> None:
        sock = self.client.socket()
        assert sock is not None
        sock.close()


def test_the_source_falls_back_and_gets_every_reading_of_many_devices(
    broker: tuple[int, "subprocess.Popen[bytes]"],
) -> None:
    port, _ = broker
    source = MqttSource(MqttUrl.parse(f"mqtt://127.0.0.1:{port}"))
    devices = [Device(port, f"truck-{number}") for number in range(80)]
    deadline = time.monotonic() + PATIENCE_S
    while not source.connected:
        assert time.monotonic() < deadline, source.last_error
        source.take(1, 0.05, 0.0)
    assert (source.protocol, source.reconnects) == ("3.1.1", 0)
    received: set[tuple[str, bytes]] = set()
    for turn in range(25):
        for number, device in enumerate(devices):
            device.client.publish(f"haulwatch/v1/truck-{number}/position", b"%d" % turn, qos=1)
            device.client.loop(0.0)
    while len(received) < 80 * 25:
        assert time.monotonic() < deadline, len(received)
        for device in devices:
            device.client.loop(0.0)
        batch = source.take(500, 0.05, 0.0)
        received |= {(message.topic, message.payload) for message in batch.messages}
        source.acknowledge(batch)
    source.close()
    for device in devices:
        device.client.disconnect()


def test_status_is_retained_and_a_last_will_is_published_when_the_connection_breaks(
    broker: tuple[int, "subprocess.Popen[bytes]"],
) -> None:
    port, _ = broker
    topic = "haulwatch/v1/truck-1/status"
    truck = Device(port, "truck-1", will=(topic, b"offline"))
    truck.send(topic, b"online", retain=True)
    watcher = Device(port, "watcher")
    watcher.subscribe("haulwatch/v1/+/+")
    watcher.until(lambda: watcher.received == [(topic, b"online", True)])
    truck.cut_the_connection()
    watcher.until(lambda: watcher.received[1:] == [(topic, b"offline", False)])
    late = Device(port, "late")
    late.subscribe("haulwatch/v1/+/+")
    late.until(lambda: late.received == [(topic, b"offline", True)])
    for device in (watcher, late):
        device.client.disconnect()


def test_a_session_keeps_messages_while_its_client_is_away(broker: tuple[int, "subprocess.Popen[bytes]"]) -> None:
    port, _ = broker
    away = Device(port, "collector", clean=False)
    away.subscribe("haulwatch/v1/+/+")
    away.client.disconnect()
    sender = Device(port, "sender")
    sender.send("haulwatch/v1/point-1/fill", b"1")
    sender.send("haulwatch/v1/point-1/fill", b"2")
    back = Device(port, "collector", clean=False)
    # The first may have been under way while the client left; it is sent again then, behind the second.
    back.until(lambda: sorted(payload for _, payload, _ in back.received) == [b"1", b"2"])
    for device in (sender, back):
        device.client.disconnect()


def test_a_device_subscribes_to_its_own_commands_only(broker: tuple[int, "subprocess.Popen[bytes]"]) -> None:
    port, _ = broker
    truck, collector = Device(port, "truck-1"), Device(port, "collector")
    refused = [
        "#", "haulwatch/#", "haulwatch/v1/+/command", "haulwatch/v1/truck-2/command", "haulwatch/v1/truck-1/position",
        *(f"$share/x{number}/haulwatch/v1/+/+" for number in range(500)),
    ]  # fmt: skip
    assert truck.subscribe("haulwatch/v1/truck-1/command", *refused) == [
        "Granted QoS 1",
        *["Unspecified error"] * len(refused),
    ]
    collector.subscribe("haulwatch/v1/+/+")
    for topic in ("haulwatch/v1/truck-2/command", "haulwatch/v1/truck-1/command"):
        collector.send(topic, b"{}")
    truck.until(lambda: truck.received)
    assert [topic for topic, _, _ in truck.received] == ["haulwatch/v1/truck-1/command"]
    for device in (truck, collector):
        device.client.disconnect()


def test_gateways_of_this_machine_read_what_they_read_at_a_deployed_broker(
    broker: tuple[int, "subprocess.Popen[bytes]"],
) -> None:
    port, _ = broker
    gateway, truck = Device(port, "haulwatch-collector-jt808"), Device(port, "truck-1")
    filters = ["haulwatch/v1/+/command", "haulwatch/v1/bridge-1/gate/plate", "spBv1.0/#"]
    assert gateway.subscribe(*filters, "#", "haulwatch/#") == [
        *["Granted QoS 1"] * 3,
        *["Unspecified error"] * 2,
    ]
    assert truck.subscribe("haulwatch/v1/+/command", "spBv1.0/#") == ["Unspecified error"] * 2
    for topic in ("haulwatch/v1/013912345678/command", "spBv1.0/plant/NBIRTH/node-1"):
        truck.send(topic, b"{}")
    gateway.until(lambda: len(gateway.received) == 2)
    for device in (gateway, truck):
        device.client.disconnect()


def test_a_port_that_is_taken_is_named(broker: tuple[int, "subprocess.Popen[bytes]"]) -> None:
    port, _ = broker
    command = [
        sys.executable,
        "-c",
        f"from ingest.mqtt.embedded_broker import run_broker; run_broker('127.0.0.1', {port})",
    ]
    second = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
    assert second.returncode == 1
    assert f"BrokerFailed: embedded broker cannot listen on 127.0.0.1:{port}".encode() in second.stderr


def test_it_stops_on_sigterm_though_clients_are_connected(broker: tuple[int, "subprocess.Popen[bytes]"]) -> None:
    port, process = broker
    device = Device(port, "truck-1")
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    device.client.disconnect()


def test_a_subscription_made_during_an_iteration_does_not_stop_the_broker() -> None:
    subscriptions = _Subscriptions({"a": 1, "b": 2})
    for topic in subscriptions:
        subscriptions[topic * 2] = 3
    for topic, number in subscriptions.items():
        assert subscriptions.pop(topic) == number
    assert not subscriptions
