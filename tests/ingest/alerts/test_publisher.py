"""The alert publisher and its sinks: in order, nothing lost, whatever is down for a while."""

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.db.database import DatabaseUnavailable
from devices.readings.series import ALERT_FIELDS, ALERT_MEASUREMENT, ALERT_TAGS, Point
from ingest.alerts.cursors import PublisherCursors
from ingest.alerts.mqtt_sink import MqttSink
from ingest.alerts.publisher import BATCH, AlertPublisher, SinkUnavailable
from ingest.alerts.store_sink import StoreSink, alert_points
from ingest.alerts.subjects import SubjectFields
from ingest.mqtt.embedded_broker import serve_broker
from ingest.mqtt.url import MqttUrl
from ingest.store import StoreRejected, StoreUnavailable
from ingest.store.sqlite import SqliteStore
from rules.alerts.actions import JournalEntry
from rules.alerts.model import AlertChange, Amendment, Evidence, Phase, Severity, Text
from tests.closing import closed_later
from tests.servers import free_port
from tests.waiting import PATIENCE_S, eventually

CITY = read_city(JINCHENG)
RECORDED_AT = 1_790_000_009_000


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
    away: bool = False

    def add(self, count: int) -> None:
        for no in range(len(self.entries) + 1, len(self.entries) + 1 + count):
            self.entries.append(JournalEntry(sequence=no, recorded_at=0, change=change(no)))

    def changes_after(self, sequence: int, limit: int) -> list[JournalEntry]:
        if self.away:
            raise DatabaseUnavailable("connection refused")
        return [entry for entry in self.entries if entry.sequence > sequence][:limit]

    def last_sequence(self) -> int:
        return len(self.entries)

    def last_recorded_until(self, instant: int) -> int:
        return max((entry.sequence for entry in self.entries if entry.recorded_at <= instant), default=0)


@dataclass
class FakeSink:
    errors: list[Exception] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)

    async def deliver(self, entries: Sequence[JournalEntry]) -> Sequence[JournalEntry]:
        if self.errors:
            raise self.errors.pop()
        self.taken += [entry.sequence for entry in entries]
        return ()


async def test_changes_go_out_once_in_order_and_on_after_a_restart(tmp_path: Path) -> None:
    journal, sink = FakeJournal(), FakeSink()
    journal.add(BATCH + 3)
    for _ in range(2):
        publisher = AlertPublisher("mqtt", sink, journal, closed_later(PublisherCursors(tmp_path / "announcer.db")))
        assert await publisher.step() in {BATCH, 3}
    assert await publisher.step() == 0
    assert sink.taken == list(range(1, BATCH + 4))


async def test_a_failed_delivery_is_made_again(tmp_path: Path) -> None:
    journal, sink = FakeJournal(), FakeSink([SinkUnavailable("down")])
    journal.add(2)
    publisher = AlertPublisher("mqtt", sink, journal, closed_later(PublisherCursors(tmp_path / "announcer.db")))
    with pytest.raises(SinkUnavailable):
        await publisher.step()
    await publisher.step()
    assert sink.taken == [1, 2]


async def test_cursors_of_former_versions_are_read(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "announcer.db")) as db, db:
        db.execute("CREATE TABLE cursor (outlet TEXT PRIMARY KEY, no INTEGER NOT NULL)")
        db.execute("CREATE TABLE said (of TEXT PRIMARY KEY, first TEXT NOT NULL) WITHOUT ROWID")
        db.execute("INSERT INTO cursor VALUES ('mqtt', 7)")
        db.execute("INSERT INTO said VALUES ('a1', 'north')")
    cursors = closed_later(PublisherCursors(tmp_path / "announcer.db"))
    assert (cursors.get("mqtt"), cursors.get("store")) == (7, None)
    assert (cursors.first_value("a1", "south"), cursors.first_value("a2", "south")) == ("north", "south")
    cursors.close()


