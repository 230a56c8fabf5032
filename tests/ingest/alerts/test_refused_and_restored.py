"""Alerts that the broker refuses, a journal that was restored from a backup, and a cursor file with spoiled pages."""

import asyncio
import json
import random
import shutil
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import aiomqtt
import pytest

from devices.db.database import open_database
from haulwatch import migrations
from ingest.alerts.cursors import CursorsUnavailable, PublisherCursors, read_refused
from ingest.alerts.mqtt_sink import MqttSink
from ingest.alerts.publisher import AlertPublisher
from ingest.mqtt.url import MqttUrl
from rules.alerts.actions import JournalEntry
from rules.alerts.journal import AlertJournal
from tests.ingest.alerts.test_publisher import FakeJournal, FakeSink, change
from tests.servers.mosquitto import Mosquitto
from tests.spoiled import spoil_pages
from tests.waiting import PATIENCE_S

DAY_MS = 24 * 3_600_000


class RefusingSink(FakeSink):
    """Refuses the alerts of some rules."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refused = set(refused)

    async def deliver(self, entries: Sequence[JournalEntry]) -> Sequence[JournalEntry]:
        refused = [entry for entry in entries if entry.change.rule in self.refused]
        self.taken += [entry.sequence for entry in entries if entry not in refused]
        return refused


async def test_what_the_sink_refuses_is_kept_said_and_sent_again_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal, sink = FakeJournal(), RefusingSink("silent_device")
    for no in range(1, 7):
        rule = "silent_device" if no % 2 else "bin_overflow"
        journal.entries.append(JournalEntry(sequence=no, recorded_at=no, change=change(no, rule=rule)))
    path = tmp_path / "announcer.db"
    with closing(PublisherCursors(path)) as cursors:
        publisher = AlertPublisher("mqtt", sink, journal, cursors)
        while await publisher.step():
            pass
        assert sink.taken == [2, 4, 6]
        assert await publisher.retry_refused() == 3
        assert read_refused(path)[0] == 3
        assert caplog.text.count("refuses alerts") == 1
    with closing(PublisherCursors(path)) as cursors:  # the process starts again, and the access list was mended
        sink.refused.clear()
        publisher = AlertPublisher("mqtt", sink, journal, cursors)
        assert await publisher.retry_refused() == 0
        assert await publisher.step() == 0
    assert sink.taken == [2, 4, 6, 1, 3, 5]
    assert read_refused(path) == (0, None)


ACCESS = """
user alerts
topic write haulwatch/v1/alerts/P2/bin_overflow
{more}
user anyone
topic read haulwatch/v1/alerts/#
"""


@pytest.mark.real
async def test_a_real_broker_whose_access_list_refuses_one_topic(tmp_path: Path) -> None:
    access = tmp_path / "access.acl"
    access.write_text(ACCESS.format(more=""))
    access.chmod(0o644)
    broker = Mosquitto(tmp_path / "broker", more_config=f"\nacl_file {access}\n")
    broker.start()
    try:
        journal = FakeJournal()
        for no, rule in enumerate(("bin_overflow", "silent_device", "bin_overflow", "silent_device"), 1):
            journal.entries.append(JournalEntry(sequence=no, recorded_at=no, change=change(no, rule=rule)))
        url = MqttUrl.parse(broker.url.replace("mqtt://", "mqtt://alerts:x@"))
        sink = MqttSink(url, "alerts")
        with closing(PublisherCursors(tmp_path / "announcer.db")) as cursors:
            publisher = AlertPublisher("mqtt", sink, journal, cursors)
            async with asyncio.timeout(PATIENCE_S), aiomqtt.Client(url.host, url.port, username="anyone") as listener:
                await listener.subscribe("haulwatch/v1/alerts/#", qos=1)
                assert await publisher.step() == 4
                received = [await _rule_of(listener) for _ in range(2)]
                assert received == ["bin_overflow"] * 2
                assert await publisher.retry_refused() == 2, "not counted as delivered"
                access.write_text(ACCESS.format(more="topic write haulwatch/v1/alerts/#"))
                broker.signal(signal.SIGHUP)
                while await publisher.retry_refused():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                assert [await _rule_of(listener) for _ in range(2)] == ["silent_device"] * 2
        await sink.close()
    finally:
        broker.kill()


async def _rule_of(listener: aiomqtt.Client) -> str:
    message = await anext(listener.messages)
    return str(json.loads(bytes(message.payload))["rule"])


def record(journal: AlertJournal, *numbers: int, at: int = 0) -> None:
    for number in numbers:
        journal.record([change(number)], at or number)


def restore(backup: Path, database: Path) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    shutil.copy(backup, database)


class KeptChanges(FakeSink):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[int] = []

    async def deliver(self, entries: Sequence[JournalEntry]) -> Sequence[JournalEntry]:
        self.ids += [int(entry.change.alert_id, 16) for entry in entries]
        return ()


@pytest.mark.parametrize("new", [(11,), (11, 12, 13), (11, 12, 13, 14, 15)])
@pytest.mark.parametrize("judged_again", [False, True])
async def test_a_journal_restored_from_a_backup_goes_out_from_where_it_differs(
    tmp_path: Path, new: tuple[int, ...], judged_again: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Five changes are in the backup, three more were sent. The numbers 6 to 8 are given again, to new changes."""
    database, backup = tmp_path / "journal.db", tmp_path / "backup.db"
    url = f"sqlite:///{database}"
    migrations.upgrade(url)
    sink = KeptChanges()
    with closing(PublisherCursors(tmp_path / "announcer.db")) as cursors:
        engine = open_database(url)
        journal = AlertJournal(engine)
        record(journal, 1, 2, 3, 4, 5)
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)
        record(journal, 6, 7, 8)
        while await AlertPublisher("mqtt", sink, journal, cursors).step():
            pass
        engine.dispose()
        restore(backup, database)

        engine = open_database(url)
        journal = AlertJournal(engine)
        if judged_again:  # `judge.db` was removed, as the documents say: the lost ones come back under new numbers
            record(journal, 6, 7, at=20)
        record(journal, *new, at=30)
        publisher = AlertPublisher("mqtt", sink, journal, cursors)
        while await publisher.step():
            pass
        record(journal, 99, at=40)
        await publisher.step()
        engine.dispose()
    assert sink.ids == [1, 2, 3, 4, 5, 6, 7, 8, *new, 99], "each once"
    assert "restored from a backup" in caplog.text


