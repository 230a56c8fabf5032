"""What /readyz tells anybody, and how often the ledger is read for everybody."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.ports import Verdict
from devices.city import City
from devices.database import open_database
from devices.geometry import LatLon
from haulwatch import migrations, wiring
from haulwatch.api_parts import api_parts, remembered
from haulwatch.settings import Settings, load_settings
from ingest.collector import CollectorStatus
from ingest.messages import RawMessage
from ingest.recorder_state import RecorderState, StateUnavailable
from ingest.store import StoreMisconfigured, StoreUnavailable
from ingest.store.sqlite import SqliteStore
from rules.journal import AlertJournal

CITY = City("test", "Test", "试", "UTC", LatLon(35.5, 112.8))
TOLD = "http://influx.example:8086: token s3cret refused by 10.0.0.7, /srv/data/recorder.db: disk full"
"""What the logs may say, and an anonymous caller may not read."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"HAULWATCH_DATA_DIR": str(tmp_path)})


@pytest.fixture
def database(settings: Settings) -> Iterator[Engine]:
    url = settings.database_url.get_secret_value()
    migrations.upgrade(url)
    engine = open_database(url)
    yield engine
    engine.dispose()


class TroubledStore(SqliteStore):
    trouble: Exception | None = None

    async def ping(self) -> str:
        if self.trouble is not None:
            raise self.trouble
        return await super().ping()


def collector_says(settings: Settings, at: int, **status: object) -> None:
    well = CollectorStatus(at, True, "5.0", 1, 0, False, None)
    wiring.collector_status_path(settings).write_text(json.dumps({**asdict(well), **status}))


async def verdicts(settings: Settings, database: Engine, trouble: Exception | None = None) -> dict[str, Verdict]:
    store = TroubledStore(settings.paths.data_dir / "readings.db")
    store.trouble = trouble
    parts = api_parts(settings, lambda: CITY, store, AlertJournal(database))
    return {check.name: await check.run() for check in parts.checks}


async def test_all_is_well(settings: Settings, database: Engine) -> None:
    collector_says(settings, wiring.now_ms())
    assert all(verdict.ok for verdict in (await verdicts(settings, database)).values())


@pytest.mark.parametrize("error", [StoreUnavailable(TOLD), StoreMisconfigured(TOLD)])
async def test_trouble_is_told_by_its_kind_and_nothing_of_the_inside(
    settings: Settings, database: Engine, error: StoreUnavailable, caplog: pytest.LogCaptureFixture
) -> None:
    collector_says(settings, wiring.now_ms(), connected=False, last_error=TOLD)
    state = RecorderState(wiring.recorder_state_path(settings))
    state.report(TOLD, wiring.now_ms() - 60_000)
    state.close()
    found = await verdicts(settings, database, error)
    assert {name for name, verdict in found.items() if not verdict.ok} == {"store", "collector", "recorder"}
    for verdict in found.values():
        for word in ("influx.example", "8086", "s3cret", "10.0.0.7", "/srv", "recorder.db"):
            assert word not in verdict.detail
    assert ("refuses" in found["store"].detail) == isinstance(error, StoreMisconfigured)
    assert "broker" in found["collector"].detail
    assert "for 60 s" in found["recorder"].detail
    assert TOLD in caplog.text


@pytest.mark.parametrize("off_ms", [-60_000, 60_000])
async def test_a_status_of_another_time_is_nobodys(settings: Settings, database: Engine, off_ms: int) -> None:
    """From before, or left over from before the clock was set back."""
    collector_says(settings, wiring.now_ms() + off_ms)
    assert "does not run" in (await verdicts(settings, database))["collector"].detail


def test_a_consumer_lags_by_its_unread_messages_and_the_age_of_the_oldest(settings: Settings, database: Engine) -> None:
    now = wiring.now_ms()
    with closing(wiring.raw_log(settings)) as log:
        log.append([RawMessage("t", b"", now - age_ms) for age_ms in (90_000, 60_000, 1_000)])
        log.commit("recorder", 3)
        log.commit("judge", 1)
    store = SqliteStore(settings.paths.data_dir / "readings.db")
    parts = api_parts(settings, lambda: CITY, store, AlertJournal(database))
    lag = parts.lag()
    assert lag["recorder"] == (0, 0.0)
    assert lag["judge"].messages == 2
    assert lag["judge"].oldest_age_s is not None
    assert lag["judge"].oldest_age_s >= 60
    assert (parts.collector(), parts.recorder().offset) == (None, 0)


def test_what_everybody_asks_is_read_once_a_second() -> None:
    now, read = 100.0, 0

    def count() -> int:
        nonlocal read
        read += 1
        if read == 2:
            raise StateUnavailable("locked")
        return read

    ask = remembered(count, lambda: now)
    assert [ask(), ask()] == [1, 1]
    now += 1.0
    with pytest.raises(StateUnavailable):
        ask()
    assert [ask(), ask()] == [3, 3], "a failure is not remembered"