async def test_one_sink_that_is_down_does_not_delay_the_other(tmp_path: Path) -> None:
    journal, cursors, stop = FakeJournal(), closed_later(PublisherCursors(tmp_path / "announcer.db")), asyncio.Event()
    down, up = FakeSink([SinkUnavailable("down", 0.02)] * 5), FakeSink()
    journal.add(3)
    async with asyncio.TaskGroup() as tasks:
        for name, sink in (("down", down), ("up", up)):
            tasks.create_task(AlertPublisher(name, sink, journal, cursors).run(stop), name=name)
        await eventually(lambda: up.taken == [1, 2, 3], "the sink that is up has all")
        journal.add(1)
        await eventually(lambda: down.taken == up.taken == [1, 2, 3, 4], "both sinks have all")
        stop.set()
    assert up.taken == [1, 2, 3, 4]


async def test_a_publisher_that_is_woken_does_not_wait_for_its_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.alerts.publisher._POLL_S", 100 * PATIENCE_S)
    journal, sink, stop = FakeJournal(), FakeSink(), asyncio.Event()
    publisher = AlertPublisher("mqtt", sink, journal, closed_later(PublisherCursors(tmp_path / "announcer.db")))
    journal.add(1)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publisher.run(stop), name="publisher")
        await eventually(lambda: sink.taken == [1], "it looks when it begins")
        for taken in ([1, 2], [1, 2, 3]):
            journal.add(1)
            await asyncio.to_thread(publisher.wake)
            await eventually(partial(eq, sink.taken, taken), "it looks when it is woken")
        stop.set()


def recorded(changes: Sequence[AlertChange]) -> list[JournalEntry]:
    return [JournalEntry(sequence=n, recorded_at=RECORDED_AT, change=one) for n, one in enumerate(changes, 1)]


def test_the_row_of_a_change_that_late_readings_made_says_when_it_was_learned_of() -> None:
    changes = [change(1), change(2, amendment=Amendment.NEW_LATE), change(3, amendment=Amendment.RETRACTED)]
    points = alert_points(recorded(changes), CITY, SubjectFields())
    assert [point.fields["learned_at"] for point in points] == [0, RECORDED_AT, RECORDED_AT]


def test_the_row_has_the_tags_and_fields_of_the_boards() -> None:
    (point,) = alert_points(recorded([change(1)]), CITY, SubjectFields())
    assert point.measurement == ALERT_MEASUREMENT
    assert tuple(name for name, _ in point.tags) == ALERT_TAGS
    assert set(point.fields) == set(ALERT_FIELDS)
    assert point.ts == change(1).at


def test_the_row_has_the_area_tags_of_its_device() -> None:
    truck = next(device for device in CITY.devices.values() if device.fleet)
    (point,) = alert_points(recorded([change(1, subject=truck.id)]), CITY, SubjectFields())
    assert {"district": truck.district, "fleet": truck.fleet}.items() <= dict(point.tags).items()


def test_the_row_says_what_people_call_the_device_and_which_board_shows_it() -> None:
    changes = [change(1, subject="truck-001"), change(2, subject="point-001"), change(3, subject="system")]
    described = [
        tuple(point.fields[name] for name in ("label", "label_zh", "board"))
        for point in alert_points(recorded(changes), CITY, SubjectFields())
    ]
    point_site = CITY.sites["recycling-001"]
    assert described == [
        ("晋E·D0101", "晋E·D0101", "trucks"),
        (point_site.name, point_site.name_zh, "recycling"),
        ("system", "system", "enforcement"),
    ]


def test_alerts_of_one_instant_do_not_overwrite_each_other() -> None:
    def of(part: str) -> Evidence:
        return Evidence(parameters={}, measures={"compartment": part})

    changes = [
        change(1, subject="T1"), change(2, subject="T2"), change(3), change(4),
        change(5, evidence=of("paper")), change(6, evidence=of("glass")), change(7, phase=Phase.CLOSED),
    ]  # fmt: skip
    points = alert_points(recorded(changes), CITY, SubjectFields())
    assert len({(point.tags, point.ts) for point in points}) == len(changes)
    assert max(point.ts for point in points) == changes[0].at + 1
    assert alert_points(recorded(changes), CITY, SubjectFields()) == points


