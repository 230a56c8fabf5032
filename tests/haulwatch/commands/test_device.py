"""`haulwatch device …`: logins, the broker's files, certificates, and the adoption of unregistered devices."""

import grp
import hashlib
import json
import os
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from devices.access import certificates
from devices.access.broker_access import password_file, read_password_file
from devices.access.credentials import HashedSecret
from devices.readings.models import Kind
from haulwatch.cli import command_line
from haulwatch.process.current_city import REFRESH_EVERY_S, CurrentCity
from haulwatch.settings.data_files import recorder_state_path
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.databases import open_registry
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.stores import current_ledger
from ingest.log.records import RawMessage
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store.sqlite import SqliteStore

T0 = 1_772_352_000_000
GROUP = "city", "device", "db", "ledger"
POINT = "--role", "recycling_point", "--site", "recycling-001"


class Desk:
    """Somebody at the command line, with their own data directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {"HAULWATCH_DATA_DIR": str(home)}

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(command_line(GROUP), arguments, env=self.env)

    def ask(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert (done.exit_code, done.stdout) == (2, ""), done.output
        return done.stderr

    def settings(self) -> Settings:
        return load_settings(self.env)

    def exported(self, *arguments: str) -> dict[str, HashedSecret]:
        self.ask("device", "export-acl", *arguments)
        return read_password_file((self.home / "broker" / "passwords").read_text())


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the demonstration city."""
    home = tmp_path_factory.mktemp("imported")
    Desk(home).ask("city", "import", "jincheng")
    return home


@pytest.fixture
def desk(tmp_path: Path, imported: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in [name for name in os.environ if name.startswith("HAULWATCH_")]:
        monkeypatch.delenv(name)
    return Desk(shutil.copytree(imported, tmp_path / "data"))


def login_of(desk: Desk, device: str) -> str:
    return str(desk.ask("device", "show", device)["login"])


def matches(hashed: HashedSecret, secret: str) -> bool:
    return hashlib.pbkdf2_hmac("sha512", secret.encode(), hashed.salt, hashed.iterations) == hashed.digest


def test_a_device_of_the_city_gets_a_secret_that_is_shown_once_and_kept_nowhere(desk: Desk) -> None:
    assert login_of(desk, "truck-001") == "none"
    [given] = desk.ask("device", "add", "truck-001")
    assert given["device"] == "truck-001"
    assert login_of(desk, "truck-001") == "enabled"
    assert matches(desk.exported()["truck-001"], given["secret"])
    kept = [path for path in desk.home.rglob("*") if path.is_file() and given["secret"].encode() in path.read_bytes()]
    assert kept == []
    assert "has a login already" in desk.refused("device", "add", "truck-001")


def test_a_new_device_is_registered_with_what_describes_it(desk: Desk) -> None:
    what = ["--role", "recycling_point", "--site", "recycling-001", "--name", "bins", "--district", "urban"]
    desk.ask(
        "device", "add", "point-900", *what, "--valid-from", "2026-03-01T00:00:00+08:00", "--report-interval-s", "5"
    )
    shown = desk.ask("device", "show", "point-900")
    assert {name: shown[name] for name in ("role", "site", "name", "district", "valid_from", "report_interval_s")} == {
        "role": "recycling_point", "site": "recycling-001", "name": "bins", "district": "urban",
        "valid_from": 1_772_294_400_000, "report_interval_s": 5,
    }  # fmt: skip
    assert desk.ask("city", "show")["revision"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add"], "give either a device id or --missing"),
        (["add", "truck-001", "--missing"], "give either"),
        (["add", "truck-900"], "'truck-900' is not registered: describe it"),
        (["add", "truck-900", "--fleet", "north"], "--role truck, weighbridge"),
        (["add", "truck-900", "--role", "truck"], "--vehicle ID"),
        (["add", "truck-900", "--role", "truck", "--vehicle", "nobody"], "vehicle 'nobody' is not registered"),
        (["add", "truck-001", "--role", "truck"], "is registered already"),
        (["add", "a/+"], "cannot be a device id"),
        (["add", "haulwatch-collector", "--role", "truck"], "reserved"),
        (["add", "point-900", *POINT, "--fleet", "a\nb"], "fleet 'a\\nb' cannot be an id"),
        (["add", "point-900", *POINT, "--district", "a,b=c"], "district 'a,b=c' cannot be an id"),
        (["rotate", "truck-900"], "not registered"),
        (["disable", "truck-900"], "not registered"),
        (["certificate", "truck-001"], "haulwatch device authority"),
        (["certificate", "truck-900"], "not registered"),
        (["export-acl", "--group", "no-such-group"], "no-such-group"),
        (["export-acl", "--reload", "no-such-pid-file"], "no-such-pid-file"),
        (["authority", "münchen"], "'münchen' is neither a name nor an address"),
        (["authority", ""], "'' is neither"),
        (["adopt", "stranger"], "describe it"),
        (["add", "truck-001", "--valid-from", "yesterday"], "RFC 3339"),
    ],
)
def test_a_wrong_argument_changes_nothing_and_is_explained(desk: Desk, arguments: list[str], words: str) -> None:
    assert words in " ".join(desk.refused("device", *arguments).replace("│", " ").split())
    assert desk.exported() == {}
    assert desk.ask("city", "show")["revision"] == 1


