"""A data directory of version 0.1 opens, keeps every account, and goes on: its open alerts close, none is repeated."""

import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from ingest.log.raw_log import RawLog
from ingest.log.records import RawMessage
from tests.installation import Installation

VERSION_0_1: Final = Path(__file__).parent / "version_0_1"
BYSTANDERS: Final = tuple(f"truck-{number:03}" for number in range(20, 25))
"""Trucks without an incident: their clocks move fleet time on."""
STEP_MS: Final = 60_000
OF_NEW_RULES: Final = frozenset({"ea8a6f016cf9d869", "0afa20bd1910b2db"})
"""Alerts in the old readings that version 0.1 had no rule for: truck-017 stopped loaded off its routes, and the bed of
truck-005 was raised, told before the dump that it became a part of."""


@pytest.mark.long
def test_a_data_directory_of_version_0_1_goes_on(install: Callable[..., Installation]) -> None:
    haulwatch = install("upgraded", HAULWATCH_MQTT_URL="mqtt://127.0.0.1:1")
    with tarfile.open(VERSION_0_1 / "data.tar.xz") as archive:
        archive.extractall(haulwatch.folder, filter="data")
    before = json.loads((VERSION_0_1 / "expected.json").read_text(encoding="utf-8"))

    assert haulwatch.run("db", "upgrade").returncode == 0
    assert as_before(haulwatch.json("ledger"), before["ledger"]) == before["ledger"]
    assert alerts(haulwatch) == before["alerts"]
    nothing_is_lost_in_a_replay(haulwatch, before["alerts"])

    haulwatch.start("record")
    haulwatch.start("judge")
    sent = append(haulwatch, [*emptied_bin(haulwatch), *truck_heard_again(haulwatch), *hours_go_on(haulwatch)])

    def consumed() -> bool:
        ledger = haulwatch.ledger()["total"]
        closed = [name for name, alert in alerts(haulwatch).items() if alert["phase"] == "closed"]
        return ledger["queued"] == 0 and {"point-010", "truck-009"} <= set(closed)

    haulwatch.until(consumed, "the new readings are stored, and close the alerts they belong to")
    after = haulwatch.json("ledger")
    assert after["balanced"]
    assert after["total"]["received"] == before["ledger"]["total"]["received"] + sent
    assert after["total"]["stored"] == before["ledger"]["total"]["stored"] + sent
    assert after["total"]["quarantined"] == before["ledger"]["total"]["quarantined"]
    now = alerts(haulwatch)
    kept = {name: alert["alert_id"] for name, alert in now.items() if name in before["alerts"]}
    assert kept == {name: alert["alert_id"] for name, alert in before["alerts"].items()}
    assert {name: now[name]["phase"] for name in ("truck-005", "truck-017")} == dict.fromkeys(
        ("truck-005", "truck-017"), "confirmed"
    )
    haulwatch.until_judged()
    haulwatch.stop("record")
    haulwatch.stop("judge")
    nothing_is_lost_in_a_replay(haulwatch, before["alerts"])


def nothing_is_lost_in_a_replay(haulwatch: Installation, known: dict[str, Any]) -> None:
    """The present rules find every change that the journal has, if at another time. At most they give better values of
    the same alerts, and those of rules that version 0.1 did not have.
    """
    compared = json.loads(haulwatch.run("replay", "--json").stdout)
    sooner = {(alert_id, phase) for alert_id, phase, *_ in compared["only_in_replay"]}
    assert {(alert_id, phase) for alert_id, phase, *_ in compared["only_in_journal"]} <= sooner
    found = {alert_id for alert_id, *_ in compared["only_in_replay"]}
    assert found - OF_NEW_RULES <= {alert["alert_id"] for alert in known.values()}


def as_before(now: Any, before: Any) -> Any:
    """A ledger without the counts that version 0.1 did not have."""
    if isinstance(before, dict):
        return {name: as_before(value, before[name]) for name, value in now.items() if name in before}
    if isinstance(before, list):
        return [as_before(*pair) for pair in zip(now, before, strict=True)]
    return now


def alerts(haulwatch: Installation) -> dict[str, Any]:
    """By subject the first one, as the journal's own table has them."""
    with closing(sqlite3.connect(haulwatch.folder / "haulwatch.db")) as db:
        rows = db.execute(
            "SELECT subject, alert_id, rule, phase, severity, opened_at, revision FROM alert ORDER BY opened_at DESC"
        )
        names = ("alert_id", "rule", "phase", "severity", "opened_at", "revision")
        return {subject: dict(zip(names, values, strict=True)) for subject, *values in rows.fetchall()}


def newest_received_at(haulwatch: Installation) -> int:
    """Receive time of the last message that version 0.1 recorded, ms; device time had caught up with it."""
    with closing(sqlite3.connect(next((haulwatch.folder / "raw").glob("*.segment")))) as db:
        return int(db.execute("SELECT max(received_at) FROM message").fetchone()[0])


def message(device: str, kind: str, ts: int, **fields: object) -> RawMessage:
    return RawMessage(f"haulwatch/v1/{device}/{kind}", json.dumps({"ts": ts, **fields}).encode(), ts)


def emptied_bin(haulwatch: Installation) -> list[RawMessage]:
    start = newest_received_at(haulwatch)
    times = (start + 1 * STEP_MS, start + 2 * STEP_MS, start + 3 * STEP_MS)
    return [message("point-010", "fill", ts, compartment="paper", fill_pct=3.0, deposits=0) for ts in times]


def truck_heard_again(haulwatch: Installation) -> list[RawMessage]:
    start = newest_received_at(haulwatch)
    times = [start + minute * STEP_MS for minute in range(1, 11)]
    return [message("truck-009", "position", ts, lat=35.46, lon=112.80, speed_kmh=0.0) for ts in times]


def hours_go_on(haulwatch: Installation) -> list[RawMessage]:
    """Devices that report every minute for ten minutes, so that what waits for fleet time is judged."""
    start = newest_received_at(haulwatch)
    return [
        message(device, "status", start + minute * STEP_MS, online=True, session=9)
        for minute in range(1, 11)
        for device in BYSTANDERS
    ]


def append(haulwatch: Installation, messages: list[RawMessage]) -> int:
    """Append to the raw log as the collector does; how many readings."""
    ordered = sorted(messages, key=lambda one: one.received_at)
    with closing(RawLog(haulwatch.folder / "raw")) as log:
        log.append(ordered)
    return len(ordered)
