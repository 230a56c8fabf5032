"""Several collectors on one broker and one raw log: nothing acknowledged is lost, nothing is delivered twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest
from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from ingest.collector.collector import read_status
from ingest.log.raw_log import RawLog
from ingest.mqtt.source import MqttSource
from ingest.mqtt.url import MqttUrl
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.real

KILLS = 3
DEVICES = 7


class Collector:
    """One of two processes of `haulwatch collect`: one without an instance name, one with."""

    def __init__(self, instance: str, url: str, data_dir: Path) -> None:
        self._instance = instance
        self._environment = os.environ | {
            "HAULWATCH_MQTT_URL": url,
            "HAULWATCH_DATA_DIR": str(data_dir),
            "HAULWATCH_BROKER_SHARE_GROUP": "city",
        }
        self._status = data_dir / (f"collector-{instance}_status.json" if instance else "collector_status.json")
        self._log = data_dir / f"{instance or 'unnamed'}.log"
        self._start()

    def _start(self) -> None:
        self._status.unlink(missing_ok=True)
        with self._log.open("ab") as out:
            command = [sys.executable, "-m", "haulwatch", "collect", "--instance", self._instance]
            self.process = subprocess.Popen(command, env=self._environment, stdout=out, stderr=subprocess.STDOUT)

    def connected(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()
        status = read_status(self._status)
        return status is not None and status.connected

    def received(self) -> int:
        status = read_status(self._status)
        return 0 if status is None else status.received

    def wait_connected(self) -> None:
        until(self.connected, f"collector {self._instance} to connect")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def start_again(self) -> None:
        self._start()
        self.wait_connected()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def collectors(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[list[Collector]]:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    both = [Collector(instance, mosquitto.url, data_dir) for instance in ("", "b")]
    try:
        for collector in both:
            collector.wait_connected()
        yield both
    finally:
        for collector in both:
            collector.kill()


class Fleet:
    """A publisher that records which of its messages the broker acknowledged."""

    def __init__(self, port: int) -> None:
        self.sent: dict[bytes, MQTTMessageInfo] = {}
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.max_inflight_messages_set(200)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def drive(self, enough: Callable[[], bool]) -> None:
        """Publish about 1,000 messages a second."""
        while not enough():
            number = len(self.sent)
            payload = b"%d" % number
            topic = f"haulwatch/v1/truck-{number % DEVICES}/position"
            self.sent[payload] = self._client.publish(topic, payload, qos=1)
            if number % 25 == 0:
                time.sleep(0.025)

    def acknowledged(self) -> set[bytes]:
        for info in list(self.sent.values()):
            info.wait_for_publish(PATIENCE_S)
        return {payload for payload, info in self.sent.items() if info.is_published()}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_one_of_two_collectors_is_killed_again_and_again_and_nothing_is_lost(
    mosquitto: Mosquitto, collectors: list[Collector], tmp_path: Path
) -> None:
    dice = random.Random(1989)
    steady, victim = collectors
    log = RawLog(tmp_path / "data" / "raw")
    with closing(Fleet(mosquitto.port)) as fleet:
        enough = Event()
        driving = Thread(target=fleet.drive, args=(enough.is_set,))
        driving.start()
        try:
            for _ in range(KILLS):
                until(lambda: victim.received() > 20, "the victim to receive")
                time.sleep(dice.uniform(0.0, 0.2))
                victim.kill()
                time.sleep(dice.uniform(0.0, 0.2))
                victim.start_again()
        finally:
            enough.set()
            driving.join()
        acknowledged = fleet.acknowledged()
    assert len(acknowledged) == len(fleet.sent)
    assert steady.received() > 0

    until(lambda: _payloads(log) >= acknowledged, "every acknowledged message in the log")
    assert [collector.stop() for collector in collectors] == [0, 0]
    assert _payloads(log) == acknowledged
    log.close()


def test_both_take_part_and_a_second_process_of_one_instance_is_refused(
    mosquitto: Mosquitto, collectors: list[Collector], tmp_path: Path
) -> None:
    with closing(Fleet(mosquitto.port)) as fleet:
        fleet.drive(lambda: len(fleet.sent) == 200)
        fleet.acknowledged()
    until(lambda: sum(collector.received() for collector in collectors) == 200, "all in the log, once")
    assert min(collector.received() for collector in collectors) > 50
    twin = subprocess.run(
        [sys.executable, "-m", "haulwatch", "collect", "--instance", "b"],
        env=os.environ | {"HAULWATCH_DATA_DIR": str(tmp_path / "data"), "HAULWATCH_BROKER_SHARE_GROUP": "city"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert twin.returncode == 2
    assert "another collector-b" in twin.stderr


def test_of_two_brokers_with_a_collector_each_one_may_die(
    start_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    """Both write one log. A device that has no acknowledgement goes to the other broker."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    brokers = [start_mosquitto(), start_mosquitto()]
    pair = [Collector(name, broker.url, data_dir) for name, broker in zip(("", "b"), brokers, strict=True)]
    try:
        for collector in pair:
            collector.wait_connected()
        with closing(Fleet(brokers[0].port)) as fleet:
            fleet.drive(lambda: len(fleet.sent) == 500)
            acknowledged = fleet.acknowledged()
        until(lambda: pair[0].received() == 500, "the first collector to receive")
        brokers[0].kill()
        with closing(Fleet(brokers[1].port)) as fleet:
            fleet.drive(lambda: len(fleet.sent) == 900)  # the first 500 again
            acknowledged |= fleet.acknowledged()
        with closing(RawLog(data_dir / "raw")) as log:
            until(lambda: _payloads(log) >= acknowledged, "every acknowledged message in the log")
        assert len(acknowledged) == 900
    finally:
        for collector in pair:
            collector.kill()


