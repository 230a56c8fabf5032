"""A rule or a tracker that raises is logged once, counted, and shown in readiness, doctor and metrics."""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest

from api.operations.metrics import MetricsSnapshot, render
from api.ports import ReadinessResult, ReadinessState
from devices.city.model import DeviceRole
from devices.sign_on.discovery import Provider
from haulwatch import migrations
from haulwatch.health.check_result import CheckStatus
from haulwatch.health.doctor import DoctorParts, check_rules, run_checks
from haulwatch.health.people import Areas
from haulwatch.health.readiness import Growth, readiness_checks
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import heartbeat_path
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.api_parts import path_status
from haulwatch.wiring.stores import current_ledger
from ingest.judge.checkpoint import JudgeState
from ingest.judge.judge import Judge
from ingest.ledger.deltas import LedgerDelta
from ingest.ledger.report import LedgerLine, RecorderStatus
from ingest.log.raw_log import RawLog
from ingest.log.records import JUDGE
from ingest.process.heartbeat import keep_beating
from ingest.recorder.state import BatchCommit, RecorderState
from ingest.store.sqlite import SqliteStore
from rules.catalogue import build_rules
from rules.contract.observation import Observation
from rules.contract.rule import Parameters, Rule
from rules.contract.verdicts import Verdict
from rules.detectors.bin_overflow.judgement import BinState
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import RuleSet
from tests.field_cases.path import BASE_MS, PathUnderTest, others
from tests.ingest.judge.saving import save_not_judged


class Broken(Rule[BinState]):
    """Raises at every reading."""

    name: ClassVar = "broken"
    version: ClassVar = 1
    parameters = Parameters()
    roles: ClassVar = frozenset(DeviceRole)
    state = BinState

    def judge(self, observation: Observation, state: BinState) -> Sequence[Verdict]:
        raise ZeroDivisionError("a bug of this rule")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path), "HAULWATCH_DISK_RESERVE_MIB": "0"})
    migrations.upgrade(found.database_url.get_secret_value())
    return found


async def judge_check(settings: Settings) -> ReadinessResult:
    checks = readiness_checks(
        settings, path_status(settings), SqliteStore(settings.paths.data_dir / "r.db"), lambda: None, ()
    )
    (check,) = (check for check in checks if check.name == "judge")
    return await check.run()


async def beat(settings: Settings, judge: Judge) -> None:
    stop = asyncio.Event()
    beating = asyncio.create_task(
        keep_beating(heartbeat_path(settings, JUDGE), stop, lambda: judge.offset, judge.failures)
    )
    await asyncio.sleep(0.05)
    stop.set()
    await beating


def test_a_rule_that_raises_is_seen(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    path = PathUnderTest(settings.paths.data_dir)
    path.send(others(BASE_MS, BASE_MS + 60_000))
    with (
        closing(RawLog(path.folder / "raw")) as log,
        closing(JudgeState(path.folder / "another_judge.db")) as state,
        path.journal() as journal,
        caplog.at_level(logging.ERROR),
    ):
        judge = Judge(log, journal, state, [*build_rules(), Broken()], lambda: path.city)
        while judge.step(10):
            pass
        asyncio.run(beat(settings, judge))
    errors = [record.getMessage() for record in caplog.records if "rule broken" in record.getMessage()]
    assert len(errors) == 1
    assert "ZeroDivisionError: a bug of this rule" in errors[0]
    assert "Traceback" in errors[0]
    assert judge.engine.failures["broken"] == 13 * 2

    result = asyncio.run(judge_check(settings))
    assert result.state is ReadinessState.DEGRADED
    assert "broken at 26 readings" in result.detail

    (found,) = asyncio.run(run_checks(settings, _PARTS, only=["rules"]))
    assert found.status is CheckStatus.WARN
    assert "broken at 26 readings" in found.detail
    assert found.hint

    failures, _ = path_status(settings).rule_failures()
    status = RecorderStatus(offset=0, backlog=0, pending=0, trouble=None, trouble_since=None)
    total = LedgerLine(not_judged={"failed": 78})
    text = render(MetricsSnapshot("1", total, {}, None, status, {}, {}, None, None, failures)).decode()
    assert 'haulwatch_rule_failures{rule="broken"} 26.0' in text
    assert 'haulwatch_not_judged_readings{reason="failed"} 78.0' in text
    assert 'haulwatch_not_judged_readings{reason="too_late"} 0.0' in text


def _rules() -> RuleSetChoice:
    return RuleSetChoice(RuleSet())


def _no_provider() -> Provider:
    raise AssertionError("no provider is set up here")


async def _proved() -> str:
    return "store"


_PARTS = DoctorParts(_proved, lambda: "", lambda: 1, _rules, _no_provider, lambda: Areas((), ()), lambda: False)


def test_without_failures_nothing_is_said(settings: Settings) -> None:
    assert check_rules(_rules, None, {}, None).status is CheckStatus.OK
    heartbeat_path(settings, JUDGE).write_text(json.dumps({"at": now_ms()}))
    assert asyncio.run(judge_check(settings)).state is ReadinessState.OK


def test_an_old_failure_degrades_no_longer_and_doctor_names_it_still(settings: Settings) -> None:
    old = {"at": now_ms(), "failures": {"broken": 3}, "failed_at": now_ms() - 2 * 3_600_000}
    heartbeat_path(settings, JUDGE).write_text(json.dumps(old))
    assert asyncio.run(judge_check(settings)).state is ReadinessState.OK
    (found,) = asyncio.run(run_checks(settings, _PARTS, only=["rules"]))
    assert "broken at 3 readings" in found.detail


def test_growth_is_shown_for_an_hour() -> None:
    now = [0.0]
    growth = Growth({"too_late": 5}, lambda: now[0])
    assert growth.within_the_hour({"too_late": 5}) == {}
    now[0] = 60
    assert growth.within_the_hour({"too_late": 7, "failed": 1}) == {"too_late": 2, "failed": 1}
    now[0] = 3_000
    assert growth.within_the_hour({"too_late": 8, "failed": 1}) == {"too_late": 3, "failed": 1}
    now[0] = 3_700
    assert growth.within_the_hour({"too_late": 8, "failed": 1}) == {"too_late": 3}
    now[0] = 7_000
    assert growth.within_the_hour({"too_late": 8, "failed": 1}) == {}


def test_what_was_not_judged_stands_in_the_ledger_and_degrades_readiness(settings: Settings) -> None:
    folder = settings.paths.data_dir
    heartbeat_path(settings, JUDGE).write_text(json.dumps({"at": now_ms()}))
    with closing(RecorderState(folder / "recorder.db")) as state:
        state.commit(BatchCommit({}, [], [], [], [], LedgerDelta([("truck-1", 1, 1, 1, True)])))
    assert current_ledger(settings).total.not_judged == {}
    path = path_status(settings)
    checks = readiness_checks(settings, path, SqliteStore(folder / "r.db"), lambda: None, ())
    (check,) = (check for check in checks if check.name == "judge")

    async def look() -> ReadinessResult:
        return await check.run()

    assert asyncio.run(look()).state is ReadinessState.OK
    save_not_judged(folder / "judge.db", {"truck-1": {"too_late": 12}, "truck-2": {"failed": 1}})
    ledger = current_ledger(settings)
    (line,) = ledger.devices
    assert (line.not_judged, ledger.total.not_judged) == ({"too_late": 12}, {"too_late": 12})
    result = asyncio.run(look())
    assert result.state is ReadinessState.DEGRADED
    assert "failed 1, too_late 12" in result.detail
