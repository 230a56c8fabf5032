"""The command line from outside: documentation, answers to wrong arguments, and the form of tables."""

import json
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
import typer.main
from rich.console import Console
from typer.testing import CliRunner, Result

from devices.readings.refusals import Reason, Refusal
from haulwatch.commands import shared
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.deltas import LedgerDelta
from ingest.ledger.refused import RefusedReading
from ingest.ledger.state_file import StateUnavailable
from ingest.log.errors import RawLogError
from ingest.log.raw_log import RawLog
from ingest.log.records import RawMessage
from ingest.recorder.state import BatchCommit, RecorderState
from tests import ROOT
from tests.haulwatch.commands.desk import whole_command_line
from tests.ingest.judge.saving import save_not_judged
from tests.servers import free_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

Run = Callable[..., Result]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a data directory of its own, where no broker answers."""
    for name in [name for name in os.environ if name.startswith("HAULWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HAULWATCH_DATA_DIR", str(data_dir))
    monkeypatch.setenv("HAULWATCH_MQTT_URL", f"mqtt://127.0.0.1:{free_port()}")
    monkeypatch.setattr(shared.out, "width", 80)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(whole_command_line(), arguments)

    return invoke


def refused(result: Result) -> str:
    """The message for a wrong argument: exit code 2, on standard error."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    return result.stderr


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    command = group or typer.main.get_command(whole_command_line())
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from commands(below, (*path, name))


@pytest.mark.parametrize(("path", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in commands()])
def test_every_command_explains_itself_and_stands_in_the_readme(path: tuple[str, ...], command: Any) -> None:
    assert len(command.help or "") > 20
    for parameter in command.params:
        assert parameter.help, f"{' '.join(path)}: {parameter.name}"
    table = re.findall(r"^\| (`.*?) \|", README, re.MULTILINE)
    # A row names a group once: `device list`, `show`.
    named = {name for row in table for name in _named(re.findall(r"`([a-z0-9 -]+)`", row))}
    assert " ".join(path) in named


def _named(row: list[str]) -> Iterator[str]:
    group = row[0].split()[0] if row and " " in row[0] else ""
    for name in row:
        yield name if not group or " " in name else f"{group} {name}"


@pytest.mark.parametrize(
    "arguments",
    ["city show", "city import jincheng", "db status", "db upgrade", "device list", "device show x", "deadletter list",
     "ledger", "replay", "collect", "record", "judge", "serve", "run", "simulate", "broker"],
)  # fmt: skip
def test_a_data_directory_that_cannot_be_is_named_in_one_line(run: Run, data_dir: Path, arguments: str) -> None:
    data_dir.write_text("a file stands in its place")
    message = refused(run(*arguments.split()))
    assert str(data_dir) in message
    assert "Not a directory" in message or "File exists" in message
    assert data_dir.read_text() == "a file stands in its place"
    assert message.count("\n") == 1


