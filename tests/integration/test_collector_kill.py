"""The first promise, with a real broker and a collector that is killed: no acknowledged message is lost."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from ingest.collector.collector import read_status
from ingest.log.raw_log import RawLog
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S, until

COLLECTOR_ON_A_SLOW_DISK = """
import signal, sys, time
from pathlib import Path
from threading import Event
from ingest.collector.collector import run_collector
from ingest.mqtt.source import MqttSource
from ingest.mqtt.url import MqttUrl
from ingest.log.raw_log import RawLog

class SlowLog(RawLog):
    def append(self, messages):
        time.sleep(0.03)  # so that most kills fall between take and append
        return super().append(messages)

stop = Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
folder = Path(sys.argv[2])
run_collector(MqttSource(MqttUrl.parse(sys.argv[1])), SlowLog(folder, 256 * 1024), stop, folder / "status.json")
"""
KILLS = 8
BURST = 25


class RestartedCollector:
    """A collector process that is killed and started again and again."""

    def __init__(self, url: str, folder: Path) -> None:
        self._command = [sys.executable, "-c", COLLECTOR_ON_A_SLOW_DISK, url, str(folder)]
        self._status = folder / "status.json"
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        self._status.unlink(missing_ok=True)
        return subprocess.Popen(self._command)

    def connected(self) -> bool:
        status = read_status(self._status)
        return status is not None and status.connected

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def kill_and_start(self) -> None:
        self.kill()
        self.process = self._start()


@contextmanager
def truck(port: int) -> Iterator[Client]:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(200)
    client.connect("127.0.0.1", port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def drive(client: Client, enough: Event) -> dict[bytes, MQTTMessageInfo]:
    """Publish about 800 messages a second until `enough` is set; return each with its acknowledgement."""
    sent: dict[bytes, MQTTMessageInfo] = {}
    while not enough.is_set():
        number = len(sent)
        sent[b"%d" % number] = client.publish(f"haulwatch/v1/truck-{number % 7}/position", b"%d" % number, qos=1)
        if number % BURST == 0:
            time.sleep(BURST / 800)
    return sent


@pytest.mark.real
@pytest.mark.long
def test_every_message_that_the_broker_accepted_is_in_the_log_though_the_collector_was_killed_again_and_again(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    dice = random.Random(1989)
    folder = tmp_path / "log"
    log = RawLog(folder)
    collector = RestartedCollector(mosquitto.url, folder)
    try:
        until(collector.connected, "the first connection, which makes the session")
        with truck(mosquitto.port) as client, ThreadPoolExecutor(1) as driver:
            enough = Event()
            driving = driver.submit(drive, client, enough)
            try:
                for _ in range(KILLS):
                    before = log.last_offset()
                    until(lambda: log.last_offset() > before, "a message in the log")  # noqa: B023
                    time.sleep(dice.uniform(0.0, 0.1))
                    collector.kill_and_start()
            finally:
                enough.set()
            sent = driving.result()
            for info in sent.values():
                info.wait_for_publish(PATIENCE_S)
        acknowledged = {payload for payload, info in sent.items() if info.is_published()}
        assert len(acknowledged) == len(sent)
        until(collector.connected, "the last connection")
        with truck(mosquitto.port) as client:
            last = client.publish("haulwatch/v1/truck-1/position", b"last", qos=1)
            last.wait_for_publish(PATIENCE_S)
        # Mosquitto delivers in order: what is missing when the last message is there will never come.
        until(lambda: b"last" in {record.message.payload for record in log.read(0, 10**6)}, "the last message")
        collector.process.send_signal(signal.SIGTERM)
        assert collector.process.wait(PATIENCE_S) == 0, "it stops cleanly on SIGTERM"
    finally:
        collector.kill()
    records = log.read(0, 10**6)
    log.close()
    assert [record.offset for record in records] == list(range(1, len(records) + 1))
    logged = {record.message.payload for record in records}
    assert len(acknowledged - logged) == 0, "lost"
    assert logged == acknowledged | {b"last"}, "nothing was added"
