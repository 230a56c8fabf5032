"""The doctor: each fault is found and named with a hint; a check that raises stops no other."""

import asyncio
import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from devices.db.database import DatabaseMisconfigured, DatabaseUnavailable
from devices.db.registry import CityMissing
from devices.sign_on.discovery import Provider
from haulwatch import RELEASED, migrations
from haulwatch.commands.doctor import results_as_json, results_as_table
from haulwatch.health import doctor
from haulwatch.health.broker_probe import BrokerAnswer, BrokerRefused, BrokerUnreachable, probe_broker
from haulwatch.health.check_result import CheckResult, CheckStatus
from haulwatch.health.doctor import DoctorParts, SchemaState
from haulwatch.health.people import Areas
from haulwatch.process import system_clock
from haulwatch.settings.data_files import NoData
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import count_registered_devices, existing_database_url
from haulwatch.wiring.rules import configured_rules
from ingest.collector.collector import CollectorStatus
from ingest.mqtt.url import MqttUrl
from ingest.store import StoreMisconfigured, StoreRejected, StoreUnavailable
from ingest.store.probe import StoreForgets
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet, RuleSet
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto


async def answers() -> str:
    return "InfluxDB 2.7"


def no_provider() -> Provider:
    raise AssertionError("no provider is set up here")


PARTS = DoctorParts(
    answers, lambda: "", lambda: 0, lambda: RuleSetChoice(RuleSet()), no_provider, lambda: Areas((), ()), lambda: False
)


async def test_a_broker_of_mqtt_5_is_well() -> None:
    async def probe() -> BrokerAnswer:
        return BrokerAnswer("5", 12.4)

    assert await doctor.check_broker(probe) == CheckResult("broker", CheckStatus.OK, "MQTT 5, answered in 12 ms")


async def test_an_old_broker_is_a_warning() -> None:
    async def probe() -> BrokerAnswer:
        return BrokerAnswer("3.1.1", 1)

    assert (await doctor.check_broker(probe)).status is CheckStatus.WARN


@pytest.mark.parametrize(
    ("error", "hint"),
    [(BrokerRefused("bad password"), "set user and password"), (BrokerUnreachable("refused"), "start the broker")],
)
async def test_a_broker_that_is_away_is_a_failure(error: BrokerUnreachable, hint: str) -> None:
    async def probe() -> BrokerAnswer:
        raise error

    result = await doctor.check_broker(probe)
    assert result.status is CheckStatus.FAIL
    assert hint in result.hint


@pytest.mark.real
async def test_a_real_mosquitto_answers_in_mqtt_5(mosquitto: Mosquitto) -> None:
    answer = await probe_broker(MqttUrl.parse(mosquitto.url))
    assert answer.protocol == "5"


