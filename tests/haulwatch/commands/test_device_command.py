"""`haulwatch device command` and `commands`."""

import threading
import time
from contextlib import closing

import pytest

from devices.commands.model import Acknowledgement, CommandOutcome
from devices.commands.store import CommandAnswer, CommandStore
from haulwatch.process import system_clock
from haulwatch.wiring.databases import open_command_store
from tests.haulwatch.commands.desk import Desk

FAR_AHEAD_MS = 400_000
"""Beyond the life of a command, its grace, and the time in which a dispatcher gives it up."""


def store_of(desk: Desk) -> CommandStore:
    return open_command_store(desk.settings())


def test_an_issued_command_is_stored_and_listed(desk: Desk) -> None:
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


def test_a_text_for_the_driver_is_stored_and_listed_as_it_is_written(desk: Desk) -> None:
    issued = desk.ask("device", "command", "truck-001", "show_text", "--text", "前方封闭", "--actor", "li")
    assert issued["arguments"] == {"text": "前方封闭"}
    assert 'show_text "前方封闭"' in desk.run("device", "commands").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["truck-999", "reboot"], "not registered"),
        (["point-001", "locate"], "a recycling_point cannot locate"),
        (["truck-001", "report_interval"], "--interval-s belongs"),
        (["truck-001", "reboot", "--interval-s", "5"], "--interval-s belongs"),
        (["truck-001", "reboot", "--unlock"], "--unlock belongs"),
        (["truck-001", "show_text"], "--text belongs"),
        (["truck-001", "reboot", "--text", "x"], "--text belongs"),
        (["truck-001", "show_text", "--text", "a\u200bb"], "U+200B"),
        (["point-001", "show_text", "--text", "x"], "a recycling_point cannot show_text"),
        (["truck-001", "reboot", "--note", "x" * 2_001], "--note"),
        (["truck-001", "dance"], "dance"),
        (["truck-001", "reboot", "--ttl-s", "4"], "ttl-s"),
    ],
)
def test_a_wrong_argument_is_explained_and_issues_nothing(desk: Desk, arguments: list[str], words: str) -> None:
    assert words in desk.refused("device", "command", *arguments, "--actor", "li")
    assert desk.ask("device", "commands") == []


def answer_soon(store: CommandStore, outcome: CommandOutcome) -> threading.Thread:
    """A device that answers to whatever is issued next."""

    def answer_newest() -> None:
        while not (found := store.commands(limit=1).items):
            time.sleep(0.02)
        acknowledgement = Acknowledgement(
            id=found[0].id, outcome=outcome, at=found[0].issued_at, detail="the bed is [raised]"
        )
        store.answered([CommandAnswer(found[0].device_id, acknowledgement)], found[0].issued_at)

    thread = threading.Thread(target=answer_newest)
    thread.start()
    return thread


@pytest.mark.parametrize(("outcome", "exit_code"), [(CommandOutcome.DONE, 0), (CommandOutcome.REFUSED, 1)])
def test_waiting_ends_with_the_answer(desk: Desk, outcome: CommandOutcome, exit_code: int) -> None:
    with closing(store_of(desk)) as store:
        device = answer_soon(store, outcome)
        done = desk.run("device", "command", "truck-001", "lock_lift", "--actor", "li", "--wait")
        device.join()
    assert done.exit_code == exit_code
    assert f"{outcome}: the bed is [raised]" in done.stderr


@pytest.fixture
def hasty_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reading of the clock is far ahead of the one before."""
    times = iter(range(system_clock.now_ms(), 1 << 60, FAR_AHEAD_MS))
    monkeypatch.setattr(system_clock, "now_ms", lambda: next(times))


@pytest.mark.usefixtures("hasty_clock")
def test_without_a_dispatcher_waiting_ends_with_a_hint(desk: Desk) -> None:
    done = desk.run("device", "command", "truck-001", "reboot", "--actor", "li", "--wait")
    assert done.exit_code == 1
    assert "is `haulwatch serve` running?" in done.stderr
    assert "waiting" in done.stderr
