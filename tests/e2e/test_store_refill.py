"""`haulwatch store refill`: an embedded store that was deleted has its readings and alerts again."""

import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.e2e.test_upgrade import VERSION_0_1
from tests.installation import Installation


def test_a_deleted_store_is_filled_again(install: Callable[..., Installation]) -> None:
    haulwatch = install("lost", HAULWATCH_MQTT_URL="mqtt://127.0.0.1:1")
    with tarfile.open(VERSION_0_1 / "data.tar.xz") as archive:
        archive.extractall(haulwatch.folder, filter="data")
    assert haulwatch.run("db", "upgrade").returncode == 0
    store = haulwatch.folder / "readings.db"
    former, ledger, alerts = (
        rows(store),
        haulwatch.json("ledger"),
        json.loads(haulwatch.run("replay", "--json").stdout)["journal"],
    )
    for path in store.parent.glob(f"{store.name}*"):
        path.unlink()

    told = haulwatch.json("store", "refill")
    kinds = ("position", "fill", "weighing", "throughput", "status")
    former["position"] += 2  # version 0.1 refused a position for a speed of "fast"; now the field is dropped
    assert {kind: rows(store)[kind] for kind in kinds} == {kind: former[kind] for kind in kinds}
    assert told["readings_written"] == sum(former[kind] for kind in kinds)
    assert told["alert_changes_written"] == alerts
    filled = rows(store)
    assert filled["alert"] > 0
    assert filled["alert_state"] > 0
    assert filled["place"] > 0

    again = haulwatch.json("store", "refill")
    assert (again["readings_written"], again["readings_refused"]) == (0, told["readings_refused"])
    assert rows(store) == filled
    assert haulwatch.json("ledger") == ledger


def test_a_mistyped_data_directory_is_an_error(install: Callable[..., Installation]) -> None:
    done = install("nothing").run("store", "refill")
    assert done.returncode == 2
    assert "HAULWATCH_DATA_DIR" in done.stderr


def rows(store: Path) -> dict[str, int]:
    """Number of rows by measurement."""
    with closing(sqlite3.connect(store)) as db:
        query = "SELECT measurement, count(*) FROM points JOIN series ON series.id = points.series GROUP BY measurement"
        return dict(db.execute(query))
