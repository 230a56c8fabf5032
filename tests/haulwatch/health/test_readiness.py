"""The checks of /readyz: their state for each trouble, and nothing secret in their texts."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from api.ports import ReadinessResult, ReadinessState
from devices.db.database import DatabaseUnavailable
from haulwatch import migrations
from haulwatch.health.readiness import STANDSTILL_S, Progress, TroubleLog, readiness_checks
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import (
    alert_outbox_path,
    collector_status_path,
    heartbeat_path,
    judge_state_path,
    over_limit_path,
    publisher_cursors_path,
    recorder_state_path,
)
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.api_parts import path_status
from haulwatch.wiring.log import open_segments
from ingest.alerts.cursors import PublisherCursors
from ingest.alerts.outbox import AlertOutbox
from ingest.collector.collector import CollectorStatus
from ingest.judge.not_judged import read_not_judged
from ingest.log.records import CONSUMERS, RawMessage
from ingest.mqtt.broker_statistics import BrokerCounters
from ingest.notices.summary import ChannelSummary
from ingest.process.heartbeat import keep_beating, last_beat
from ingest.process.over_limit import Limit, OverLimit
from ingest.recorder.state import RecorderState
from ingest.store import StoreMisconfigured, StoreRejected, StoreUnavailable
from ingest.store.sqlite import SqliteStore
from rules.alerts.actions import JournalEntry
from rules.alerts.model import AlertChange
from tests.ingest.alerts.test_publisher import change
from tests.ingest.judge.saving import save_not_judged
from tests.ingest.recorder.parts import Bench, fill, position

LOGGED = "http://influx.example:8086: token s3cret refused by 10.0.0.7, /srv/data/recorder.db: disk full"
"""A text for the log that an anonymous caller may not read."""
INSIDE = ("influx.example", "8086", "s3cret", "10.0.0.7", "/srv", "recorder.db")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation where everything is well."""
    found = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path), "HAULWATCH_DISK_RESERVE_MIB": "0"})
    migrations.upgrade(found.database_url.get_secret_value())
    write_collector_status(found)
    for name in CONSUMERS:
        write_beat(found, name, now_ms())
    return found


class TroubledStore(SqliteStore):
    trouble: Exception | None = None

    async def ping(self) -> str:
        if self.trouble is not None:
            raise self.trouble
        return await super().ping()


def write_collector_status(settings: Settings, **status: object) -> None:
    well = CollectorStatus(now_ms(), True, "5.0", 1, 0, False, None)
    collector_status_path(settings).write_text(json.dumps({**asdict(well), **status}))


def write_beat(settings: Settings, name: str, at: int) -> None:
    heartbeat_path(settings, name).write_text(json.dumps({"at": at}))


async def results_of(
    settings: Settings, trouble: Exception | None = None, broker: BrokerCounters | None = None
) -> dict[str, ReadinessResult]:
    store = TroubledStore(settings.paths.data_dir / "readings.db")
    store.trouble = trouble
    checks = readiness_checks(settings, path_status(settings), store, lambda: broker, ())
    results = {check.name: await check.run() for check in checks}
    for result in results.values():
        assert not any(secret in result.detail for secret in INSIDE)
    return results


def unwell(found: dict[str, ReadinessResult]) -> dict[str, ReadinessState]:
    return {name: result.state for name, result in found.items() if result.state is not ReadinessState.OK}


async def test_all_is_well(settings: Settings) -> None:
    assert unwell(await results_of(settings)) == {}


