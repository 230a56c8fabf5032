"""`haulwatch audit`: the audit trail on the command line."""

import os
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from devices.db.database import open_database
from devices.people.audit import ActorKind, AuditTrail, NewAuditEntry
from devices.readings.instants import DAY_MS
from haulwatch.process.system_clock import now_ms
from tests.haulwatch.commands.desk import Desk

pytestmark = pytest.mark.usefixtures("cheap_passwords")


def test_what_is_done_to_accounts_and_tokens_stands_in_the_trail(tmp_path: Path, imported: Path) -> None:
    desk = Desk(shutil.copytree(imported, tmp_path / "data"))
    desk.env["USER_PASSWORD"] = "four words of a sentence"
    for command in (
        "user add li.wei officer --district zezhou",
        "user role li.wei viewer",
        "user password li.wei",
        "user disable li.wei",
        "user enable li.wei",
        "token add dispatch operator",
        "token revoke dispatch",
        "user disable nobody",
    ):
        desk.run(*command.split())
    found = desk.ask("audit")
    assert [(one["action"], one["target"]) for one in reversed(found)] == [
        ("haulwatch user add", "li.wei officer district zezhou"),
        ("haulwatch user role", "li.wei viewer all"),
        ("haulwatch user password", "li.wei"),
        ("haulwatch user disable", "li.wei"),
        ("haulwatch user enable", "li.wei"),
        ("haulwatch token add", "dispatch operator all"),
        ("haulwatch token revoke", "dispatch"),
    ]
    assert {one["kind"] for one in found} == {"command_line"}
    assert [one["target"] for one in desk.ask("audit", "--limit", "1")] == ["dispatch"]
    assert desk.ask("audit", "--actor", "nobody") == []
    assert desk.ask("audit", "--until", "2026-01-01T00:00:00Z") == []
    assert "haulwatch token revoke" in " ".join(desk.run("audit").stdout.split())


def test_the_actor_is_the_user_of_the_process_whatever_the_environment_says(tmp_path: Path, imported: Path) -> None:
    desk = Desk(shutil.copytree(imported, tmp_path / "data"))
    desk.env |= {"LOGNAME": "li.wei\nwang", "USER": "li.wei"}
    assert desk.run("token", "add", "dispatch", "viewer").exit_code == 0
    me = subprocess.run(["id", "--user", "--name"], check=True, capture_output=True, text=True).stdout.strip()
    assert [one["actor"] for one in desk.ask("audit")] == [me]
    assert desk.ask("token", "list")[0]["created_by"] == me


def test_a_user_without_a_name_acts_by_number(tmp_path: Path, imported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(shutil.copytree(imported, tmp_path / "data"))
    desk.env |= {"LOGNAME": "", "USER": "", "LNAME": "", "USERNAME": ""}
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)  # in no file of users
    assert desk.run("token", "add", "dispatch", "viewer").exit_code == 0
    assert [one["actor"] for one in desk.ask("audit")] == ["uid 3999999999"]


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "li.wei\nwang", "li\u200bwei"])
@pytest.mark.parametrize(
    "command", ["alerts shelve --rule bin_overflow --reason r --for 1h", "sites accept 3f0a9c51be7d2846 --reason r"]
)
def test_a_name_that_cannot_be_read_stands_beside_no_action(
    tmp_path: Path, imported: Path, command: str, name: str
) -> None:
    desk = Desk(shutil.copytree(imported, tmp_path / "data"))
    assert "--by: give 1 to 64 visible characters" in desk.refused(*command.split(), "--by", name)


def test_entries_older_than_the_setting_are_removed_by_a_command_that_stands_in_the_trail(
    tmp_path: Path, imported: Path
) -> None:
    desk = Desk(shutil.copytree(imported, tmp_path / "data"))
    desk.env["HAULWATCH_AUDIT_KEEP_DAYS"] = "180"
    now = now_ms()
    with closing(AuditTrail(open_database(f"sqlite:///{tmp_path / 'data' / 'haulwatch.db'}"))) as trail:
        for days, actor in ((179, "young"), (181, "old"), (400, "older")):
            at = now - days * DAY_MS
            trail.add(
                NewAuditEntry(
                    at=at, actor=actor, kind=ActorKind.PERSON, address="", action="GET /", target="", status=200
                )
            )
    refused = desk.run("audit", "prune", typed="n\n")
    assert refused.exit_code == 1
    assert len(desk.ask("audit")) == 3
    done = desk.run("audit", "prune", "--yes")
    assert done.exit_code == 0, done.output
    assert "removed 2 entries" in " ".join(done.output.split())
    newest, oldest = desk.ask("audit")
    assert (newest["action"], newest["kind"], oldest["actor"]) == ("haulwatch audit prune", "command_line", "young")
    assert newest["target"].startswith("2 before 20")
    assert desk.run("audit", "prune", "--yes").exit_code == 0
    assert desk.ask("audit")[0]["target"].startswith("0 before 20"), "every call is an entry"