def test_after_a_city_import_every_device_gets_a_secret_at_once(desk: Desk, tmp_path: Path) -> None:
    desk.ask("device", "add", "truck-001")
    given = {each["device"]: each["secret"] for each in desk.ask("device", "add", "--missing")}
    assert len(given) == len(set(given.values())) == 58
    assert "truck-001" not in given
    assert desk.ask("device", "add", "--missing") == []


def test_simulated_devices_may_share_a_secret_that_is_long_enough(desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("short\n")
    assert "fewer than 16" in desk.refused("device", "add", "--missing", "--secret-file", str(secret))
    secret.write_text("long enough for anyone\n")
    given = desk.ask("device", "add", "--missing", "--secret-file", str(secret))
    assert {each["secret"] for each in given} == {"long enough for anyone"}
    assert len({str(hashed) for hashed in desk.exported().values()}) == 59, "each has a salt of its own"


def test_rotate_disable_and_enable_take_effect_with_the_export(desk: Desk) -> None:
    [first] = desk.ask("device", "add", "truck-001")
    before = desk.exported()
    [second] = desk.ask("device", "rotate", "truck-001")
    assert read_password_file((desk.home / "broker/passwords").read_text()) == before, "nothing before the export"
    assert matches(desk.exported()["truck-001"], second["secret"])
    assert first["secret"] != second["secret"]

    desk.ask("device", "disable", "truck-001")
    assert desk.exported() == {}
    assert "user truck-001\ntopic deny haulwatch/v1/truck-001/#" in (desk.home / "broker/acl").read_text()
    assert login_of(desk, "truck-001") == "disabled"
    desk.ask("device", "rotate", "truck-001")
    assert desk.exported() == {}, "a rotated secret enables nobody"

    desk.ask("device", "enable", "truck-001")
    assert list(desk.exported()) == ["truck-001"]
    assert "deny" not in (desk.home / "broker/acl").read_text()


def test_a_device_without_a_secret_can_be_disabled_for_the_sake_of_its_certificate(desk: Desk) -> None:
    desk.ask("device", "disable", "truck-002")
    assert desk.exported() == {}
    assert "topic deny haulwatch/v1/truck-002/#" in (desk.home / "broker/acl").read_text()
    desk.ask("device", "enable", "truck-002")
    assert desk.exported() == {}, "there is no secret to let in"


def test_the_list_shows_who_may_connect(desk: Desk) -> None:
    desk.ask("device", "add", "truck-001")
    desk.ask("device", "disable", "truck-002")
    listed = {device["device"]: device["login"] for device in desk.ask("device", "list")}
    assert [listed[name] for name in ("truck-001", "truck-002", "truck-003")] == ["enabled", "disabled", "none"]
    rows = {
        line.split()[0]: line.split() for line in desk.run("device", "list").stdout.splitlines() if "truck-" in line
    }
    assert [rows[name][-2] for name in ("truck-001", "truck-002", "truck-003")] == ["yes", "off", "no"]


def test_the_services_are_exported_beside_the_devices_where_one_listener_serves_both(
    desk: Desk, tmp_path: Path
) -> None:
    desk.ask("device", "add", "truck-001")
    services = tmp_path / "services"
    services.write_text(password_file({"haulwatch-alerts": HashedSecret.of("x")}))
    assert sorted(desk.exported("--services", str(services))) == ["haulwatch-alerts", "truck-001"]
    acl = (desk.home / "broker/acl").read_text()
    assert "user haulwatch-alerts\ntopic write haulwatch/v1/alerts/#\n" in acl
    assert "haulwatch-collector" not in acl
    services.write_text(password_file({"somebody": HashedSecret.of("x")}))
    assert "'somebody' is not one of" in desk.refused("device", "export-acl", "--services", str(services))
    services.write_text("haulwatch-alerts:in clear\n")
    assert "mosquitto_passwd" in desk.refused("device", "export-acl", "--services", str(services))


def test_the_group_may_be_a_name(desk: Desk) -> None:
    desk.ask("device", "export-acl", "--group", grp.getgrgid(os.getgid()).gr_name)
    assert stat.S_IMODE((desk.home / "broker/acl").stat().st_mode) == 0o640


WAITS_FOR_HUP = """
import signal, sys
signal.signal(signal.SIGHUP, lambda *_: sys.exit(7))
open("/proc/self/comm", "w").write(sys.argv[1])
print("ready", flush=True)
signal.pause()
"""


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", WAITS_FOR_HUP, request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        started.kill()


@pytest.mark.parametrize("process", ["mosquitto"], indirect=True)
def test_mosquitto_is_signalled_by_its_pid_file(desk: Desk, tmp_path: Path, process: "subprocess.Popen[str]") -> None:
    (tmp_path / "pid").write_text(f"{process.pid}\n")
    assert desk.ask("device", "export-acl", "--reload", str(tmp_path / "pid"))["reloaded"] is True
    assert process.wait(10) == 7


@pytest.mark.parametrize("process", ["bystander"], indirect=True)
def test_a_process_that_is_not_mosquitto_gets_no_signal(
    desk: Desk, tmp_path: Path, process: "subprocess.Popen[str]"
) -> None:
    (tmp_path / "pid").write_text(f"{process.pid}\n")
    assert "no Mosquitto" in desk.refused("device", "export-acl", "--reload", str(tmp_path / "pid"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM, "no SIGHUP had come before"


def test_an_authority_is_created_once_and_the_servers_certificate_when_it_is_due(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.ask("device", "authority", "broker.city", "10.0.0.5")["renewed"] is True
    authority = (desk.home / "authority/ca.crt").read_text()
    assert desk.ask("device", "authority", "broker.city", "10.0.0.5")["renewed"] is False
    assert desk.ask("device", "authority", "broker.city")["renewed"] is True, "another set of names"
    later = certificates.now_utc() + timedelta(days=certificates.SERVER_DAYS - certificates.RENEW_DAYS + 1)
    monkeypatch.setattr("haulwatch.commands.device.certificate.now_utc", lambda: later)
    assert desk.ask("device", "authority", "broker.city")["renewed"] is True
    assert (desk.home / "authority/ca.crt").read_text() == authority
    assert stat.S_IMODE((desk.home / "authority/ca.key").stat().st_mode) == 0o600
    context = ssl.create_default_context(cafile=str(desk.home / "authority/ca.crt"))
    context.load_cert_chain(desk.home / "authority/server.crt", desk.home / "authority/server.key")


def test_a_server_key_that_is_not_the_certificates_is_renewed_with_it(desk: Desk) -> None:
    """As a crash between the two files leaves them; Mosquitto would not start."""
    desk.ask("device", "authority", "broker.city")
    shutil.copy(desk.home / "authority/ca.key", desk.home / "authority/server.key")
    assert desk.ask("device", "authority", "broker.city")["renewed"] is True
    ssl.create_default_context().load_cert_chain(desk.home / "authority/server.crt", desk.home / "authority/server.key")


@pytest.mark.parametrize("taken", ["ca.key", "ca.crt"])
def test_half_an_authority_is_not_replaced(desk: Desk, taken: str) -> None:
    """Every device trusts it: a key that somebody moved to a safe place is no reason for another authority."""
    desk.ask("device", "authority", "broker.city")
    (desk.home / "authority" / taken).unlink()
    before = {path.name: path.read_text() for path in (desk.home / "authority").iterdir()}
    assert f"without {taken}: put it back" in desk.refused("device", "authority", "broker.city")
    assert {path.name: path.read_text() for path in (desk.home / "authority").iterdir()} == before


def test_a_device_certificate_names_the_device_and_its_end(desk: Desk) -> None:
    desk.ask("device", "authority", "127.0.0.1")
    made = desk.ask("device", "certificate", "truck-001", "--days", "30")
    crt = next(path for path in made["files"] if path.endswith(".crt"))
    decoded: Any = ssl._ssl._test_decode_cert(crt)  # type: ignore[attr-defined]
    assert decoded["subject"] == ((("commonName", "truck-001"),),)
    assert all(stat.S_IMODE(Path(path).stat().st_mode) == 0o600 for path in made["files"])


def position(device: str, second: int, lat: float = 35.5) -> RawMessage:
    payload = {"ts": T0 + second * 1000, "seq": second, "lat": lat, "lon": 112.8}
    return RawMessage(f"haulwatch/v1/{device}/position", json.dumps(payload).encode(), T0 + second * 1000 + 400)


class Clock:
    """A monotonic clock that moves only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


async def drain(recorder: Recorder) -> None:
    while await recorder.step():
        pass


async def test_an_unregistered_device_is_quarantined_seen_adopted_and_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a real raw log, recorder and store; the recorder runs all the while and looks at the registry every 2 s."""
    clock = Clock()
    monkeypatch.setattr(time, "sleep", clock.sleep)
    settings = desk.settings()
    store = SqliteStore(desk.home / "readings.db")
    with (
        open_registry(settings) as registry,
        closing(open_raw_log(settings)) as log,
        closing(RecorderState(recorder_state_path(settings))) as state,
    ):
        recorder = Recorder(log, store, state, CurrentCity(registry, clock))
        log.append([position("point-900", second) for second in range(3)])
        log.append([position("point-900", 3, lat=35.6), position("another", 4), position("truck-001", 5)])
        noise = RawMessage("haulwatch/v1/point-900/fill", b"noise", T0)
        fill = RawMessage("haulwatch/v1/point-900/fill", b'{"ts": %d, "fill_pct": 40}' % T0, T0 + 9_000)
        log.append([noise, fill])
        await drain(recorder)
        assert await store.count("position") == 1

        first, second = desk.ask("device", "unknown")
        assert first == {
            "device": "point-900", "waiting": 5, "first_seen": T0 + 400, "last_seen": T0 + 9_000,
            "kinds": ["fill", "position"], "lat": 35.6, "lon": 112.8,
        }  # fmt: skip
        assert (second["device"], second["waiting"]) == ("another", 1)
        assert "35.6000 112.8000" in desk.run("device", "unknown").stdout

        what = ("--role", "recycling_point", "--site", "recycling-001")
        adopted = desk.ask("device", "adopt", "point-900", *what, "--secret")
        assert (adopted["registered"], adopted["redriven"]) == (True, 5)
        assert matches(desk.exported()["point-900"], adopted["secret"])
        assert clock.now_s >= REFRESH_EVERY_S
        await drain(recorder)

        assert await store.count("position") == 1 + 4
        assert await store.count("fill") == 1
        assert [unknown["device"] for unknown in desk.ask("device", "unknown")] == ["another"]
        ledger = current_ledger(settings)
        [line] = [line for line in ledger.devices if line.device == "point-900"]
        assert (line.received, line.stored, dict(line.quarantined)) == (6, 5, {"broken_json": 1})
        assert ledger.balanced
        assert desk.ask("device", "adopt", "point-900")["redriven"] == 0, "once is enough"
    await store.close()


async def test_a_device_that_was_imported_meanwhile_is_adopted_without_being_described(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", Clock().sleep)
    settings = desk.settings()
    store = SqliteStore(desk.home / "readings.db")
    with (
        open_registry(settings) as registry,
        closing(open_raw_log(settings)) as log,
        closing(RecorderState(recorder_state_path(settings))) as state,
    ):
        city = registry.load_city()
        others = {name: device for name, device in city.devices.items() if name != "truck-001"}
        cities = [replace(city, devices=others)]
        recorder = Recorder(log, store, state, lambda: cities[-1])
        log.append([position("truck-001", 1)])
        await drain(recorder)
        cities.append(city)
        adopted = desk.ask("device", "adopt", "truck-001")
        assert adopted == {"device": "truck-001", "registered": False, "redriven": 1, "secret": None}
        await drain(recorder)
        assert await store.count(str(Kind.POSITION)) == 1
    await store.close()