async def test_a_cursor_file_with_spoiled_pages_is_set_aside_and_alerts_go_on(tmp_path: Path) -> None:
    """Real pages of a real file at random places. What was sent within a day may be sent again, nothing is left out."""
    set_aside = 0
    for seed in range(12):
        folder = tmp_path / str(seed)
        path, journal, sink = folder / "announcer.db", FakeJournal(), FakeSink()
        journal.add(60)
        for number, entry in enumerate(journal.entries):
            at = 0 if number < 20 else 3 * DAY_MS + number
            journal.entries[number] = entry.model_copy(update={"recorded_at": at})
        with closing(PublisherCursors(path)) as cursors:
            cursors.set("mqtt", 0)
            while await AlertPublisher("mqtt", sink, journal, cursors).step():
                pass
        spoil_pages(path, random.Random(seed))
        with closing(PublisherCursors(path)) as cursors:
            publisher = AlertPublisher("mqtt", sink, journal, cursors)
            journal.add(3)
            journal.entries[-3:] = [
                entry.model_copy(update={"recorded_at": 3 * DAY_MS + 99}) for entry in journal.entries[-3:]
            ]
            while await _step(publisher):
                pass
        assert sink.taken[-3:] == [61, 62, 63]
        assert set(sink.taken) == set(range(1, 64))
        assert sink.taken.count(1) == 1, "what is older than a day is not sent again"
        set_aside += bool(list(folder.glob("announcer.db.spoiled-*")))
    assert set_aside > 6


async def _step(publisher: AlertPublisher) -> int:
    """One step; a fault that is found under way costs one attempt."""
    try:
        return await publisher.step()
    except CursorsUnavailable:
        return await publisher.step()
