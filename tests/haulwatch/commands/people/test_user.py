"""`haulwatch user`: accounts from the command line."""

import shutil
from pathlib import Path

import pytest

from devices.people.sessions import BadCredentials
from haulwatch.wiring.databases import open_people
from tests.haulwatch.commands.desk import Desk

pytestmark = pytest.mark.usefixtures("cheap_passwords")
NOW = 1_772_352_000_000
SENTENCE = "four words of a sentence"


@pytest.fixture
def city_desk(tmp_path: Path, imported: Path) -> Desk:
    desk = Desk(shutil.copytree(imported, tmp_path / "data"))
    (tmp_path / "password").write_text(f"{SENTENCE}\n")
    return desk


def add(desk: Desk, name: str, role: str, *options: str) -> None:
    done = desk.run("user", "add", name, role, "--password-file", str(desk.home.parent / "password"), *options)
    assert done.exit_code == 0, done.output


def may_sign_in(desk: Desk, name: str, password: str) -> bool:
    with open_people(desk.settings()) as people:
        try:
            return people.sessions.sign_in(name, password, NOW).person.name == name
        except BadCredentials:
            return False


def test_an_account_from_its_first_day_to_its_last(city_desk: Desk) -> None:
    add(city_desk, "Li.Wei", "officer", "--display-name", "李伟", "--district", "zezhou", "--haulier", "danhe")
    [listed] = city_desk.ask("user", "list")
    assert {**listed, "created_at": 0, "password_changed_at": 0} == {
        "name": "li.wei",
        "display_name": "李伟",
        "role": "officer",
        "districts": ["zezhou"],
        "hauliers": ["danhe"],
        "language": None,
        "enabled": True,
        "created_at": 0,
        "password_changed_at": 0,
        "issuer": None,
    }
    assert may_sign_in(city_desk, "li.wei", SENTENCE)
    (city_desk.home.parent / "password").write_text("another long sentence")
    done = city_desk.run("user", "password", "li.wei", "--password-file", str(city_desk.home.parent / "password"))
    assert done.exit_code == 0
    assert not may_sign_in(city_desk, "li.wei", SENTENCE)
    assert may_sign_in(city_desk, "li.wei", "another long sentence")
    assert city_desk.run("user", "role", "li.wei", "administrator").stdout == "li.wei is administrator and sees all\n"
    assert city_desk.ask("user", "list")[0]["districts"] is None
    assert city_desk.run("user", "disable", "li.wei").exit_code == 0
    assert not may_sign_in(city_desk, "li.wei", "another long sentence")
    assert city_desk.run("user", "enable", "li.wei").exit_code == 0
    assert may_sign_in(city_desk, "li.wei", "another long sentence")
    shown = " ".join(city_desk.run("user", "list").stdout.split())
    assert "李伟" in shown
    assert "administrator" in shown


def test_the_password_may_come_from_the_environment(city_desk: Desk) -> None:
    city_desk.env["USER_PASSWORD"] = "a sentence of the environment"
    assert city_desk.run("user", "add", "wang", "viewer").exit_code == 0
    assert may_sign_in(city_desk, "wang", "a sentence of the environment")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("add wang viewer", "give the password in a file (--password-file) or in the variable USER_PASSWORD"),
        ("add 王 viewer --password-file FILE", "give 1 to 64 of the characters a-z"),
        (f"add {'x' * 65} viewer --password-file FILE", "give 1 to 64 of the characters a-z"),
        ("add li.wei viewer --password-file FILE", "li.wei has an account already"),
        ("add wang viewer --district zezho --password-file FILE", "did you mean 'zezhou'?"),
        ("add wang viewer --haulier nobody --password-file FILE", "it has danhe, fengtai, qinhe, taihang"),
        ("add wang administrator --district zezhou --password-file FILE", "an administrator sees the whole city"),
        ("add wang king --password-file FILE", "is not one of 'viewer', 'operator', 'officer', 'administrator'"),
        ("disable wang", "'wang' has no account"),
        ("password wang --password-file FILE", "'wang' has no account"),
        ("role wang viewer", "'wang' has no account"),
    ],
)
def test_a_fault_is_named(city_desk: Desk, arguments: str, words: str) -> None:
    add(city_desk, "li.wei", "viewer")
    given = arguments.replace("FILE", str(city_desk.home.parent / "password")).split()
    message = " ".join(city_desk.refused("user", *given).replace("│", " ").split())
    assert words in message
    assert len(city_desk.ask("user", "list")) == 1


def test_a_short_password_is_refused(city_desk: Desk) -> None:
    (city_desk.home.parent / "password").write_text("short")
    message = city_desk.refused(
        "user", "add", "wang", "viewer", "--password-file", str(city_desk.home.parent / "password")
    )
    assert "12 to 256 characters" in message


def test_a_password_that_is_no_utf_8_is_refused_from_a_file_and_from_the_environment(city_desk: Desk) -> None:
    given = city_desk.home.parent / "password"
    given.write_bytes("四个词的一句话 of it".encode("gb18030"))
    assert "give text in UTF-8" in city_desk.refused("user", "add", "wang", "viewer", "--password-file", str(given))
    city_desk.env["USER_PASSWORD"] = "\udcff\udcfe four words of it"  # as Python reads such bytes
    assert "give text in UTF-8" in city_desk.refused("user", "add", "wang", "viewer")
    assert city_desk.ask("user", "list") == []


def test_the_mark_with_which_an_editor_begins_a_file_is_no_part_of_the_password(city_desk: Desk) -> None:
    (city_desk.home.parent / "password").write_bytes(b"\xef\xbb\xbf" + SENTENCE.encode() + b"\r\n")
    add(city_desk, "wang", "viewer")
    assert may_sign_in(city_desk, "wang", SENTENCE)