NEEDS_DATA = [
    "db roles --record /dev/null --judge /dev/null --serve /dev/null",
    "city show", "db status", "deadletter list", "deadletter show 1", "deadletter redrive 1",
    "deadletter purge --reason flood", "device list",
    "device show x", "device add x", "device add --missing", "device rotate x", "device disable x", "device enable x",
    "device export-acl", "device certificate x", "device unknown", "device adopt x", "device commands",
    "device command x reboot --actor li", "judge", "ledger", "log stat", "log verify", "log export", "record",
    "replay", "run", "serve", "store refill", "rules list", "rules show", "rules diff x", "rules history",
    "rules apply /dev/null --reason x", "sites list", "sites suspect", "sites accept x --reason x",
    "sites dismiss x --reason x",
    "alerts shelves", "alerts shelve --device x --for 1h --reason x",
    "alerts unshelve 1", "city changes", "city export x", "log migrate --to kafka", "manifest list", "manifest show M1",
    "user add x viewer --password-file /dev/null", "user list", "user disable x", "user enable x",
    "user password x --password-file /dev/null", "user role x viewer",
    "token add x viewer", "token list", "token revoke x", "audit", "audit prune --yes",
    "notify list", "notify show", "notify test x", "notify apply /dev/null --reason x", "notify status",
    "evidence key", "evidence export 9f86d081884c7d65", "case list", "case show 2026-000001", "case rate",
    "report key", "report reseal", "report qr x --out x.svg", "deposits refused", "deposits key", "deposits accounts",
    "ledger city --from 2026-03-01 --to 2026-03-01", "weighings list", "weighings unmatched", "weighings show x",
    "ledger indicators --from 2026-03-01 --to 2026-03-01", "ledger assessment --from 2026-03-01 --to 2026-03-01",
    "ledger report --quarter 2026Q1 --out x.csv", "weighings tares", "weighings bridges", "deposits account 1",
    "weighings resolve x --none --reason x", "deposits sums --from 2026-03-01 --to 2026-03-01", "deposits erase 1",
    "deposits spend 1 --amount 1 --number x --reason x", "deposits cancel x --number y --reason x",
    "deposits bookings 1", "deposits recredit --from 2026-03-01 --to 2026-03-01 --reason x",
    "weighings state-stocks /dev/null --reason x", "weighings stocks --from 2026-03-01 --to 2026-03-01",
]  # fmt: skip
CREATES_DATA = {
    "broker", "city import", "collect", "db upgrade", "device authority", "gateway jt808", "gateway scale",
    "gateway sparkplug", "gateway trackers", "simulate",
}  # fmt: skip
NEEDS_NONE = {
    "demo", "doctor", "evaluate", "settings", "city fields", "grafana diff", "grafana render",
    "gateway plate", "grafana sync", "kafka init", "kafka status", "rules validate", "notify validate",
    "evidence verify",
}  # fmt: skip
"""`doctor` reports a missing directory among other faults (test_doctor)."""


def test_every_command_is_known_to_need_data_to_create_it_or_to_go_without() -> None:
    needing = {" ".join(path) for path, _ in commands()} - CREATES_DATA - NEEDS_NONE
    assert needing == {name for name in needing if any(f"{line} ".startswith(f"{name} ") for line in NEEDS_DATA)}


@pytest.mark.parametrize("arguments", NEEDS_DATA)
def test_a_mistyped_data_directory_is_an_error_and_is_not_created(run: Run, data_dir: Path, arguments: str) -> None:
    message = refused(run(*arguments.split()))
    assert message.startswith(f"haulwatch: {data_dir}: no such data directory: correct HAULWATCH_DATA_DIR, or begin")
    assert not data_dir.exists()


@pytest.mark.parametrize("arguments", [line for line in NEEDS_DATA if "--missing" not in line])
def test_a_directory_of_something_else_is_an_error_and_stays_as_it_is(run: Run, data_dir: Path, arguments: str) -> None:
    (data_dir / "photos").mkdir(parents=True)
    message = refused(run(*arguments.split()))
    assert f"{data_dir} holds no data of Haulwatch" in message or "haulwatch.db: no such database" in message
    assert not {path.name for path in data_dir.iterdir()} - {"photos", *LOCKS}


LOCKS = {"supervisor.lock", "recorder.lock", "judge.lock", "api.lock"}


def test_tables_that_are_not_up_to_date_are_an_exit_code(run: Run, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "haulwatch.db").touch()
    assert (run("db", "status").exit_code, run("db", "status", "--json").exit_code) == (1, 1)
    assert run("db", "upgrade").exit_code == 0
    assert (run("db", "status").exit_code, run("db", "status", "--json").exit_code) == (0, 0)