def _payloads(log: RawLog) -> set[bytes]:
    return {record.message.payload for record in log.read(0, 10**6)}


def received(mosquitto: Mosquitto, client_id: str, group: str, *former: str) -> list[bytes]:
    """Connect a collector with these groups, send two messages and a last one, and return what it receives before."""
    url = MqttUrl.parse(mosquitto.url)
    with closing(MqttSource(url, client_id, share_group=group, former_groups=former)) as source:
        while not source.connected:
            assert source.take(1, 0.05, 0.0).messages == ()
        with closing(Fleet(mosquitto.port)) as fleet:
            fleet.drive(lambda: len(fleet.sent) == 3)
            fleet.acknowledged()
        payloads: list[bytes] = []
        while b"2" not in payloads:
            batch = source.take(10, 1.0, 0.3)
            source.acknowledge(batch)
            payloads += [message.payload for message in batch.messages]
        return payloads[: payloads.index(b"2")]


def test_a_changed_share_group_does_not_deliver_twice(mosquitto: Mosquitto) -> None:
    """The session keeps its subscriptions, so the collector has to unsubscribe from the former one."""
    for group in ("", "city", "night", "", "city"):
        assert received(mosquitto, "collector", group, "city", "night") == [b"0", b"1"], group
    assert received(mosquitto, "collector", "") != [b"0", b"1"], (
        "without its former groups it receives each message twice"
    )


def test_nothing_is_lost_while_the_share_group_is_changed(mosquitto: Mosquitto) -> None:
    assert received(mosquitto, "collector", "") == [b"0", b"1"]
    with closing(Fleet(mosquitto.port)) as fleet:
        fleet.drive(lambda: len(fleet.sent) == 3)
        fleet.acknowledged()
    with closing(MqttSource(MqttUrl.parse(mosquitto.url), "collector", share_group="city")) as source:
        batch = source.take(3, PATIENCE_S, PATIENCE_S)
    assert [message.payload for message in batch.messages] == [b"0", b"1", b"2"]
