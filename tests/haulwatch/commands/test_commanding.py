"""`haulwatch device command` and `commands`."""

import json
import os
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from devices.commands.model import Acknowledgement, CommandOutcome
from devices.commands.store import CommandAnswer, CommandStore
from haulwatch import wiring
from haulwatch.cli import command_line
from haulwatch.settings.load import load_settings

FAR_AHEAD_MS = 400_000
"""Beyond the life of a command, its grace, and its burial."""


class Desk:
    """Somebody at the command line."""

    def __init__(self, home: Path) -> None:
        self.env = {"HAULWATCH_DATA_DIR": str(home)}

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(command_line(["city", "device"]), arguments, env=self.env)

    def ask(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> str:
        done = self.run("device", "command", *arguments)
        assert (done.exit_code, done.stdout) == (2, ""), done.output
        return done.stderr

    def book(self) -> CommandStore:
        return wiring.command_book(load_settings(self.env))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in [name for name in os.environ if name.startswith("HAULWATCH_")]:
        monkeypatch.delenv(name)
    desk = Desk(tmp_path)
    desk.ask("city", "import", "jincheng")
    return desk


def test_a_command_goes_into_the_book_and_the_audit_shows_it(desk: Desk) -> None:
    first = desk.ask("device", "command", "truck-001", "report_interval", "--interval-s", "30", "--actor", "li")
    assert (first["arguments"], first["state"], first["actor"]) == ({"interval_s": 30}, "waiting", "li")
    unlock = ("truck-002", "lock_lift", "--unlock", "--actor", "wang", "--ttl-s", "9", "--note", "released")
    second = desk.ask("device", "command", *unlock)
    assert (second["arguments"], second["expires_at"] - second["issued_at"]) == ({"locked": False}, 9_000)
    assert desk.ask("device", "commands") == [second, first]
    assert desk.ask("device", "commands", "truck-001") == [first]
    desk.ask("device", "disable", "truck-003")
    refused = desk.run("device", "command", "truck-003", "reboot", "--actor", "li")
    assert (refused.exit_code, "locked out" in refused.stderr) == (2, True)
    shown = desk.run("device", "commands").stdout
    assert "lock_lift false" in shown
    assert "report_interval 30" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["truck-999", "reboot"], "not registered"),
        (["point-001", "locate"], "a recycling_point cannot locate"),
        (["truck-001", "report_interval"], "--interval-s belongs"),
        (["truck-001", "reboot", "--interval-s", "5"], "--interval-s belongs"),
        (["truck-001", "reboot", "--unlock"], "--unlock belongs"),
        (["truck-001", "reboot", "--note", "x" * 2_001], "--note"),
        (["truck-001", "dance"], "dance"),
        (["truck-001", "reboot", "--ttl-s", "4"], "ttl-s"),
    ],
)
def test_a_slip_is_answered_in_words_and_issues_nothing(desk: Desk, arguments: list[str], said: str) -> None:
    assert said in desk.refused(*arguments, "--actor", "li")
    assert desk.ask("device", "commands") == []


def answer_soon(book: CommandStore, outcome: CommandOutcome) -> threading.Thread:
    """A device that answers to whatever is issued next."""

    def answer() -> None:
        while not (found := book.commands(limit=1).items):
            time.sleep(0.02)
        said = Acknowledgement(id=found[0].id, outcome=outcome, at=found[0].issued_at, detail="the bed is [raised]")
        book.answered([CommandAnswer(found[0].device_id, said)], found[0].issued_at)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


@pytest.mark.parametrize(("outcome", "exit_code"), [(CommandOutcome.DONE, 0), (CommandOutcome.REFUSED, 1)])
def test_waiting_ends_with_the_answer(desk: Desk, outcome: CommandOutcome, exit_code: int) -> None:
    with closing(desk.book()) as book:
        device = answer_soon(book, outcome)
        done = desk.run("device", "command", "truck-001", "lock_lift", "--actor", "li", "--wait")
        device.join()
    assert done.exit_code == exit_code
    assert f"{outcome}: the bed is [raised]" in done.stderr


@pytest.fixture
def hasty_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock finds it far ahead of the one before."""
    times = iter(range(wiring.now_ms(), 1 << 60, FAR_AHEAD_MS))
    monkeypatch.setattr(wiring, "now_ms", lambda: next(times))


@pytest.mark.usefixtures("hasty_clock")
def test_where_nobody_sends_commands_waiting_ends_and_says_so(desk: Desk) -> None:
    done = desk.run("device", "command", "truck-001", "reboot", "--actor", "li", "--wait")
    assert done.exit_code == 1
    assert "is `haulwatch serve` running?" in done.stderr
    assert "waiting" in done.stderr
