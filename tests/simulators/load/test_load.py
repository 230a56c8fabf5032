"""The load generator: its packets, its payloads, and its counts against a real broker."""

import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from threading import Event, Thread

import pytest

from devices.codecs.registry import decode
from devices.geo.geometry import LatLon, LocalPlane
from devices.readings.models import Fill, Position
from ingest.log.records import RawMessage
from ingest.mqtt.source import MqttSource
from ingest.mqtt.url import MqttUrl
from simulators.load import generator as load
from simulators.load.generator import PROBE_STEP_MS, SPEED_KMH, Plan, Sent, Traffic, device_id, probe_id
from simulators.load.packets import (
    CONNACK,
    PUBACK,
    PUBLISH,
    Version,
    connect,
    packets_in,
    publish,
    published_body,
    subscribe,
)
from tests.servers.mosquitto import Mosquitto

TS = 1_790_000_000_000


def test_packets_are_written_as_the_standard_has_them() -> None:
    assert connect("c", Version.V311) == b"\x10\x0d\0\4MQTT\4\2\0\0\0\1c"
    assert connect("c", Version.V5) == b"\x10\x0e\0\4MQTT\5\2\0\0\0\0\1c"
    assert publish("t", b"hi", 258, Version.V311) == b"\x32\7\0\1t\1\2hi"
    assert publish("t", b"hi", 258, Version.V5) == b"\x32\x08\0\1t\1\2\0hi"
    assert subscribe("#", Version.V311) == b"\x82\6\0\1\0\1#\0"


@pytest.mark.parametrize("size", [0, 122, 123, 16_378, 16_379, 2_097_146, 2_097_147])
def test_a_length_of_any_size_reads_back(size: int) -> None:
    packet = bytearray(publish("t", bytes(size), 1, Version.V311))
    [(kind, body)] = packets_in(packet)
    assert (kind, len(body)) == (PUBLISH, 5 + size)
    assert packet == b""


def test_an_incomplete_packet_waits() -> None:
    whole = b"\x20\2\0\0" + b"\x40\2\0\1"
    for cut in range(4, 8):
        buffer = bytearray(whole[:cut])
        assert packets_in(buffer) == [(CONNACK, b"\0\0")]
        assert buffer == whole[4:cut]
        buffer += whole[cut:]
        assert packets_in(buffer) == [(PUBACK, b"\0\1")]


def test_a_length_of_five_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="remaining length"):
        packets_in(bytearray(b"\x30\xff\xff\xff\xff\1"))


@pytest.mark.parametrize(("version", "body"), [(Version.V311, b"\0\1thi"), (Version.V5, b"\0\1t\0hi")])
def test_a_published_payload_is_found(version: Version, body: bytes) -> None:
    assert published_body(body, version) == b"hi"


def test_a_truck_drives_at_its_speed_and_reports_what_the_codec_takes() -> None:
    traffic = Traffic(10)
    payloads = [traffic.position(3, step, TS + step * 10_000) for step in range(30)]
    fixes = [fix for payload in payloads for fix in decode("haulwatch/v1/load-000003/position", payload)]
    assert all(isinstance(fix, Position) for fix in fixes)
    assert [len(payload) for payload in payloads] == pytest.approx([220] * 30, abs=30)
    places = [LatLon(fix.lat, fix.lon) for fix in fixes if isinstance(fix, Position)]
    plane = LocalPlane(places[0])
    steps_m = [plane.xy(a).distance_m(plane.xy(b)) for a, b in pairwise(places)]
    straight_m = SPEED_KMH / 3.6 * 10
    assert max(steps_m) < straight_m * 1.01
    assert sorted(steps_m)[15] > straight_m * 0.8


def received(broker: Mosquitto, send: Callable[[], Sent], expected: int) -> tuple[Sent, list[RawMessage]]:
    """Messages that a QoS 1 subscriber receives from a plan: it waits for those expected, and sees a surplus."""
    messages: list[RawMessage] = []
    sent: list[Sent] = []
    with closing(MqttSource(MqttUrl.parse(broker.url), "counts", session_expiry_s=0)) as source:
        while not source.connected:
            source.take(1, 0.1, 0)
        done = Event()

        def work() -> None:
            sent.append(send())
            done.set()

        sending = Thread(target=work)
        sending.start()
        while True:
            batch = source.take(500, 0.3, 0.01)
            messages += batch.messages
            source.acknowledge(batch)
            if not batch.messages and done.is_set() and len(messages) >= expected:
                break
        sending.join()
    return sent[0], messages


@pytest.mark.real
@pytest.mark.parametrize("version", list(Version))
def test_every_message_arrives_once_and_in_each_devices_order(mosquitto: Mosquitto, version: Version) -> None:
    plan = Plan(mosquitto.port, messages=5_007, devices=90, connections=3, window=400, version=version)
    sent, messages = received(mosquitto, lambda: load.run(plan), 5_007)
    assert (sent.sent, sent.acknowledged, sent.refused) == (5_007, 5_007, 0)
    assert len(messages) == 5_007
    by_device: defaultdict[str, list[int]] = defaultdict(list)
    for message in messages:
        for reading in decode(message.topic, message.payload):
            assert isinstance(reading, Position)
            assert reading.ts <= message.received_at
            by_device[reading.device_id].append(reading.seq if reading.seq is not None else -1)
    assert by_device.keys() == {device_id(n) for n in range(90)}
    for steps in by_device.values():
        assert steps == list(range(len(steps)))


@pytest.mark.real
def test_at_a_rate_each_millisecond_of_a_device_is_sent_once_and_probes_overflow(mosquitto: Mosquitto) -> None:
    plan = Plan(mosquitto.port, messages=300, devices=7, rate=2_000, connections=2, probe_every_s=0.05)
    sent, messages = received(mosquitto, lambda: load.run(plan), 300)
    assert (sent.sent, sent.acknowledged) == (300, 300)
    readings = [reading for message in messages for reading in decode(message.topic, message.payload)]
    instants = [(fix.device_id, fix.ts) for fix in readings if isinstance(fix, Position)]
    assert len(instants) == len(set(instants)) == 300
    newest = max(ts for _, ts in instants)
    assert newest <= max(message.received_at for message in messages)
    fills: defaultdict[str, list[int]] = defaultdict(list)
    for reading in readings:
        if isinstance(reading, Fill):
            fills[reading.device_id].append(reading.ts)
    assert fills.keys() == {probe_id(n) for n in range(sent.probes)}
    assert all([b - a for a, b in pairwise(ts)] == [PROBE_STEP_MS] * 3 for ts in fills.values())


@pytest.mark.real
def test_the_command_prints_its_result(mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]) -> None:
    load.main(["--port", str(mosquitto.port), "--messages", "100", "--devices", "10"])
    result = json.loads(capsys.readouterr().out)
    assert (result["sent"], result["acknowledged"]) == (100, 100)
