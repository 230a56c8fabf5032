"""The parts behind the API, and how often the ledger is read for all callers together."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from devices.city.model import City
from devices.db.database import open_database
from devices.geo.geometry import LatLon
from haulwatch import migrations
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import heartbeat_path
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.api_parts import api_parts, remembered
from haulwatch.wiring.log import open_raw_log
from ingest.ledger.state_file import StateUnavailable
from ingest.log.records import RawMessage
from ingest.store.sqlite import SqliteStore
from rules.alerts.journal import AlertJournal

CITY = City("test", "Test", "试", "UTC", LatLon(35.5, 112.8))


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


def test_a_consumer_lags_by_its_unread_messages_and_the_age_of_the_oldest(settings: Settings, database: Engine) -> None:
    now = now_ms()
    with closing(open_raw_log(settings)) as log:
        log.append([RawMessage("t", b"", now - age_ms) for age_ms in (90_000, 60_000, 1_000)])
        log.commit("recorder", 3)
        log.commit("judge", 1)
    store = SqliteStore(settings.paths.data_dir / "readings.db")
    parts = api_parts(settings, lambda: CITY, store, AlertJournal(database))
    lag = parts.lag()
    assert lag["recorder"] == (0, 0.0, 3)
    assert lag["judge"].messages == 2
    assert lag["judge"].oldest_age_s is not None
    assert lag["judge"].oldest_age_s >= 60
    assert (parts.collector(), parts.recorder().offset) == (None, 0)
    beat = {"at": now, "offset": 3}
    heartbeat_path(settings, "judge").write_text(json.dumps(beat))
    assert parts.lag()["judge"].messages == 0, "its heartbeat says how far it is, between two checkpoints"
    heartbeat_path(settings, "judge").write_text(json.dumps({**beat, "at": now - 60_000}))
    assert parts.lag()["judge"].messages == 2, "and once it is dead, what it has to judge again counts"


def test_the_map_draws_the_corridor_that_is_judged_by(settings: Settings, database: Engine, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("route_deviation: {enter_m: 75}\nsilent_device: {at_least_s: 300}\n")
    settings = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path), "HAULWATCH_RULES_FILE": str(rules)})
    parts = api_parts(settings, lambda: CITY, SqliteStore(tmp_path / "readings.db"), AlertJournal(database))
    assert (parts.corridor_m, parts.silent_after_s(10), parts.silent_after_s(200)) == (75.0, 300, 600)


def test_an_answer_is_kept_for_a_second() -> None:
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
    assert [ask(), ask()] == [3, 3], "a failure is not kept"


def test_an_answer_that_takes_long_is_kept_longer() -> None:
    now, read = 100.0, 0

    def count() -> int:
        nonlocal now, read
        now, read = now + 2.0, read + 1
        return read

    ask = remembered(count, lambda: now)
    assert ask() == 1
    now += 19.9
    assert ask() == 1
    now += 0.1
    assert ask() == 2
