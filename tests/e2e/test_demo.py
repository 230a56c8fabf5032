"""The demo as a newcomer runs it, and a replay of its raw log."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.installation import Installation

WATCHED_S = 110
LABELLED = ("route_deviation", "illegal_dumping", "bin_overflow", "silent_device")


@pytest.mark.timeout(400)
def test_the_demo_adds_up_raises_the_labelled_alerts_and_replays_identically(
    install: Callable[..., Installation], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    demo = install("demo")
    done = demo.run("demo", "--for", str(WATCHED_S), "--json", "--keep", str(kept), timeout_s=300)
    assert done.returncode == 0, done.stderr

    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["script_done"], "the machine was too slow for the script; the sums below are still exact"
    sums = [summary[name] for name in ("stored", "duplicate", "quarantined", "queued")]
    assert summary["published"] == sum(sums)
    assert summary["published"] > 5_000
    assert summary["queued"] == 0
    assert min(summary["duplicate"], summary["quarantined"]) > 0, "the scenario stages both"

    labelled = {(label["rule"], label["device_id"]) for label in summary["labels"]}
    assert {rule for rule, _ in labelled} == set(LABELLED)
    confirmed = {(alert["rule"], alert["subject"]) for alert in summary["alerts"] if alert["phase"] == "confirmed"}
    assert confirmed == labelled

    again = install("kept")
    assert again.folder == kept
    assert again.json("ledger")["balanced"]
    for arguments in ((), ("--shuffle", "1"), ("--shuffle", "2")):
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