def test_times_are_those_of_the_city_with_their_offset(
    run: Run, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The city's, not the machine's and not China's; a setting overrides it."""
    city = shutil.copytree(ROOT / "devices" / "cities" / "jincheng", tmp_path / "city")
    head = city / "city.yaml"
    head.write_text(head.read_text().replace("Asia/Shanghai", "Asia/Kathmandu"))
    assert run("city", "import", str(city)).exit_code == 0
    with closing(RawLog(data_dir / "raw")) as log:
        log.append([RawMessage("haulwatch/v1/nobody/position", b"{}", 1_772_352_000_000)])
    assert re.search(r"received +2026-03-01 13:45:00\+05:45 to 2026-03-01 13:45", run("log", "stat").stdout)
    assert re.search(r"valid_from +2020-01-01 00:00:00\+05:45", run("device", "show", "truck-001").stdout)
    monkeypatch.setenv("HAULWATCH_TIMEZONE", "America/New_York")
    assert re.search(r"received +2026-03-01 03:00:00-05:00", run("log", "stat").stdout)


def test_the_correction_of_a_clock_is_shown(run: Run, tmp_path: Path) -> None:
    city = shutil.copytree(ROOT / "devices" / "cities" / "jincheng", tmp_path / "city")
    devices = (city / "devices.yaml").read_text()
    (city / "devices.yaml").write_text(
        devices.replace("id: truck-001\n", "id: truck-001\n  clock_correction_s: -28800\n")
    )
    assert run("city", "import", str(city)).exit_code == 0
    assert re.search(r"clock_correction_s +-28,800", run("device", "show", "truck-001").stdout)
    assert re.search(r"clock_correction_s +0", run("device", "show", "truck-002").stdout)


def test_a_short_time_keeps_its_offset() -> None:
    assert shared.local_minute(1_772_352_000_000, ZoneInfo("Asia/Shanghai")) == "2026-03-01 16:00+08"
    assert shared.local_minute(1_772_352_000_000, ZoneInfo("Asia/Kathmandu")) == "2026-03-01 13:45+0545"
    assert shared.local_minute(1_772_352_000_000, ZoneInfo("UTC")) == "2026-03-01 08:00+00"


@pytest.mark.parametrize("arguments", ["city show", "device list", "record", "judge", "serve", "replay"])
def test_what_needs_a_city_says_how_to_get_one(run: Run, arguments: str) -> None:
    assert run("db", "upgrade").exit_code == 0
    assert "haulwatch city import DIR" in refused(run(*arguments.split()))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["city", "import", "no-such-folder"], "no-such-folder: no such folder: give the folder with city.yaml"),
        (["city", "import", "jinchen"], "jinchen: no such folder: did you mean 'jincheng'?"),
        (["device", "show", "truck-999"], "`haulwatch device list` shows the registered devices"),
        (["device", "show", "truck-01"], "'truck-01' is not registered: did you mean 'truck-001'?"),
        (["device", "commands", "nope"], "'nope' is not registered"),
        (["device", "rotate", "trck-001"], "did you mean 'truck-001'?"),
        (["device", "add", "t-9", "--role", "truck", "--vehicle", "vehicle-01"], "did you mean 'vehicle-001'?"),
        (["device", "add", "b-9", "--role", "weighbridge", "--site", "spoil-nw"], "did you mean 'spoil-nw-1'?"),
        (["ledger", "--device", "truck-999"], "no reading of 'truck-999' was received yet"),
        (["deadletter", "show", "1"], "there is no dead letter 1"),
        (["deadletter", "show", "9" * 30], "9223372036854775807"),
        (["deadletter", "redrive"], "choose dead letters: give ids, --device or --reason"),
        (["deadletter", "purge"], "choose dead letters: give --device, --reason or --older-than-days"),
        (["doctor", "moon"], "no such check: moon"),
        (["broker", "--port", "70000"], "65535"),
        (["replay", "--log", "no-such-folder"], "does not exist"),
        (["replay", "--log", "."], "--log .: no message is there: give the folder `raw`"),
        (["simulate", "--from", "gone.gpx"], "gone.gpx: cannot be opened: No such file"),
        (["simulate", "--from", "x.csv", "--columns", "lat"], "'lat' is not WHAT=COLUMN"),
        (["simulate", "--from", "x.csv", "--columns", "colour=1"], "--columns: colour is not one of time, lat"),
        (["simulate", "--from", "x.csv", "--separator", "||"], "--separator: '||' is not a single character"),
        (["simulate", "--from", "x.csv", "--timezone", "Mars/Base"], "--timezone: 'Mars/Base' is not in the IANA"),
        (["simulate", "--from", "x.csv", "--speed", "0.5", "--shift-to-now"], "--speed: below 1"),
    ],
)
def test_a_wrong_argument_is_answered_with_the_fault(
    run: Run, data_dir: Path, imported: Path, arguments: list[str], words: str
) -> None:
    shutil.copytree(imported, data_dir)
    # Long lines of usage errors stand in a box, wrapped.
    assert words in re.sub(r"\s*│?\n│?\s*", " ", refused(run(*arguments)))


