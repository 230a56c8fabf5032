"""Every `haulwatch …` in docker-compose.yml is a command that exists, with its options."""

from pathlib import Path
from typing import Any

import pytest
import typer.main

from haulwatch.cli import command_line
from tests.compose.test_services import ONCE, OURS, SERVICES, interpolated
from tests.servers.deployed_broker import make_secrets

SCRIPTS = [
    " ".join(part.split()).removesuffix(" >/dev/null")
    for name in ONCE
    for part in interpolated(SERVICES[name]["command"][0]).split("&&")
]


@pytest.mark.parametrize("words", [
    *(command.split()[1:] for command in SCRIPTS if command.startswith("haulwatch ")),
    *(SERVICES[name]["command"] for name in OURS if name not in {*ONCE, "admin"}),
], ids=" ".join)  # fmt: skip
def test_its_commands_exist(words: list[str], tmp_path: Path) -> None:
    """The real command line parses them, and does not run them."""
    make_secrets(tmp_path)
    words = [word.replace("/run/secrets", str(tmp_path)) for word in words]
    command: Any = typer.main.get_command(command_line())
    context = None
    while words and hasattr(command, "commands"):
        context = command.make_context(command.name, [words[0]], parent=context, resilient_parsing=True)
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, list(words), parent=context)


def test_services_that_end_run_our_commands() -> None:
    others = [command for command in SCRIPTS if not command.startswith("haulwatch ")]
    assert len(SCRIPTS) == 9
    assert [command.split()[0] for command in others] == ["{", "cp"]