async def test_rows_are_in_the_store_once_however_often_they_are_delivered(tmp_path: Path) -> None:
    store, journal = SqliteStore(tmp_path / "readings.db"), FakeJournal()
    journal.add(3)
    for _ in range(2):
        await StoreSink(store, lambda: CITY).deliver(journal.entries)
    rows = await store.rows(ALERT_MEASUREMENT, "P01", 0, 2_000_000_000_000, limit=10)
    assert [row.fields["alert_id"] for row in rows] == [f"{no:016x}" for no in (1, 2, 3)]
    await store.close()


@dataclass
class FailingStore(SqliteStore):
    error: Exception

    async def write(self, points: Sequence[Point]) -> None:
        raise self.error


async def test_a_store_that_is_down_is_tried_again_and_rejected_points_are_skipped() -> None:
    entries = [JournalEntry(sequence=1, recorded_at=0, change=change(1))]
    with pytest.raises(SinkUnavailable) as down:
        await StoreSink(FailingStore(StoreUnavailable("503", 7.0)), lambda: CITY).deliver(entries)
    assert down.value.retry_after == 7
    rejecting = StoreSink(FailingStore(StoreRejected([(0, "no")])), lambda: CITY)
    await rejecting.deliver(entries)
    assert rejecting.rejected == 1


@pytest.mark.real
async def test_alerts_are_published_and_survive_a_broker_that_goes_away(mosquitto: Any) -> None:
    url = MqttUrl.parse(mosquitto.url)
    sink = MqttSink(url, "publisher-test")
    entries = [JournalEntry(sequence=no, recorded_at=0, change=change(no)) for no in (1, 2)]
    async with asyncio.timeout(PATIENCE_S), aiomqtt.Client(url.host, url.port) as listener:
        await listener.subscribe("haulwatch/v1/alerts/#", qos=1)
        await sink.deliver(entries)
        received = [await anext(listener.messages) for _ in entries]
    assert {str(message.topic) for message in received} == {"haulwatch/v1/alerts/P2/bin_overflow"}
    assert [json.loads(bytes(message.payload))["alert_id"] for message in received] == [f"{no:016x}" for no in (1, 2)]
    assert not any(message.retain for message in received)
    mosquitto.stop()
    with pytest.raises(SinkUnavailable, match=str(url.port)):
        await sink.deliver(entries)
    mosquitto.start()
    await sink.deliver(entries)
    await sink.close()


async def test_the_embedded_broker_is_reached_over_mqtt_311() -> None:
    """It refuses MQTT 5, so a delivery that succeeds was made in 3.1.1."""
    port, stop = free_port(), asyncio.Event()
    sink = MqttSink(MqttUrl("127.0.0.1", port), "publisher-test")
    entries = [JournalEntry(sequence=1, recorded_at=0, change=change(1))]
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(serve_broker("127.0.0.1", port, stop), name="broker")
        while True:
            try:
                await sink.deliver(entries)
                break
            except SinkUnavailable:  # it is not listening yet
                await asyncio.sleep(0.05)
        await sink.close()
        stop.set()


async def test_the_alert_of_another_device_does_not_wait_for_hundreds_of_one(tmp_path: Path) -> None:
    journal, sink = FakeJournal(), FakeSink()
    journal.add(256)
    journal.entries.append(JournalEntry(sequence=257, recorded_at=0, change=change(257, subject="P02")))
    publisher = AlertPublisher("mqtt", sink, journal, closed_later(PublisherCursors(tmp_path / "announcer.db")))
    assert await publisher.step() == 257
    assert sink.taken[:3] == [1, 257, 2]
    assert sorted(sink.taken) == list(range(1, 258))
    assert await publisher.step() == 0
