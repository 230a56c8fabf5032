"""`haulwatch alerts`: a person shelves alerts and takes them off the shelf again."""

import shutil
from pathlib import Path

import pytest

from tests.haulwatch.commands.desk import Desk

HOUR = 3_600_000


@pytest.fixture
def city_desk(tmp_path: Path, imported: Path) -> Desk:
    return Desk(shutil.copytree(imported, tmp_path / "data"))


def test_alerts_are_shelved_listed_and_taken_off(city_desk: Desk) -> None:
    shelf = city_desk.ask(
        "alerts",
        "shelve",
        "--rule",
        "bin_fire",
        "--device",
        "truck-001",
        "--for",
        "8h",
        "--reason",
        "修理",
        "--by",
        "li",
    )
    assert (shelf["no"], shelf["rule"], shelf["subject"], shelf["reason"], shelf["shelved_by"]) == (
        1, "bin_fire", "truck-001", "修理", "li",
    )  # fmt: skip
    assert shelf["until"] - shelf["shelved_at"] == 8 * HOUR
    city_desk.ask("alerts", "shelve", "--rule", "speeding", "--for", "7d", "--reason", "ring road")
    shown = city_desk.run("alerts", "shelves").stdout
    assert "truck-001" in shown
    assert "every device, without P1" in " ".join(shown.split())
    assert city_desk.ask("alerts", "unshelve", "1", "--by", "wang")["ended_by"] == "wang"
    assert [one["no"] for one in city_desk.ask("alerts", "shelves")] == [2]
    assert [one["no"] for one in city_desk.ask("alerts", "shelves", "--all")] == [2, 1]
    assert "li, ended by wang" in " ".join(city_desk.run("alerts", "shelves", "--all").stdout.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--for 8h", "give --rule, --device, or both"),
        ("--rule bin_fir --for 8h", "did you mean 'bin_fire'?"),
        ("--device truck-01 --for 8h", "did you mean 'truck-001'?"),
        ("--device truck-001 --for 8d", "from 1s to 7d"),
        ("--device truck-001 --for tomorrow", "from 1s to 7d"),
    ],
)
def test_a_faulty_shelf_is_refused(city_desk: Desk, options: str, words: str) -> None:
    said = " ".join(city_desk.refused("alerts", "shelve", *options.split(), "--reason", "x").replace("│", " ").split())
    assert words in said
    assert city_desk.ask("alerts", "shelves", "--all") == []


def test_an_unknown_shelf_names_the_list(city_desk: Desk) -> None:
    assert "`haulwatch alerts shelves` lists them" in city_desk.refused("alerts", "unshelve", "7")
