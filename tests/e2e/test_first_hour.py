"""docs/first-hour.md as a newcomer follows it: each command is run, and prints what the document says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests import ROOT
from tests.servers import free_port
from tests.waiting import PATIENCE_S, until

DOCUMENT: Final = (ROOT / "docs" / "first-hour.md").read_text(encoding="utf-8")
_BLOCK: Final = re.compile(r"^```(sh|sh second|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MISSING: Final = [program for program in ("bash", "curl", "mosquitto") if shutil.which(program) is None]

pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")]


class Block(NamedTuple):
    kind: str
    text: str


class Newcomer:
    """Terminals in one folder, with the command `haulwatch`. The ports of the document are others here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {"1883": str(free_port()), "8080": str(free_port())}
        (folder / "bin").mkdir()
        command = folder / "bin" / "haulwatch"
        command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m haulwatch "$@"\n')
        command.chmod(0o755)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HAULWATCH_")}
        self._environment = {
            **inherited, "PATH": f"{folder / 'bin'}:{inherited['PATH']}:/usr/sbin", "COLUMNS": "200",
            "HAULWATCH_API_PORT": self._ports["8080"],
        }  # fmt: skip
        self._others: list[subprocess.Popen[bytes]] = []
        self.printed = ""
        self._exported: list[str] = []

    def here(self, text: str) -> str:
        for port, other in self._ports.items():
            text = re.sub(rf"\b{port}\b", other, text)
        return text

    def type(self, commands: str) -> None:
        """Run commands in the first terminal; a command may fail."""
        commands = self.here(commands)
        script = "\n".join([*self._exported, commands])
        done = subprocess.run(
            ["bash", "-c", script], cwd=self._folder, env=self._environment, capture_output=True, text=True,
            timeout=4 * PATIENCE_S, check=False,
        )  # fmt: skip
        self._exported += re.findall("^export .*", commands, re.MULTILINE)
        self.printed += done.stdout + done.stderr

    def type_elsewhere(self, commands: str) -> None:
        """Start what goes on in another terminal."""
        lines = self.here(commands).strip().splitlines()
        log = self._folder / f"terminal-{len(self._others)}.txt"
        with log.open("wb") as out:
            script = "\n".join([*lines[:-1], f"exec {lines[-1]}"])
            self._others.append(
                subprocess.Popen(
                    ["bash", "-c", script], cwd=self._folder, env=self._environment, stdout=out, stderr=out
                )
            )
        if "haulwatch run" in commands:
            until(lambda: "all parts work" in log.read_text(), log.read_text)
            self.printed += log.read_text()
        else:
            until(lambda: b"running" in log.read_bytes(), log.read_text)

    def leave(self) -> None:
        for process in reversed(self._others):
            process.terminate()
            process.wait(PATIENCE_S)


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    person = Newcomer(tmp_path)
    yield person
    person.leave()


def blocks() -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall(DOCUMENT)]


@pytest.mark.long
def test_the_first_hour_goes_as_the_document_says(newcomer: Newcomer) -> None:
    for block in blocks():
        match block.kind:
            case "sh":
                newcomer.type(block.text)
            case "sh second":
                newcomer.type_elsewhere(block.text)
            case _:
                missing = [line for line in newcomer.here(block.text).splitlines() if line not in newcomer.printed]
                assert not missing, newcomer.printed[-3_000:]
    assert [block.kind for block in blocks()].count("text") == 5