@pytest.mark.parametrize("arguments", [["simulate"], ["simulate", "--from", "day.ndjson"]])
def test_simulate_without_a_broker_says_so_at_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    (tmp_path / "day.ndjson").write_text('{"device_id": "truck-001", "ts": 1772352000000, "lat": 35.5, "lon": 112.8}\n')
    monkeypatch.chdir(tmp_path)
    message = refused(run(*arguments)).splitlines()[-1]
    assert message.startswith(f"haulwatch: no broker answers: {os.environ['HAULWATCH_MQTT_URL']}: ")
    assert "HAULWATCH_MQTT_URL" in message


def test_a_recording_that_does_not_say_whose_it_is_names_the_options(run: Run, tmp_path: Path) -> None:
    (tmp_path / "day.csv").write_text("time,lat,lon\n2026-01-01T00:00:00Z,35.5,112.8\n")
    message = refused(run("simulate", "--from", str(tmp_path / "day.csv")))
    assert "day.csv, row 2" in message
    assert "--device" in message


def test_a_port_in_use_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in refused(run("broker", "--port", str(port)))
        monkeypatch.setenv("HAULWATCH_API_PORT", str(port))
        run("city", "import", "jincheng")
        assert "HAULWATCH_API_PORT" in refused(run("serve"))


def test_a_device_list_keeps_ids_whole_in_80_columns(run: Run) -> None:
    run("city", "import", "jincheng")
    shown = run("device", "list").stdout
    ids = [device["device"] for device in json.loads(run("device", "list", "--json").stdout)]
    assert len(ids) == 59
    assert all(re.search(rf"^{re.escape(name)} ", shown, re.MULTILINE) for name in ids)
    assert max(map(len, shown.splitlines())) <= 80


def test_a_device_is_shown_as_people_read_it(run: Run) -> None:
    run("city", "import", "jincheng")
    shown = run("device", "show", "truck-001").stdout
    assert re.search(r"valid_from\s+2020-01-01 00:00:00\+08:00", shown)
    assert re.search(r"last heard\s+never", shown)
    assert json.loads(run("device", "show", "truck-001", "--json").stdout)["valid_from"] == 1_577_808_000_000


def test_importing_a_city_twice_changes_nothing(run: Run) -> None:
    first, second = (json.loads(run("city", "import", "jincheng", "--json").stdout) for _ in range(2))
    assert first["revision"] == second["revision"] == 1
    assert first["tables"]["device"]["added"] == 59
    assert second["tables"]["device"] == {"added": 0, "changed": 0, "unchanged": 59}


def test_dead_letters_are_purged(run: Run, data_dir: Path) -> None:
    letter = RefusedReading("truck-1", "truck-1", Refusal(Reason.BROKEN_JSON, "cut"), "t", bytes(1 << 20), 0)
    with closing(RecorderState(data_dir / "recorder.db")) as state:
        entries, others = [("truck-1", 0, None, None, False)] * 3, {"truck-1": (0, 3)}
        state.commit(BatchCommit({}, [], [], [letter] * 3, [], LedgerDelta(entries, others)))
    assert run("deadletter", "purge", "--device", "truck-2").stdout == "0 dead letters purged, 0.0 MiB freed\n"
    assert run("deadletter", "purge", "--older-than-days", "30").stdout == "3 dead letters purged, 3.0 MiB freed\n"
    assert json.loads(run("ledger", "--json").stdout)["total"]["quarantined"] == {"broken_json": 3}


def test_letters_that_cannot_be_redriven_are_an_exit_code(run: Run, data_dir: Path) -> None:
    assert DeadLetters(data_dir / "recorder.db").list() == []
    result = run("deadletter", "redrive", "5", "6")
    assert (result.exit_code, result.stdout) == (1, "0 of 2 dead letters redriven\n")
    assert "there is no dead letter 5" in result.stderr


