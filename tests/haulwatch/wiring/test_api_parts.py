"""The parts behind the API, built from the settings."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devices.city.model import City
from devices.db.database import open_database
from devices.db.registry import Registry
from devices.geo.geometry import LatLon
from haulwatch import migrations
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import heartbeat_path
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.api_parts import Repositories, api_parts
from haulwatch.wiring.databases import open_people
from haulwatch.wiring.desk.cases import terms
from haulwatch.wiring.desk.reports import open_public_reports
from haulwatch.wiring.desk.what_if_process import COMMAND
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.packs.processes import PackProcesses
from ingest.judge.what_if_job import WhatIfJobs
from ingest.log.records import RawMessage
from ingest.store.sqlite import SqliteStore
from rules.alerts.journal import AlertJournal
from rules.alerts.shelves import ShelfStore
from rules.attachments.files import AttachmentFiles
from rules.attachments.model import Limits
from rules.attachments.store import AttachmentStore
from rules.attachments.upkeep import Examined
from rules.cases.store import CaseStore
from rules.rule_sets.store import RuleSetStore
from rules.suspected_sites.store import ProposalStore

CITY = City("test", "Test", "试", "UTC", LatLon(35.5, 112.8))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"HAULWATCH_DATA_DIR": str(tmp_path)})


@pytest.fixture
def repositories(settings: Settings) -> Iterator[Repositories]:
    url = settings.database_url.get_secret_value()
    migrations.upgrade(url)
    engine = open_database(url)
    with open_people(settings) as people, open_public_reports(settings, lambda: "UTC") as public_reports:
        yield Repositories(
            AlertJournal(engine),
            ShelfStore(engine),
            RuleSetStore(engine),
            ProposalStore(engine),
            Registry(url),
            people,
            WhatIfJobs(COMMAND, now_ms),
            AttachmentStore(engine, AttachmentFiles(settings.paths.data_dir / "attachments"), Limits()),
            PackProcesses(settings.paths.data_dir),
            Examined,
            CaseStore(engine, lambda: terms(settings, ZoneInfo("UTC"))),
            public_reports,
        )
    engine.dispose()


def test_a_consumer_lags_by_its_unread_messages_and_the_age_of_the_oldest(
    settings: Settings, repositories: Repositories
) -> None:
    now = now_ms()
    with closing(open_raw_log(settings)) as log:
        log.append([RawMessage("t", b"", now - age_ms) for age_ms in (90_000, 60_000, 1_000)])
        log.commit("recorder", 3)
        log.commit("judge", 1)
    store = SqliteStore(settings.paths.data_dir / "readings.db")
    parts = api_parts(settings, lambda: CITY, store, repositories)
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


def test_the_map_draws_the_corridor_that_is_judged_by(
    settings: Settings, repositories: Repositories, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("route_deviation: {enter_m: 75}\nsilent_device: {at_least_s: 300}\n")
    settings = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path), "HAULWATCH_RULES_FILE": str(rules)})
    store = SqliteStore(tmp_path / "readings.db")
    parts = api_parts(settings, lambda: CITY, store, repositories)
    assert (parts.corridor_m(), parts.silent_after_s(10), parts.silent_after_s(200)) == (75.0, 300, 700)
