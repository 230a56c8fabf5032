"""The whole fleet, and a recording, against a real Mosquitto: what is reported is what arrived."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from devices.city.model import City
from devices.codecs.registry import decode
from devices.codecs.topics import READINGS_FILTERS
from devices.readings.models import Kind
from devices.readings.refusals import DecodeError
from simulators.firmware.clock import ScenarioClock
from simulators.firmware.link import BrokerAddress, MqttDialer
from simulators.recordings.playback import play
from simulators.staging.fleet import run_fleet
from simulators.staging.scenario import Scenario
from tests.servers.mosquitto import Mosquitto
from tests.simulators.conftest import MINUTE_MS
from tests.simulators.recordings.test_playback import drive
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.real


class ReadingCounter:
    """Counts readings by kind as a collector would, from before the fleet starts."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.received: Counter[str] = Counter()
        self.statuses: dict[str, list[str]] = {}

    async def wait_for(self, expected: int) -> None:
        """Return when `expected` readings have arrived."""
        async with asyncio.timeout(PATIENCE_S):
            async for message in self._client.messages:
                self._count(str(message.topic), bytes(message.payload))
                if self.received.total() >= expected:
                    return

    def _count(self, topic: str, payload: bytes) -> None:
        kind = topic.rsplit("/", 1)[1]
        try:
            self.received[kind] += len(decode(topic, payload))
        except DecodeError:
            self.received[kind] += 1
        if kind == Kind.STATUS:
            self.statuses.setdefault(topic.split("/")[2], []).append(json.loads(payload)["cause"])


@asynccontextmanager
async def listening(mosquitto: Mosquitto) -> AsyncIterator[ReadingCounter]:
    async with aiomqtt.Client("127.0.0.1", mosquitto.port, identifier="counter") as client:
        for topic_filter in READINGS_FILTERS:
            await client.subscribe(topic_filter, qos=1)
        yield ReadingCounter(client)


def reported(path: Path) -> dict[str, Any]:
    """The report; empty before it is written."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


async def test_every_reading_the_fleet_reports_has_arrived(city: City, mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Forty device minutes in eight seconds; the power is cut, the blind zone passed, the shutdown is orderly."""
    report_path, stop = tmp_path / "fleet.json", asyncio.Event()
    clock = ScenarioClock(time.time_ns() // 1_000_000 - 40 * MINUTE_MS, speed=400)
    broker = BrokerAddress("127.0.0.1", mosquitto.port)
    async with listening(mosquitto) as counter, asyncio.TaskGroup() as tasks:
        fleet = tasks.create_task(run_fleet(city, broker, Scenario(seed=1), clock, stop, report_path))
        await eventually(lambda: reported(report_path).get("script_done"), "the script ends")
        assert reported(report_path)["connected"] == len(city.devices) - 1
        stop.set()
        await fleet
        report = reported(report_path)
        await counter.wait_for(report["published"])
    assert report["by_kind"] == dict(sorted(counter.received.items()))
    assert report["published"] == counter.received.total() > 5_000
    assert (report["unacknowledged"], report["held"], report["overwritten"]) == (0, 0, 0)
    assert report["finished"] is True
    assert report["caught_up"] is True
    silent = next(label["device_id"] for label in report["labels"] if label["rule"] == "silent_device")
    for device_id, causes in counter.statuses.items():
        assert causes[0] == "birth"
        assert causes[-1] == ("will" if device_id == silent else "shutdown"), device_id


async def test_a_fleet_outlives_a_restart_of_the_broker(city: City, mosquitto: Mosquitto, tmp_path: Path) -> None:
    report_path, stop = tmp_path / "fleet.json", asyncio.Event()
    clock = ScenarioClock(time.time_ns() // 1_000_000 - 40 * MINUTE_MS, speed=60)
    async with asyncio.TaskGroup() as tasks:
        fleet = tasks.create_task(
            run_fleet(city, BrokerAddress("127.0.0.1", mosquitto.port), Scenario(seed=1), clock, stop, report_path)
        )
        await eventually(lambda: reported(report_path).get("published"), "the fleet publishes")
        await asyncio.to_thread(mosquitto.restart)
        before = reported(report_path)["published"]
        await eventually(lambda: reported(report_path)["published"] > before + 500, "the fleet publishes again")
        stop.set()
        await fleet
    report = reported(report_path)
    assert report["trouble"] is not None
    assert report["held"] == 0
    assert report["published"] > 500


async def test_a_recording_arrives_whole_and_without_births(mosquitto: Mosquitto) -> None:
    rows = drive("truck-1", list(range(300))) + drive("truck-2", list(range(300)))
    async with listening(mosquitto) as counter:
        played = await play(rows, MqttDialer(BrokerAddress("127.0.0.1", mosquitto.port)))
        await counter.wait_for(played.messages)
    assert played.messages == 600
    assert counter.received == {"position": 600}


async def test_devices_sign_in_with_their_own_names(city: City, tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "m", credentials=("truck-1", "secret"))
    broker.start()
    try:
        dialer = MqttDialer(BrokerAddress("127.0.0.1", broker.port, password="secret"))
        played = await play(drive("truck-1", [1, 2, 3]), dialer)
        assert played.messages == 3
        assert "secret" not in repr(BrokerAddress("127.0.0.1", broker.port, password="secret"))
    finally:
        broker.kill()