def test_settings_keep_their_names_whole_in_80_columns(run: Run) -> None:
    shown = run("settings").stdout
    names = re.findall(r"^\| `(HAULWATCH_\w+)`", CONFIGURATION, re.MULTILINE)
    assert names
    assert all(name in shown for name in names)
    assert max(map(len, shown.splitlines())) <= 80


def test_cells_are_not_markup_and_long_ids_are_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    hostile, long_id = "[red]evil[/red] [/] \x1b[2J", "a" * 64
    shared.print_table("[b]title[/b]", ("id", "text"), [(long_id, hostile)])
    shown = capsys.readouterr().out
    assert "[b]title[/b]" in shown
    assert "[red]evil[/red] [/] \\x1b[2J" in " ".join(shown.split())
    assert "\x1b" not in shown
    assert shown.count("a") - "text".count("a") == 64


def test_a_wide_screen_is_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("city", "import", "jincheng").exit_code == 0
    monkeypatch.setattr(shared, "out", Console(width=150))
    assert 80 < max(map(len, run("device", "list").output.splitlines())) <= 150


def test_the_ledger_of_devices_heard_since(run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.out, "width", 120)
    at = 1_772_352_000_000
    with closing(RecorderState(data_dir / "recorder.db")) as state:
        entries = [
            ("truck-8", at, None, None, False),
            ("truck-8", at, None, None, False),
            ("truck-9", at, 1, at - 700, True),
            ("truck-9", at + 9, 5, at - 691, True),
        ]
        delta = LedgerDelta(entries, others={"truck-8": (2, 0), "truck-9": (2, 0)})
        state.commit(BatchCommit({}, [], [], [], [], delta))
    table = run("ledger").stdout
    assert re.search(r"^truck-9 +2 +0 +2 +0 +0 +3 +0 +\+0\.7 s", table, re.MULTILINE)
    assert re.search(r"^total +4 +0 +4 +0 +0 +3 ", table, re.MULTILINE)
    since = json.loads(run("ledger", "--since", "2026-03-01T16:00:00.009+08:00", "--json").stdout)
    assert [(line["device"], line["gaps"], line["clock_offset_ms"]) for line in since["devices"]] == [
        ("truck-9", 3, 700)
    ]
    figures = {"received": 4, "stored": 0, "duplicate": 4, "quarantined": {}, "queued": 0, "gaps": 3}
    assert figures.items() <= since["total"].items()
    assert "RFC 3339" in refused(run("ledger", "--since", "yesterday"))
    assert "since then" in refused(run("ledger", "--since", str(at + 10), "--device", "truck-9"))


def test_errors_of_several_tasks_are_messages_unless_one_is_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    @shared.exits_on_error
    def command(*more: Exception) -> None:
        raise ExceptionGroup("tasks", [RawLogError("log"), ExceptionGroup("inner", [StateUnavailable("state")]), *more])

    with pytest.raises(typer.Exit) as caught:
        command()
    assert caught.value.exit_code == 2
    assert capsys.readouterr().err == "haulwatch: log\nstate\n"
    with pytest.raises(ExceptionGroup):
        command(ZeroDivisionError())


def test_the_ledger_keeps_its_headers_whole_in_80_columns(run: Run) -> None:
    assert run("city", "import", "jincheng").exit_code == 0
    [header] = [line for line in run("ledger").stdout.splitlines() if line.startswith("device")]
    assert header.split()[-2:] == ["clock", "reasons"]


def test_the_ledger_shows_what_was_not_judged(run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.out, "width", 140)
    with closing(RecorderState(data_dir / "recorder.db")) as state:
        delta = LedgerDelta([("truck-8", 1_772_352_000_000, 1, 1_772_352_000_000, True)])
        state.commit(BatchCommit({}, [], [], [], [], delta))
    assert "not judged" not in run("ledger").stdout
    save_not_judged(data_dir / "judge.db", {"truck-8": {"too_late": 12}})
    table = run("ledger").stdout
    assert "not judged" in table
    assert re.search(r"^total .* 12 +not judged too_late 12", table, re.MULTILINE)
    report = json.loads(run("ledger", "--json").stdout)
    assert report["devices"][0]["not_judged"] == report["total"]["not_judged"] == {"too_late": 12}
