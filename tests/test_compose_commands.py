"""Every `haulwatch …` that docker-compose.yml and the Dockerfile run is a command that exists, with those options."""

from typing import Any

import pytest
import typer.main

from haulwatch.cli import app
from tests.test_compose import OURS, SERVICES


@pytest.mark.parametrize("words", [
    ["db", "upgrade"], ["city", "import", "/city"],
    *(SERVICES[name]["command"] for name in OURS if name != "migrate"),
    *(service["healthcheck"]["test"][2:] for service in SERVICES.values()
      if service["healthcheck"].get("test", [])[1:2] == ["haulwatch"]),
], ids=" ".join)  # fmt: skip
def test_the_commands_it_gives_exist(words: list[str]) -> None:
    """Parsed by the real command line, without being carried out."""
    command: Any = typer.main.get_command(app)
    context = None
    while words and hasattr(command, "commands"):
        context = command.make_context(command.name, [words[0]], parent=context, resilient_parsing=True)
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, list(words), parent=context)


def test_migrate_gives_the_commands_checked_above() -> None:
    assert SERVICES["migrate"]["command"] == ["haulwatch db upgrade && haulwatch city import /city"]
