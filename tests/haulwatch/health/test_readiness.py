"""What /readyz tells anybody of each part, and what it takes for safe."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from api.ports import ReadinessResult, ReadinessState
from haulwatch import migrations, wiring
from haulwatch.health import path_status
from haulwatch.health.readiness import STANDSTILL_S, Complaints, Progress, checks
from haulwatch.settings.load import Settings, load_settings
from ingest.collector.collector import CollectorStatus
from ingest.log.records import CONSUMERS, RawMessage
from ingest.mqtt.broker_statistics import BrokerCounters
from ingest.process.heartbeat import keep_beating, last_beat
from ingest.recorder.state import RecorderState
from ingest.store import StoreMisconfigured, StoreUnavailable
from ingest.store.sqlite import SqliteStore

TOLD = "http://influx.example:8086: token s3cret refused by 10.0.0.7, /srv/data/recorder.db: disk full"
"""What the logs may say, and an anonymous caller may not read."""
INSIDE = ("influx.example", "8086", "s3cret", "10.0.0.7", "/srv", "recorder.db")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation where everything is well."""
    found = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path), "HAULWATCH_DISK_RESERVE_MIB": "0"})
    migrations.upgrade(found.database_url.get_secret_value())
    collector_says(found)
    for name in CONSUMERS:
        beats(found, name, wiring.now_ms())
    return found


class TroubledStore(SqliteStore):
    trouble: Exception | None = None

    async def ping(self) -> str:
        if self.trouble is not None:
            raise self.trouble
        return await super().ping()


def collector_says(settings: Settings, **status: object) -> None:
    well = CollectorStatus(wiring.now_ms(), True, "5.0", 1, 0, False, None)
    wiring.collector_status_path(settings).write_text(json.dumps({**asdict(well), **status}))


def beats(settings: Settings, name: str, at: int) -> None:
    wiring.heartbeat_path(settings, name).write_text(json.dumps({"at": at}))


async def verdicts(
    settings: Settings, trouble: Exception | None = None, broker: BrokerCounters | None = None
) -> dict[str, ReadinessResult]:
    store = TroubledStore(settings.paths.data_dir / "readings.db")
    store.trouble = trouble
    found = {check.name: await check.run() for check in checks(settings, store, lambda: broker)}
    for verdict in found.values():
        assert not any(word in verdict.detail for word in INSIDE)
    return found


def unwell(found: dict[str, ReadinessResult]) -> dict[str, ReadinessState]:
    return {name: verdict.state for name, verdict in found.items() if verdict.state is not ReadinessState.OK}


async def test_all_is_well(settings: Settings) -> None:
    assert unwell(await verdicts(settings)) == {}


async def test_a_store_that_is_away_is_degraded_and_one_that_refuses_has_failed(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    found = await verdicts(settings, StoreUnavailable(TOLD))
    assert unwell(found) == {"store": ReadinessState.DEGRADED}
    assert "wait in the raw log" in found["store"].detail
    found = await verdicts(settings, StoreMisconfigured(TOLD))
    assert unwell(found) == {"store": ReadinessState.FAILED}
    assert "refuses" in found["store"].detail
    assert TOLD in caplog.text


async def test_a_recorder_that_waits_says_so_and_loses_nothing(settings: Settings) -> None:
    since = wiring.now_ms() - 60_000
    with closing(RecorderState(wiring.recorder_state_path(settings))) as state:
        state.report_trouble(TOLD, since)
    found = await verdicts(settings)
    assert unwell(found) == {"recorder": ReadinessState.DEGRADED}
    assert "waited for 60 s" in found["recorder"].detail
    assert found["recorder"].since == since


@pytest.mark.parametrize("name", CONSUMERS)
@pytest.mark.parametrize("off_ms", [-60_000, 60_000])
async def test_a_process_without_a_heartbeat_of_now_has_failed(settings: Settings, name: str, off_ms: int) -> None:
    """Dead for a minute, or its file left over from before the clock was set back."""
    beats(settings, name, wiring.now_ms() + off_ms)
    assert unwell(await verdicts(settings)) == {name: ReadinessState.FAILED}
    wiring.heartbeat_path(settings, name).unlink()
    assert f"start `haulwatch {name.removesuffix('er')}" in (await verdicts(settings))[name].detail[:60]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"connected": False, "last_error": TOLD}, "not connected to the broker"),
        ({"disk_full": True, "last_error": TOLD}, "raw log takes nothing"),
        ({"at": 1}, "does not run"),
    ],
)
async def test_a_collector_that_takes_nothing_has_failed(
    settings: Settings, said: dict[str, object], words: str
) -> None:
    collector_says(settings, **said)
    found = await verdicts(settings)
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
    wiring.collector_status_path(settings).unlink()
    a, b = (wiring.collector_status_path(shared, name) for name in "ab")
    well = asdict(CollectorStatus(wiring.now_ms(), True, "5.0", 10, 1, False, None))
    assert unwell(await verdicts(shared)) == {"collector": ReadinessState.FAILED}
    a.write_text(json.dumps(well))
    b.write_text(json.dumps(well))
    assert unwell(await verdicts(shared)) == {}
    together = path_status.collector_status(shared)
    assert together is not None
    assert (together.received, together.reconnects) == (20, 2)
    for lost in ({"connected": False}, {"at": wiring.now_ms() - 60_000}):
        b.write_text(json.dumps({**well, **lost}))
        found = await verdicts(shared)
        assert unwell(found) == {"collector": ReadinessState.DEGRADED}
        assert "1 of 2" in found["collector"].detail
    b.write_text(json.dumps({**well, "at": 1}))
    assert unwell(await verdicts(shared)) == {}, "it was taken away long ago"
    a.write_text(json.dumps({**well, "connected": False}))
    assert unwell(await verdicts(shared)) == {"collector": ReadinessState.FAILED}


