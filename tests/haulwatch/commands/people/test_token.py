"""`haulwatch token`: tokens of machines from the command line."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from devices.people.tokens import ApiToken
from haulwatch.process.system_clock import now_ms
from haulwatch.wiring.databases import open_tokens
from tests.haulwatch.commands.desk import Desk

DAY = 86_400_000


@pytest.fixture
def city_desk(tmp_path: Path, imported: Path) -> Desk:
    return Desk(shutil.copytree(imported, tmp_path / "data"))


def found(desk: Desk, secret: str) -> ApiToken | None:
    with closing(open_tokens(desk.settings())) as tokens:
        return tokens.find(secret, now_ms())


def test_a_token_is_made_listed_and_revoked(city_desk: Desk) -> None:
    made = city_desk.ask("token", "add", "Dispatch", "operator", "--days", "90", "--haulier", "danhe")
    assert (made["name"], made["role"], made["hauliers"]) == ("dispatch", "operator", ["danhe"])
    assert made["expires_at"] - made["created_at"] == 90 * DAY
    token = found(city_desk, made["secret"])
    assert token is not None
    assert token.name == "dispatch"
    [listed] = city_desk.ask("token", "list")
    assert listed == {name: value for name, value in made.items() if name != "secret"}
    assert made["secret"] not in city_desk.run("token", "list").stdout
    assert city_desk.run("token", "revoke", "dispatch").stdout == "dispatch holds no more\n"
    assert found(city_desk, made["secret"]) is None
    assert city_desk.ask("token", "list")[0]["revoked_at"] is not None


def test_the_secret_is_shown_once_and_whole(city_desk: Desk) -> None:
    shown = city_desk.run("token", "add", "dispatch", "viewer").stdout
    [line] = [line for line in shown.splitlines() if line.startswith("secret, shown once: ")]
    assert found(city_desk, line.removeprefix("secret, shown once: ")) is not None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("add dispatch viewer", "is the name of a person or a token already"),
        ("add other viewer --days 0", "greater than or equal to 1"),
        ("add other viewer --haulier danh", "did you mean 'danhe'?"),
        ("add other administrator --haulier danhe", "an administrator sees the whole city"),
        ("revoke other", "no token 'other'"),
    ],
)
def test_a_fault_is_named(city_desk: Desk, arguments: str, words: str) -> None:
    city_desk.ask("token", "add", "dispatch", "viewer")
    message = " ".join(city_desk.refused("token", *arguments.split()).replace("│", " ").split())
    assert words in message
    assert len(city_desk.ask("token", "list")) == 1
