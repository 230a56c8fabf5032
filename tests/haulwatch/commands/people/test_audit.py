"""`haulwatch audit`: the audit trail on the command line."""

from pathlib import Path

import pytest

from tests.haulwatch.commands.desk import Desk

pytestmark = pytest.mark.usefixtures("cheap_passwords")


def test_what_is_done_to_accounts_and_tokens_stands_in_the_trail(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    assert desk.run("city", "import", "jincheng").exit_code == 0
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
