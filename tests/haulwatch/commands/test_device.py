"""`haulwatch device list`, `show`, `add`, `rotate`, `disable`, `enable` and `export-acl`."""

import grp
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.access.broker_access import password_file, read_password_file
from devices.access.credentials import HashedSecret
from tests.haulwatch.commands.desk import Desk, matches
from tests.waiting import PATIENCE_S

POINT = "--role", "recycling_point", "--site", "recycling-001"


def login_of(desk: Desk, device: str) -> str:
    return str(desk.ask("device", "show", device)["login"])


def rights(desk: Desk, user: str, shown_as: str | None = None) -> list[str]:
    """Topics of a user in the exported access list."""
    config = json.loads((desk.home / "broker/dynamic-security.json").read_text())
    [client] = [client for client in config["clients"] if client["username"] == user]
    names = [role["rolename"] for role in client["roles"]]
    topics = [acl["topic"] for role in config["roles"] if role["rolename"] in names for acl in role["acls"]]
    return [topic.replace(user, shown_as or user) for topic in topics]


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
    assert rights(desk, "truck-001") == []
    assert login_of(desk, "truck-001") == "disabled"
    desk.ask("device", "rotate", "truck-001")
    assert desk.exported() == {}, "a rotated secret enables nobody"

    desk.ask("device", "enable", "truck-001")
    assert list(desk.exported()) == ["truck-001"]
    assert "haulwatch/v1/truck-001/position" in rights(desk, "truck-001")


def test_a_device_without_a_secret_can_be_disabled_for_the_sake_of_its_certificate(desk: Desk) -> None:
    desk.ask("device", "disable", "truck-002")
    assert desk.exported() == {}
    assert rights(desk, "truck-002") == []
    desk.ask("device", "enable", "truck-002")
    assert desk.exported() == {}, "there is no secret to let in"
    assert rights(desk, "truck-002") == rights(desk, "truck-003", shown_as="truck-002") != []


def test_the_list_shows_who_may_connect(desk: Desk) -> None:
    desk.ask("device", "add", "truck-001")
    desk.ask("device", "disable", "truck-002")
    listed = {device["device"]: device["login"] for device in desk.ask("device", "list")}
    assert [listed[name] for name in ("truck-001", "truck-002", "truck-003")] == ["enabled", "disabled", "none"]
    rows = {
        line.split()[0]: line.split() for line in desk.run("device", "list").stdout.splitlines() if "truck-" in line
    }
    assert [rows[name][-2] for name in ("truck-001", "truck-002", "truck-003")] == ["yes", "off", "no"]


def test_the_logins_of_our_processes_stand_beside_those_of_the_devices(desk: Desk, tmp_path: Path) -> None:
    desk.ask("device", "add", "truck-001")
    services = tmp_path / "services"
    services.write_text(password_file({"haulwatch-alerts": HashedSecret.of("x")}))
    assert sorted(desk.exported("--services", str(services))) == ["haulwatch-alerts", "truck-001"]
    assert "give --services FILE" not in desk.run("device", "export-acl", "--services", str(services)).stderr
    assert "give --services FILE" in desk.run("device", "export-acl").stderr
    services.write_text(password_file({"somebody": HashedSecret.of("x")}))
    assert "'somebody' is not one of" in desk.refused("device", "export-acl", "--services", str(services))
    services.write_text("haulwatch-alerts:in clear\n")
    assert "mosquitto_passwd" in desk.refused("device", "export-acl", "--services", str(services))


def test_the_export_says_whether_a_reload_is_enough(desk: Desk) -> None:
    desk.ask("device", "add", "truck-001")
    assert "restart Mosquitto" in desk.run("device", "export-acl").stderr
    desk.ask("device", "rotate", "truck-001")
    assert "send it SIGHUP" in desk.run("device", "export-acl").stderr
    for change in ("disable", "enable"):
        desk.ask("device", change, "truck-001")
        assert desk.ask("device", "export-acl")["restart"] is True
    assert desk.ask("device", "export-acl")["restart"] is False


def test_the_group_may_be_a_name(desk: Desk) -> None:
    desk.ask("device", "export-acl", "--group", grp.getgrgid(os.getgid()).gr_name)
    assert stat.S_IMODE((desk.home / "broker/dynamic-security.json").stat().st_mode) == 0o640


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
    assert process.wait(PATIENCE_S) == 7


@pytest.mark.parametrize("process", ["bystander"], indirect=True)
def test_a_process_that_is_not_mosquitto_gets_no_signal(
    desk: Desk, tmp_path: Path, process: "subprocess.Popen[str]"
) -> None:
    (tmp_path / "pid").write_text(f"{process.pid}\n")
    assert "no Mosquitto" in desk.refused("device", "export-acl", "--reload", str(tmp_path / "pid"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == -signal.SIGTERM, "no SIGHUP had come before"