def test_the_log_is_told_of_lasting_trouble_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    told = Complaints(lambda: now)
    for now in range(0, 120, 5):  # noqa: B007 - the clock
        told.tell("the store does not answer", StoreUnavailable("refused"))
    assert len(caplog.records) == 2
    told.tell("the store does not answer", StoreUnavailable("no such host"))
    assert len(caplog.records) == 3, "another trouble is news"


async def test_a_database_without_its_tables_has_failed_and_the_mend_is_named(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.paths.data_dir / "haulwatch.db")) as db:
        db.execute("UPDATE alembic_version SET version_num = '0001'")
        db.commit()
    found = await verdicts(settings)
    assert unwell(found) == {"journal": ReadinessState.FAILED}
    assert "haulwatch db upgrade" in found["journal"].detail
    (settings.paths.data_dir / "haulwatch.db").unlink()
    assert "has no tables yet" in (await verdicts(settings))["journal"].detail


async def test_a_disk_under_its_reserve_has_failed(settings: Settings, tmp_path: Path) -> None:
    more_than_there_is = (shutil.disk_usage(tmp_path).total >> 20) + 1
    tight = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path), "HAULWATCH_DISK_RESERVE_MIB": str(more_than_there_is)})
    found = await verdicts(tight)
    assert unwell(found) == {"disk": ReadinessState.FAILED}
    assert "free disk space" in found["disk"].detail


async def test_what_was_removed_unread_is_told_for_a_day(settings: Settings) -> None:
    with closing(wiring.raw_log(load_small(settings))) as log:
        for _ in range(40):
            log.append([RawMessage("t", bytes(100_000), 0)])
        log.commit("recorder", 3)
        assert log.remove_oldest(CONSUMERS, wiring.now_ms() - 3_600_000)
        gone = log.removed().through
    found = await verdicts(settings)
    assert unwell(found) == {"disk": ReadinessState.DEGRADED}
    assert f"{gone - 3:,} of the recorder, {gone:,} of the judge" in found["disk"].detail


def load_small(settings: Settings) -> Settings:
    return load_settings({"HAULWATCH_DATA_DIR": str(settings.paths.data_dir), "HAULWATCH_RAW_LOG_SEGMENT_MIB": "1"})


async def test_a_broker_that_drops_is_told(settings: Settings) -> None:
    values = {"dropped": 5.0}
    assert unwell(await verdicts(settings, broker=BrokerCounters(True, values))) == {}
    lately = wiring.now_ms() - 60_000
    found = await verdicts(settings, broker=BrokerCounters(True, values, dropped=2, dropped_at=lately))
    assert unwell(found) == {"broker": ReadinessState.DEGRADED}
    assert "dropped 2 messages" in found["broker"].detail
    long_ago = wiring.now_ms() - 48 * 3_600_000
    assert unwell(await verdicts(settings, broker=BrokerCounters(True, values, 2, long_ago))) == {}


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


async def test_a_heart_beats_until_the_process_is_told_to_stop(tmp_path: Path) -> None:
    path, stop = tmp_path / "judge_status.json", asyncio.Event()
    assert last_beat(path) is None
    before = wiring.now_ms()
    beating = asyncio.create_task(keep_beating(path, stop, lambda: 41))
    await asyncio.sleep(0)
    stop.set()
    await beating
    beat = last_beat(path)
    assert beat is not None
    assert beat.at >= before
    assert beat.offset == 41