async def test_a_store_that_is_away_is_degraded_and_one_that_refuses_has_failed(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    found = await results_of(settings, StoreUnavailable(LOGGED))
    assert unwell(found) == {"store": ReadinessState.DEGRADED}
    assert "wait in the raw log" in found["store"].detail
    found = await results_of(settings, StoreMisconfigured(LOGGED))
    assert unwell(found) == {"store": ReadinessState.FAILED}
    assert "refuses" in found["store"].detail
    assert LOGGED in caplog.text


async def test_a_recorder_that_waits_is_degraded(settings: Settings) -> None:
    since = now_ms() - 60_000
    with closing(RecorderState(recorder_state_path(settings))) as state:
        state.report_trouble(LOGGED, since)
    found = await results_of(settings)
    assert unwell(found) == {"recorder": ReadinessState.DEGRADED}
    assert "waited for 60 s" in found["recorder"].detail
    assert found["recorder"].since == since


@pytest.mark.parametrize("name", CONSUMERS)
@pytest.mark.parametrize("off_ms", [-60_000, 60_000])
async def test_a_process_without_a_heartbeat_of_now_has_failed(settings: Settings, name: str, off_ms: int) -> None:
    """Dead for a minute, or its file left over from before the clock was set back."""
    write_beat(settings, name, now_ms() + off_ms)
    assert unwell(await results_of(settings)) == {name: ReadinessState.FAILED}
    heartbeat_path(settings, name).unlink()
    assert f"start `haulwatch {name.removesuffix('er')}" in (await results_of(settings))[name].detail[:60]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"connected": False, "last_error": LOGGED}, "not connected to the broker"),
        ({"disk_full": True, "last_error": LOGGED}, "raw log cannot be written, so nothing is acknowledged"),
        ({"contested": True}, "another process uses its client id"),
        ({"contested": True, "connected": False}, "set another HAULWATCH_CLIENT_ID"),
        ({"at": 1}, "does not run"),
    ],
)
async def test_a_collector_that_takes_nothing_has_failed(
    settings: Settings, status: dict[str, object], words: str
) -> None:
    write_collector_status(settings, **status)
    found = await results_of(settings)
    assert unwell(found) == {"collector": ReadinessState.FAILED}
    assert words in found["collector"].detail


async def test_several_collectors_stand_in_for_one_another(settings: Settings, tmp_path: Path) -> None:
    shared = load_settings(
        {
            "HAULWATCH_DATA_DIR": str(tmp_path),
            "HAULWATCH_DISK_RESERVE_MIB": "0",
            "HAULWATCH_BROKER_SHARE_GROUP": "city",
        }
    )
    collector_status_path(settings).unlink()
    a, b = (collector_status_path(shared, name) for name in "ab")
    well = asdict(CollectorStatus(now_ms(), True, "5.0", 10, 1, False, None))
    assert unwell(await results_of(shared)) == {"collector": ReadinessState.FAILED}
    a.write_text(json.dumps(well))
    b.write_text(json.dumps(well))
    assert unwell(await results_of(shared)) == {}
    together = path_status(shared).collector_status()
    assert together is not None
    assert (together.received, together.reconnects) == (20, 2)
    for lost in ({"connected": False}, {"at": now_ms() - 60_000}):
        b.write_text(json.dumps({**well, **lost}))
        found = await results_of(shared)
        assert unwell(found) == {"collector": ReadinessState.DEGRADED}
        assert "1 of 2" in found["collector"].detail
    b.write_text(json.dumps({**well, "at": 1}))
    assert unwell(await results_of(shared)) == {}, "it was taken away long ago"
    a.write_text(json.dumps({**well, "connected": False}))
    assert unwell(await results_of(shared)) == {"collector": ReadinessState.FAILED}


def test_lasting_trouble_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    trouble = TroubleLog(lambda: now)
    for now in range(0, 120, 5):  # noqa: B007 - the clock
        trouble.warn("the store does not answer", StoreUnavailable("refused"))
    assert len(caplog.records) == 2
    trouble.warn("the store does not answer", StoreUnavailable("no such host"))
    assert len(caplog.records) == 3, "another trouble is news"


async def test_a_database_without_its_tables_has_failed_and_the_hint_names_the_command(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.paths.data_dir / "haulwatch.db")) as db:
        db.execute("UPDATE alembic_version SET version_num = '0001'")
        db.commit()
    found = await results_of(settings)
    assert unwell(found) == {"journal": ReadinessState.FAILED}
    assert "haulwatch db upgrade" in found["journal"].detail
    (settings.paths.data_dir / "haulwatch.db").unlink()
    assert "has no tables yet" in (await results_of(settings))["journal"].detail


async def test_a_disk_under_its_reserve_has_failed(settings: Settings, tmp_path: Path) -> None:
    more_than_there_is = (shutil.disk_usage(tmp_path).total >> 20) + 1
    tight = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path), "HAULWATCH_DISK_RESERVE_MIB": str(more_than_there_is)})
    found = await results_of(tight)
    assert unwell(found) == {"disk": ReadinessState.FAILED}
    assert "free disk space" in found["disk"].detail


