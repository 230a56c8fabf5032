"""A person at the command line, with their own data directory."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from typer import Typer
from typer.testing import CliRunner, Result

from devices.access.broker_access import read_password_file
from devices.access.credentials import HashedSecret
from haulwatch.cli import command_line
from haulwatch.settings.load import Settings, load_settings

GROUP = (
    "city", "device", "db", "ledger", "rules", "sites", "replay", "alerts", "user", "token", "audit", "notify",
    "evidence", "case", "manifest", "report", "weighings",
)  # fmt: skip


@cache
def commands() -> Typer:
    """Those of `GROUP`."""
    return command_line(GROUP)


@cache
def whole_command_line() -> Typer:
    return command_line()


class Desk:
    """Runs commands and reads their answers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {"HAULWATCH_DATA_DIR": str(home)}

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(commands(), arguments, input=typed, env=self.env)

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


def matches(hashed: HashedSecret, secret: str) -> bool:
    return hashlib.pbkdf2_hmac("sha512", secret.encode(), hashed.salt, hashed.iterations) == hashed.digest
