"""What an import would do, shown before it is done; versions that begin at a date; who changed what."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from devices.city.files import read_city
from devices.city.model import City
from tests.devices.city.test_files import SMALL_CITY, edit
from tests.haulwatch.commands.desk import Desk

MIDNIGHT = 4_005_129_600_000
"""2096-12-01T00:00:00+08:00, which lies ahead whenever the test runs."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.delenv("HAULWATCH_DATABASE_URL", raising=False)
    return Desk(tmp_path / "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SMALL_CITY, tmp_path / "city")


def files_of(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.rglob("*.db")} if home.exists() else {}


def stored(desk: Desk, folder: Path) -> City:
    """The city of the registry, as its export has it."""
    desk.ask("city", "export", str(folder))
    return read_city(folder)


def summaries(changes: list[dict[str, Any]]) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {(one["file"], one["id"], one["what"], tuple(field["field"] for field in one["fields"])) for one in changes}


def test_before_the_first_import_everything_is_added_and_no_database_is_made(home: Desk, folder: Path) -> None:
    shown = home.ask("city", "import", str(folder), "--dry-run")
    assert shown["errors"] == []
    assert {one["what"] for one in shown["changes"]} == {"added"}
    assert ("sites", "spoil", 2) in {(one["file"], one["id"], one["version"]) for one in shown["changes"]}
    assert files_of(home.home) == {}


def test_a_dry_run_names_what_is_added_changed_ended_and_left_out(home: Desk, folder: Path) -> None:
    home.ask("city", "import", str(folder))
    before = files_of(home.home)
    edit(folder / "vehicles.yaml", "tare_kg: 13000", "tare_kg: 12500")
    with (folder / "vehicles.yaml").open("a") as vehicles:
        vehicles.write("- id: van\n  plate: 晋E·D0002\n")
    edit(folder / "permits.yaml", "2027-01-01T08:00:00+08:00", "2026-12-01")
    sites = json.loads((folder / "sites.geojson").read_text())
    sites["features"] = [one for one in sites["features"] if one["properties"]["id"] != "bin"]
    (folder / "sites.geojson").write_text(json.dumps(sites))
    devices = (folder / "devices.yaml").read_text()
    (folder / "devices.yaml").write_text(devices[: devices.index("- id: bin-terminal")])
    shown = home.ask("city", "import", str(folder), "--dry-run")
    assert summaries(shown["changes"]) == {
        ("vehicles", "van", "added", ()),
        ("vehicles", "lorry", "changed", ("tare_kg",)),
        ("permits", "permit", "ended", ("valid_until",)),
        ("sites", "bin", "left_out", ()),
        ("devices", "bin-terminal", "left_out", ()),
    }
    [tare] = [one for one in shown["changes"] if one["id"] == "lorry"]
    assert (tare["fields"], tare["changes_past"]) == ([{"field": "tare_kg", "before": 13000.0, "after": 12500.0}], True)
    table = home.run("city", "import", str(folder), "--dry-run").stdout
    assert "1 added, 1 changed, 1 ended, 2 left out; nothing was imported" in " ".join(table.split())
    assert files_of(home.home) == before
    assert home.ask("city", "show")["revision"] == 1


def test_mistakes_are_listed_for_programs_too_and_change_nothing(home: Desk, folder: Path) -> None:
    home.ask("city", "import", str(folder))
    before = files_of(home.home)
    edit(folder / "vehicles.yaml", "tare_kg: 13000", "tare_kg: heavy")
    done = home.run("city", "import", str(folder), "--dry-run", "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["errors"] == [
        {
            "file": "vehicles.yaml", "line": 4, "entry": "lorry", "field": "tare_kg",
            "fault": "'heavy' does not fit: write a number of kg above 0, up to 100,000",
        }
    ]  # fmt: skip
    assert "vehicles.yaml:4: lorry: tare_kg: 'heavy'" in home.refused("city", "import", str(folder))
    assert files_of(home.home) == before


def test_what_changes_from_a_date_on_is_a_version_and_the_past_stays(home: Desk, folder: Path, tmp_path: Path) -> None:
    edit(folder / "permits.yaml", "2027-01-01T08:00:00+08:00", "2099-01-01")
    home.ask("city", "import", str(folder))
    edit(folder / "vehicles.yaml", "tare_kg: 13000", "tare_kg: 12500")
    edit(folder / "routes.geojson", "[112.82, 35.481]", "[112.82, 35.482]")
    arguments = ("city", "import", str(folder), "--from", "2096-12-01", "--by", "li", "--reason", "new body")
    shown = home.ask(*arguments, "--dry-run")
    assert summaries(shown["changes"]) == {
        ("vehicles", "lorry", "ended", ("valid_until",)), ("vehicles", "lorry", "added", ()),
        ("routes", "road", "ended", ("valid_until",)), ("routes", "road", "added", ()),
    }  # fmt: skip
    assert not any(one["changes_past"] for one in shown["changes"])
    assert home.ask(*arguments)["revision"] == 2
    city = stored(home, tmp_path / "exported")
    weighed = [city.vehicle_at("lorry", MIDNIGHT - step) for step in (1, 0)]
    assert [vehicle.tare_kg if vehicle else None for vehicle in weighed] == [13_000, 12_500]
    assert [route.version for route in city.routes_of("lorry", MIDNIGHT - 1)] == [1]
    assert [route.version for route in city.routes_of("lorry", MIDNIGHT)] == [2]
    assert home.ask(*arguments)["revision"] == 2, "the same files again change nothing"

    changes = home.ask("city", "changes", "--kind", "vehicles")
    assert [(one["actor"], one["reason"], one["revision"]) for one in changes] == [("li", "new body", 2)] * 2
    ended, added = sorted(changes, key=lambda one: one["version"])
    assert (ended["before"], ended["after"]) == ({"valid_until": None}, {"valid_until": "2096-12-01T00:00:00+08:00"})
    assert (added["before"], added["after"]["tare_kg"]) == (None, 12_500)


@pytest.mark.parametrize("more", [(), ("--csv",)])
def test_an_export_imports_again_and_changes_nothing(home: Desk, tmp_path: Path, more: tuple[str, ...]) -> None:
    home.ask("city", "import", "jincheng")
    home.ask("city", "export", str(tmp_path / "out"), *more)
    assert home.ask("city", "import", str(tmp_path / "out"), "--dry-run")["changes"] == []
    assert home.ask("city", "import", str(tmp_path / "out"))["revision"] == 1
    assert "is no empty folder" in home.refused("city", "export", str(tmp_path / "out"))


def test_a_moment_that_is_none_says_what_to_write(home: Desk, folder: Path) -> None:
    assert "--from: 'tomorrow' is no moment: write 2026-12-01" in home.refused(
        "city", "import", str(folder), "--from", "tomorrow"
    )
