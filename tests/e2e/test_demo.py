"""The demo as a newcomer runs it, and a replay of its raw log."""

import json
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.haulwatch.process.test_private_files import open_to_others
from tests.installation import Installation
from tests.waiting import PATIENCE_S

LABELLED = ("route_deviation", "stopped_loaded", "illegal_dumping", "bin_overflow", "silent_device")


def confirmed_in_the_journal(folder: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(folder / "haulwatch.db")) as db:
        return set(db.execute("SELECT rule, subject FROM alert WHERE phase = 'confirmed'"))


def rows_of(folder: Path, query: str) -> list[object]:
    with closing(sqlite3.connect(folder / "haulwatch.db")) as db:
        return db.execute(query).fetchall()


@pytest.mark.long
def test_the_demo_adds_up_raises_the_labelled_alerts_and_replays_identically(
    install: Callable[..., Installation], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    report = kept / "simulators" / "report.json"
    demo = install("demo")
    running = demo.start("demo", "--json", "--keep", str(kept), "--speed", "60")
    demo.until(lambda: report.exists() and json.loads(report.read_text())["script_done"], "the script ends")
    labelled = {(label["rule"], label["device_id"]) for label in json.loads(report.read_text())["labels"]}
    demo.until(lambda: labelled <= confirmed_in_the_journal(kept), "every labelled alert is confirmed")
    overdue = "SELECT 1 FROM manifest_state WHERE state = 'overdue'"
    demo.until(lambda: rows_of(kept, overdue) != [], "the late load is overdue")
    short = "SELECT 1 FROM manifest_state WHERE state = 'discrepancy'"
    demo.until(lambda: rows_of(kept, short) != [], "the short load is weighed")
    running.send_signal(signal.SIGTERM)
    assert running.wait(PATIENCE_S) == 0, demo.log("demo").read_text()

    summary = json.loads(demo.log("demo").read_text().splitlines()[-1])
    assert summary["script_done"]
    sums = [summary[name] for name in ("stored", "duplicate", "quarantined", "queued")]
    assert summary["published"] == sum(sums)
    assert summary["published"] > 5_000
    assert summary["queued"] == 0
    assert min(summary["duplicate"], summary["quarantined"]) > 0, "the scenario stages both"

    assert labelled == {(label["rule"], label["device_id"]) for label in summary["labels"]}
    assert {rule for rule, _ in labelled} == set(LABELLED)
    confirmed = {(alert["rule"], alert["subject"]) for alert in summary["alerts"] if alert["phase"] == "confirmed"}
    manifests = summary["manifests"]
    found = {one["anomaly"]: one for one in manifests["labels"]}
    assert {name: one["state"] for name, one in found.items()} == {"overdue": "overdue", "short": "discrepancy"}
    assert manifests["overdue"] == [found["overdue"]["number"]]
    assert manifests["discrepancy"] == [found["short"]["number"]]
    assert manifests["closed"] >= 5
    assert confirmed == labelled | {("manifest_overdue", found["overdue"]["device_id"])}

    assert open_to_others(kept) == []
    again = install("kept")
    assert again.folder == kept
    assert again.json("ledger")["balanced"]
    for arguments in ((), ("--shuffle", "1")):
        replayed = again.json("replay", *arguments)
        assert replayed["identical"], replayed
        assert replayed["journal"] >= len(labelled)


def test_a_demo_refuses_a_folder_with_something_in_it(install: Callable[..., Installation], tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data.db").write_text("keep me")
    done = install("demo").run("demo", "--for", "10", "--keep", str(tmp_path / "precious"))
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert (tmp_path / "precious" / "data.db").read_text() == "keep me"