@pytest.mark.real
async def test_a_real_mosquitto_refuses_a_wrong_password(start_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = start_mosquitto(credentials=("haulwatch", "right"))
    right = MqttUrl("127.0.0.1", broker.port, user="haulwatch", password="right")
    wrong = MqttUrl("127.0.0.1", broker.port, user="haulwatch", password="wrong-secret")
    assert (await probe_broker(right)).protocol == "5"
    with pytest.raises(BrokerRefused, match="refuses user haulwatch") as caught:
        await probe_broker(wrong)
    assert "wrong-secret" not in str(caught.value)


async def test_a_broker_of_3_1_1_only_is_asked_a_second_time() -> None:
    """A hand-made broker that takes MQTT 3.1.1 and refuses 5, as the standard says it should."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connect = await reader.readexactly(9)
        writer.write(b"\x20\x02\x00\x00" if connect[8] == 4 else b"\x20\x03\x00\x84\x00")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await probe_broker(MqttUrl("127.0.0.1", port))
    assert answer.protocol == "3.1.1"


async def test_no_broker_at_all() -> None:
    with pytest.raises(BrokerUnreachable, match="refused"):
        await probe_broker(MqttUrl("127.0.0.1", free_port()))


async def test_a_store_that_answers() -> None:
    result = await doctor.check_store(answers, embedded=False)
    assert result.status is CheckStatus.OK
    assert "InfluxDB 2.7" in result.detail


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (StoreMisconfigured("401 unauthorized"), "the token must read and write that bucket"),
        (StoreUnavailable("connection refused"), "start InfluxDB"),
        (StoreRejected([(0, "points beyond retention policy")]), "look at retention"),
        (StoreForgets("gives nothing back"), "set HAULWATCH_INFLUX_URL to an InfluxDB"),
        (NoData("var: no such data directory"), "a file in the data directory"),
    ],
)
async def test_a_store_that_does_not(error: Exception, hint: str) -> None:
    async def prove() -> str:
        raise error

    result = await doctor.check_store(prove, embedded=False)
    assert result.status is CheckStatus.FAIL
    assert hint in result.hint


@pytest.mark.parametrize(
    ("current", "status"), [("0002", CheckStatus.OK), ("0001", CheckStatus.FAIL), (None, CheckStatus.FAIL)]
)
def test_tables_must_be_at_the_newest_revision(current: str | None, status: CheckStatus) -> None:
    result = doctor.check_database(lambda: SchemaState(current, "0002"))
    assert result.status is status
    assert ("haulwatch db upgrade" in result.hint) is (status is CheckStatus.FAIL)


@pytest.mark.parametrize(("devices", "status"), [(0, CheckStatus.WARN), (42, CheckStatus.OK)])
def test_a_city_has_devices(devices: int, status: CheckStatus) -> None:
    assert doctor.check_city(lambda: devices).status is status


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (CityMissing(), "haulwatch city import"),
        (DatabaseMisconfigured("no such table: city"), "haulwatch city import"),
        (DatabaseUnavailable("connection refused\nIs it running?"), "start the database"),
    ],
)
def test_a_registry_that_cannot_be_read_is_a_failure_with_a_hint(error: Exception, hint: str) -> None:
    def ask() -> int:
        raise error

    result = doctor.check_city(ask)
    assert (result.status, "\n" in result.detail) == (CheckStatus.FAIL, False)
    assert hint in result.hint


def test_a_database_that_is_away_has_a_hint() -> None:
    def ask() -> SchemaState:
        raise DatabaseUnavailable("connection refused")

    result = doctor.check_database(ask)
    assert result.detail == "connection refused"
    assert "HAULWATCH_DATABASE_URL" in result.hint


def test_the_data_folder_is_written_to_and_left_as_it_was(tmp_path: Path) -> None:
    assert doctor.check_data_dir(tmp_path, min_free_mib=1).status is CheckStatus.OK
    assert list(tmp_path.iterdir()) == []


def test_a_mistyped_data_folder_is_a_failure_and_is_not_made(tmp_path: Path) -> None:
    result = doctor.check_data_dir(tmp_path / "typo", min_free_mib=1)
    assert result.status is CheckStatus.FAIL
    assert "HAULWATCH_DATA_DIR" in result.hint
    assert not (tmp_path / "typo").exists()


def test_a_full_disk_is_a_failure(tmp_path: Path) -> None:
    result = doctor.check_data_dir(tmp_path, min_free_mib=1 << 40)
    assert result.status is CheckStatus.FAIL
    assert "HAULWATCH_MIN_FREE_MIB" in result.hint


def test_a_data_folder_that_cannot_be_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = doctor.check_data_dir(tmp_path / "file" / "data", min_free_mib=1)
    assert result.status is CheckStatus.FAIL
    assert "HAULWATCH_DATA_DIR" in result.hint


@dataclass
class Clock:
    """Gives the next wall and monotonic time at every look."""

    walls: list[float]
    monotonics: list[float] = field(default_factory=lambda: [10.0, 11.0])
    trusted: bool | None = True

    def wall(self) -> float:
        return self.walls.pop(0)

    def monotonic(self) -> float:
        return self.monotonics.pop(0)

    def synchronised(self) -> bool | None:
        return self.trusted


NOW = RELEASED.timestamp() + 1_000_000


@pytest.mark.parametrize(
    ("clock", "status", "detail"),
    [
        (Clock([NOW, NOW + 1]), CheckStatus.OK, "steady and synchronised"),
        (Clock([NOW, NOW + 1], trusted=None), CheckStatus.OK, "does not report"),
        (Clock([NOW, NOW + 1], trusted=False), CheckStatus.WARN, "not synchronised"),
        (Clock([NOW, NOW + 4]), CheckStatus.WARN, "stepped 3000 ms"),
        (Clock([NOW, NOW]), CheckStatus.WARN, "stepped 1000 ms"),
        (Clock([0.0]), CheckStatus.FAIL, "shows 1970-01-01T00:00:00+00:00, before the date of this release"),
    ],
)
async def test_the_clock(clock: Clock, status: CheckStatus, detail: str) -> None:
    result = await doctor.check_clock(clock, watch_s=0)
    assert result.status is status
    assert detail in result.detail


def test_the_machines_own_clocks_can_be_asked() -> None:
    assert system_clock.wall() > RELEASED.timestamp()
    assert system_clock.monotonic() <= system_clock.monotonic()
    assert system_clock.synchronised() in {True, False, None}


async def test_a_free_port_is_well() -> None:
    result = await doctor.check_api_port("127.0.0.1", free_port())
    assert result.status is CheckStatus.OK
    assert "free" in result.detail


@pytest.mark.parametrize(
    ("reply", "status"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", CheckStatus.OK), (b"220 mail ready\r\n", CheckStatus.FAIL), (b"", CheckStatus.FAIL)],
)
async def test_who_answers_on_the_port(reply: bytes, status: CheckStatus) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await doctor.check_api_port("127.0.0.1", port)).status is status


async def test_the_whole_examination(tmp_path: Path) -> None:
    """A fresh folder, then its tables; no broker, no city."""
    env = {
        "HAULWATCH_DATA_DIR": str(tmp_path),
        "HAULWATCH_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}",
        "HAULWATCH_API_PORT": str(free_port()),
        "HAULWATCH_MIN_FREE_MIB": "1",
    }
    settings = load_settings(env)
    parts = PARTS._replace(
        database_url=lambda: existing_database_url(settings),
        count_devices=lambda: count_registered_devices(settings),
        rules=lambda: configured_rules(settings),
    )
    before = {result.name: result.status for result in await doctor.run_checks(settings, parts)}
    assert tuple(before) == doctor.CHECKS
    assert not (tmp_path / "haulwatch.db").exists()
    assert before["broker"] is before["database"] is before["city"] is CheckStatus.FAIL
    assert before["store"] is before["data"] is before["api"] is CheckStatus.OK

    await asyncio.to_thread(migrations.upgrade, settings.database_url.get_secret_value())
    after = await doctor.run_checks(settings, parts, only=["city", "database"])
    assert [(result.name, result.status) for result in after] == [
        ("database", CheckStatus.OK),
        ("city", CheckStatus.FAIL),
    ]
    assert not doctor.passed(after)


async def test_a_check_that_breaks_is_a_failed_check(tmp_path: Path) -> None:
    async def prove() -> str:
        raise ZeroDivisionError("in the library\nsecond line")

    settings = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path)})
    [result] = await doctor.run_checks(settings, PARTS._replace(prove_store=prove), only=["store"])
    assert result == CheckResult("store", CheckStatus.FAIL, "ZeroDivisionError: in the library")


async def test_an_unknown_check_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such check: brokr; there are broker, collector"):
        await doctor.run_checks(load_settings({}), PARTS, only=["brokr"])


def test_shown_as_a_table_and_as_json() -> None:
    results = [
        CheckResult("broker", CheckStatus.OK, "well"),
        CheckResult("data", CheckStatus.FAIL, "full [red]", "make room"),
    ]
    shown = io.StringIO()
    Console(width=200, file=shown).print(results_as_table(results))
    assert "full [red]" in shown.getvalue()
    report = json.loads(json.dumps(results_as_json(results)))
    assert report["ok"] is False
    assert report["checks"][1] == {"name": "data", "status": "fail", "detail": "full [red]", "hint": "make room"}


@pytest.mark.parametrize(
    ("status", "result", "words"),
    [
        ({}, CheckStatus.OK, "connected as haulwatch-collector, MQTT 5.0"),
        ({"contested": True}, CheckStatus.FAIL, "another process uses the client id 'haulwatch-collector'"),
        ({"contested": True, "connected": False}, CheckStatus.FAIL, "another process uses the client id"),
        ({"connected": False, "last_error": "refused"}, CheckStatus.FAIL, "refused"),
        ({"disk_full": True, "last_error": "no space left"}, CheckStatus.FAIL, "no space left"),
        ({"at": 1, "contested": True}, CheckStatus.OK, "does not run now"),
    ],
)
async def test_the_collector_that_runs(
    tmp_path: Path, status: dict[str, object], result: CheckStatus, words: str
) -> None:
    settings = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path)})
    whole = CollectorStatus(system_clock.now_ms(), True, "5.0", 1, 0, False, None)
    (tmp_path / "collector_status.json").write_text(json.dumps(asdict(whole) | status))
    [found] = await doctor.run_checks(settings, PARTS, only=["collector"])
    assert (found.status, bool(found.hint)) == (result, result is CheckStatus.FAIL)
    assert words in found.detail


async def test_a_rules_file_that_the_judge_refuses_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    settings = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path), "HAULWATCH_RULES_FILE": str(_written(path, "[1"))})
    for text, words in (("[1", str(path)), ("bin_overflw: {}", "bin_overflw"), ("bin_overflow: {nope: 1}", "nope")):
        _written(path, text)
        parts = PARTS._replace(rules=lambda: configured_rules(settings))
        with pytest.raises(BadRuleSet):
            configured_rules(settings)
        [found] = await doctor.run_checks(settings, parts, only=["rules"])
        assert (found.status, "HAULWATCH_RULES_FILE" in found.hint) == (CheckStatus.FAIL, True)
        assert words in found.detail
    _written(path, "{}")
    [found] = await doctor.run_checks(settings, parts, only=["rules"])
    assert found.status is CheckStatus.OK


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