async def test_removed_unread_messages_are_reported_for_a_day(settings: Settings) -> None:
    with closing(open_segments(load_small(settings))) as log:
        for _ in range(40):
            log.append([RawMessage("t", bytes(100_000), 0)])
        log.commit("recorder", 3)
        assert log.remove_oldest(CONSUMERS, now_ms() - 3_600_000)
        gone = log.removed().through
    found = await results_of(settings)
    assert unwell(found) == {"disk": ReadinessState.DEGRADED}
    assert f"{gone - 3:,} of the recorder, {gone:,} of the judge" in found["disk"].detail


async def test_a_device_beyond_a_limit_is_named_for_an_hour(settings: Settings) -> None:
    over_limit = OverLimit(over_limit_path(settings, "collector"), lambda: now_ms() - 3_590_000)
    over_limit.note("truck-7", Limit.RATE, 9_000)
    found = await results_of(settings)
    assert unwell(found) == {"devices": ReadinessState.DEGRADED}
    assert "truck-7 (rate 9,000)" in found["devices"].detail
    OverLimit(over_limit_path(settings, "collector"), lambda: now_ms() - 3_610_000).note("truck-7", Limit.RATE, 1)
    assert unwell(await results_of(settings)) == {}


def load_small(settings: Settings) -> Settings:
    return load_settings({"HAULWATCH_DATA_DIR": str(settings.paths.data_dir), "HAULWATCH_RAW_LOG_SEGMENT_MIB": "1"})


async def test_a_broker_that_drops_is_degraded(settings: Settings) -> None:
    values = {"dropped": 5.0}
    assert unwell(await results_of(settings, broker=BrokerCounters(True, values))) == {}
    lately = now_ms() - 60_000
    found = await results_of(settings, broker=BrokerCounters(True, values, dropped=2, dropped_at=lately))
    assert unwell(found) == {"broker": ReadinessState.DEGRADED}
    assert "dropped 2 messages" in found["broker"].detail
    long_ago = now_ms() - 48 * 3_600_000
    assert unwell(await results_of(settings, broker=BrokerCounters(True, values, 2, long_ago))) == {}


def test_a_consumer_that_does_not_get_on_is_seen_and_one_with_nothing_to_do_is_not() -> None:
    now = 0.0
    progress = Progress(lambda: now)
    assert progress.stands_still_s("judge", 10, unread=5) == 0
    now = 100.0
    assert progress.stands_still_s("judge", 10, unread=5) == 100
    assert progress.stands_still_s("judge", 11, unread=4) == 0, "it goes on"
    now = 1_000.0
    assert progress.stands_still_s("judge", 11, unread=0) == 0, "it has read all"
    now = 1_000.0 + STANDSTILL_S
    assert progress.stands_still_s("judge", 11, unread=1) == STANDSTILL_S


async def test_a_heart_beats_until_the_process_stops(tmp_path: Path) -> None:
    path, stop = tmp_path / "judge_status.json", asyncio.Event()
    assert last_beat(path) is None
    before = now_ms()
    beating = asyncio.create_task(keep_beating(path, stop, lambda: 41))
    await asyncio.sleep(0)
    stop.set()
    await beating
    beat = last_beat(path)
    assert beat is not None
    assert beat.at >= before
    assert beat.offset == 41


class RefusesFills(SqliteStore):
    """A store in which another client has given a field of this kind another type."""

    async def write_lines(self, lines: Sequence[str]) -> None:
        refused = [(index, "field type conflict") for index, line in enumerate(lines) if line.startswith("fill")]
        await super().write_lines([line for line in lines if not line.startswith("fill")])
        if refused:
            raise StoreRejected(refused)


async def test_a_kind_that_the_store_refuses_is_named(settings: Settings) -> None:
    """The readings themselves are in quarantine and can be redriven; nobody looks there while /readyz is content."""
    store = RefusesFills(settings.paths.data_dir / "readings.db")
    checks = readiness_checks(settings, path_status(settings), store, lambda: None, ())
    [check] = [check for check in checks if check.name == "store"]
    assert (await check.run()).state is ReadinessState.OK
    bench = Bench(settings.paths.data_dir)
    bench.receive(position(1), *(fill(second, "paper", 40.0) for second in range(60)))
    await bench.drain(bench.start(store=store))
    found = await check.run()
    assert found.state is ReadinessState.DEGRADED
    assert "fill 60" in found.detail
    await store.close()


