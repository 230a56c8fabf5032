"""Alerts on their way out: in order, none lost, whatever is down for a while."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.readings.series import ALERT_FIELDS, ALERT_MEASUREMENT, ALERT_TAGS, Point
from ingest.alerts.mqtt_sink import MqttSink
from ingest.alerts.publisher import BATCH, AlertPublisher, PublisherCursors, SinkUnavailable, StoreSink, alert_points
from ingest.mqtt.embedded_broker import serve_broker
from ingest.mqtt.url import MqttUrl
from ingest.store import StoreRejected, StoreUnavailable
from ingest.store.sqlite import SqliteStore
from rules.alerts.journal import JournalEntry
from rules.alerts.model import AlertChange, Evidence, Phase, Severity, Text
from tests.servers import free_port

CITY = read_city(JINCHENG)


def change(no: int, **given: Any) -> AlertChange:
    fields: dict[str, Any] = {
        "alert_id": f"{no:016x}", "revision": 1, "rule": "bin_overflow", "rule_version": 1, "subject": "P01",
        "phase": Phase.CONFIRMED, "severity": Severity.P2, "at": 1_790_000_000_000, "opened_at": 1_789_999_000_000,
        "title": Text(en="full", zh="满溢"), "evidence": Evidence(parameters={}), "lat": 35.5, "lon": 112.8,
    }  # fmt: skip
    return AlertChange(**fields | given)


@dataclass
class FakeJournal:
    entries: list[JournalEntry] = field(default_factory=list)

    def add(self, count: int) -> None:
        for no in range(len(self.entries) + 1, len(self.entries) + 1 + count):
            self.entries.append(JournalEntry(no=no, recorded_at=0, change=change(no)))

    def changes_after(self, no: int, limit: int) -> list[JournalEntry]:
        return [entry for entry in self.entries if entry.no > no][:limit]


@dataclass
class FakeOutlet:
    trouble: list[Exception] = field(default_factory=list)
    took: list[int] = field(default_factory=list)

    async def deliver(self, entries: Sequence[JournalEntry]) -> None:
        if self.trouble:
            raise self.trouble.pop()
        self.took += [entry.no for entry in entries]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_changes_go_out_once_in_order_and_on_after_a_restart(tmp_path: Path) -> None:
    journal, outlet = FakeJournal(), FakeOutlet()
    journal.add(BATCH + 3)
    for _ in range(2):
        announcer = AlertPublisher("mqtt", outlet, journal, PublisherCursors(tmp_path / "announcer.db"))
        assert await announcer.step() in {BATCH, 3}
    assert await announcer.step() == 0
    assert outlet.took == list(range(1, BATCH + 4))


async def test_a_failed_delivery_is_made_again(tmp_path: Path) -> None:
    journal, outlet = FakeJournal(), FakeOutlet([SinkUnavailable("down")])
    journal.add(2)
    announcer = AlertPublisher("mqtt", outlet, journal, PublisherCursors(tmp_path / "announcer.db"))
    with pytest.raises(SinkUnavailable):
        await announcer.step()
    await announcer.step()
    assert outlet.took == [1, 2]


async def test_one_outlet_that_is_down_does_not_hold_the_other(tmp_path: Path) -> None:
    journal, cursors, stop = FakeJournal(), PublisherCursors(tmp_path / "announcer.db"), asyncio.Event()
    down, up = FakeOutlet([SinkUnavailable("down", 0.02)] * 5), FakeOutlet()
    journal.add(3)
    async with asyncio.TaskGroup() as tasks:
        for name, outlet in (("down", down), ("up", up)):
            tasks.create_task(AlertPublisher(name, outlet, journal, cursors).run(stop), name=name)
        await until(lambda: up.took == [1, 2, 3])
        journal.add(1)
        await until(lambda: down.took == up.took == [1, 2, 3, 4])
        stop.set()
    assert up.took == [1, 2, 3, 4]


def test_the_row_carries_what_the_boards_ask_for() -> None:
    (point,) = alert_points([change(1)], CITY)
    assert point.measurement == ALERT_MEASUREMENT
    assert tuple(name for name, _ in point.tags) == ALERT_TAGS
    assert set(point.fields) == set(ALERT_FIELDS)
    assert point.ts == change(1).at


def test_the_row_carries_where_its_device_belongs() -> None:
    truck = next(device for device in CITY.devices.values() if device.fleet)
    (point,) = alert_points([change(1, subject=truck.id)], CITY)
    assert {"district": truck.district, "fleet": truck.fleet}.items() <= dict(point.tags).items()


def test_alerts_of_one_instant_do_not_overwrite_each_other() -> None:
    def of(part: str) -> Evidence:
        return Evidence(parameters={}, measures={"compartment": part})

    changes = [
        change(1, subject="T1"), change(2, subject="T2"), change(3), change(4),
        change(5, evidence=of("paper")), change(6, evidence=of("glass")), change(7, phase=Phase.CLOSED),
    ]  # fmt: skip
    points = alert_points(changes, CITY)
    assert len({(point.tags, point.ts) for point in points}) == len(changes)
    assert max(point.ts for point in points) == changes[0].at + 1
    assert alert_points(changes, CITY) == points


async def test_rows_stand_once_in_the_store_however_often_they_are_delivered(tmp_path: Path) -> None:
    store, journal = SqliteStore(tmp_path / "readings.db"), FakeJournal()
    journal.add(3)
    for _ in range(2):
        await StoreSink(store, lambda: CITY).deliver(journal.entries)
    rows = await store.rows(ALERT_MEASUREMENT, "P01", 0, 2_000_000_000_000, limit=10)
    assert [row.fields["alert_id"] for row in rows] == [f"{no:016x}" for no in (1, 2, 3)]
    await store.close()


@dataclass
class TroubledStore(SqliteStore):
    trouble: Exception

    async def write(self, points: Sequence[Point]) -> None:
        raise self.trouble


async def test_a_store_that_is_down_is_tried_again_and_poison_is_passed_over() -> None:
    entries = [JournalEntry(no=1, recorded_at=0, change=change(1))]
    with pytest.raises(SinkUnavailable) as down:
        await StoreSink(TroubledStore(StoreUnavailable("503", 7.0)), lambda: CITY).deliver(entries)
    assert down.value.retry_after == 7
    poison = StoreSink(TroubledStore(StoreRejected([(0, "no")])), lambda: CITY)
    await poison.deliver(entries)
    assert poison.rejected == 1


@pytest.mark.real
async def test_alerts_are_published_and_survive_a_broker_that_goes_away(mosquitto: Any) -> None:
    url = MqttUrl.parse(mosquitto.url)
    outlet = MqttSink(url, "announcer-test")
    entries = [JournalEntry(no=no, recorded_at=0, change=change(no)) for no in (1, 2)]
    async with asyncio.timeout(20), aiomqtt.Client(url.host, url.port) as listener:
        await listener.subscribe("haulwatch/v1/alerts/#", qos=1)
        await outlet.deliver(entries)
        heard = [await anext(listener.messages) for _ in entries]
    assert {str(message.topic) for message in heard} == {"haulwatch/v1/alerts/P2/bin_overflow"}
    assert [json.loads(bytes(message.payload))["alert_id"] for message in heard] == [f"{no:016x}" for no in (1, 2)]
    assert not any(message.retain for message in heard)
    mosquitto.stop()
    with pytest.raises(SinkUnavailable, match=str(url.port)):
        await outlet.deliver(entries)
    mosquitto.start()
    await outlet.deliver(entries)
    await outlet.close()


async def test_the_embedded_broker_is_spoken_to_in_its_own_version() -> None:
    """It refuses MQTT 5, so a delivery that succeeds was made in 3.1.1."""
    port, stop = free_port(), asyncio.Event()
    outlet = MqttSink(MqttUrl("127.0.0.1", port), "announcer-test")
    entries = [JournalEntry(no=1, recorded_at=0, change=change(1))]
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(serve_broker("127.0.0.1", port, stop), name="broker")
        while True:
            try:
                await outlet.deliver(entries)
                break
            except SinkUnavailable:  # it is not listening yet
                await asyncio.sleep(0.05)
        await outlet.close()
        stop.set()