async def test_alerts_that_the_broker_refuses_and_that_wait_for_the_database_are_counted(settings: Settings) -> None:
    with closing(PublisherCursors(publisher_cursors_path(settings))) as cursors:
        refused = JournalEntry(sequence=1, recorded_at=1, change=change(1))
        cursors.delivered("mqtt", [refused], [refused], now_ms())
        assert "refuses 1 alerts" in (await results_of(settings))["alerts"].detail
        cursors.accepted("mqtt", [1])
    with closing(AlertOutbox(alert_outbox_path(settings), Away())) as outbox:
        outbox.record([change(1), change(2)], now_ms() - 60_000)
        found = (await results_of(settings))["journal"]
    assert found.state is ReadinessState.DEGRADED
    assert "2 alert changes wait" in found.detail


@pytest.mark.parametrize(
    ("channels", "detail"),
    [
        ([], None),
        ([ChannelSummary("group", 3, 60_000, 1, 5, 0, 0, 0, None, "busy")], None),
        ([ChannelSummary("group", 3, 600_000, 1, 5, 0, 0, 0, None, "busy")], "group 3 waiting"),
        ([ChannelSummary("group", 0, None, 0, 5, 0, 2, 1, None, "x")], "group 2 given up, 1 unconfirmed"),
    ],
)
async def test_notices_that_do_not_arrive_are_named(
    channels: list[ChannelSummary], detail: str | None, settings: Settings
) -> None:
    """`oldest_waiting_at` is an age here: the cases are made long before the test runs."""

    def read() -> list[ChannelSummary]:
        return [
            one._replace(oldest_waiting_at=None if one.oldest_waiting_at is None else now_ms() - one.oldest_waiting_at)
            for one in channels
        ]

    store = TroubledStore(settings.paths.data_dir / "readings.db")
    checks = readiness_checks(settings, path_status(settings), store, lambda: None, (), read)
    [check] = [check for check in checks if check.name == "notices"]
    found = await check.run()
    assert found.state is (ReadinessState.OK if detail is None else ReadinessState.DEGRADED)
    assert detail is None or detail in found.detail


async def test_notices_wait_while_the_database_is_away(settings: Settings) -> None:
    def away() -> list[ChannelSummary]:
        raise DatabaseUnavailable("connection refused")

    store = TroubledStore(settings.paths.data_dir / "readings.db")
    checks = readiness_checks(settings, path_status(settings), store, lambda: None, (), away)
    [check] = [check for check in checks if check.name == "notices"]
    assert (await check.run()).state is ReadinessState.DEGRADED


class Away:
    """A journal whose database does not answer."""

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int:
        raise DatabaseUnavailable("connection refused")

    def has(self, key: str) -> bool:
        raise DatabaseUnavailable("connection refused")


def test_the_alarm_rate_is_unknown_while_no_judge_publishes(settings: Settings) -> None:
    with closing(PublisherCursors(publisher_cursors_path(settings))) as cursors:
        cursors.note_calls("mqtt", ["a", "b"], now_ms())
    write_beat(settings, "judge", now_ms())
    rate = path_status(settings).alert_rate()
    assert rate is not None
    assert (rate.called, rate.operators) == (2, 1)
    write_beat(settings, "judge", now_ms() - 3_600_000)
    assert path_status(settings).alert_rate() is None


def test_readings_that_wait_until_a_clock_is_known_are_not_lost(settings: Settings) -> None:
    """They would degrade readiness for an hour at each new terminal with a wrong clock."""
    counts = {"truck-8": {"clock_unknown": 18, "too_late": 2}, "truck-9": {"clock_unknown": 0}}
    save_not_judged(judge_state_path(settings), counts)
    assert path_status(settings).not_judged() == {"too_late": 2}
    assert read_not_judged(judge_state_path(settings)) == {"truck-8": {"clock_unknown": 18, "too_late": 2}}
