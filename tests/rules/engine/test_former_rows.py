"""Rows that an earlier version wrote are read, and judged on as that version did; outages as this version does.

`rows_of_format_4.b85` was written by the version of 2026-11-22 (`judge.db` format 4, evidence with `says`): two
snapshots of one run, every step after the first (a reading, or a tick in ms), and every alert change after the first.
"""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices.readings.models import MODELS, Kind
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from rules.engine.snapshot import Rows
from rules.tracking.registry import TRACKERS
from tests.rules.town import town

Json = dict[str, Any]
GROWN = ("route_deviation/1", "illegal_dumping/1")
"""Rules, with the version that wrote the rows, of which the version has grown since."""


def former() -> Json:
    lines = (Path(__file__).parent / "rows_of_format_4.b85").read_bytes().split()
    found: Json = json.loads(zlib.decompress(base64.b85decode(b"".join(lines))))
    return found


def restored(snapshot: Json) -> RuleEngine:
    engine = RuleEngine(town(), build_rules({"silent_device": {"intervals": 3}}))  # as that version had it
    devices = {device_id: base64.b85decode(row) for device_id, row in snapshot["devices"].items()}
    engine.restore(base64.b85decode(snapshot["fleet"]), devices.items())
    return engine


def played(engine: RuleEngine, steps: list[Any], now: int) -> list[AlertChange]:
    """Readings are received when the newest of them was measured, since the former version wrote no receive times."""
    changes = []
    for one in steps:
        if isinstance(one, int):
            now += one
            changes += engine.advance(one)
            continue
        reading = msgspec.convert(one[1], MODELS[Kind(one[0])])
        now = max(now, reading.ts)
        engine.receive(now)
        changes += engine.judge(reading)
    return changes


def _step(change: AlertChange) -> tuple[object, ...]:
    """Which alert did what and when; what its evidence says may have become better."""
    return (
        change.alert_id,
        change.revision,
        change.phase,
        change.severity,
        change.at,
        change.opened_at,
        change.closed_at,
    )


def unpacked(row: bytes) -> Any:
    """A row as JSON would have it, with later fields, values of readings under their present name, sets in order.

    Without what rules kept that judge otherwise now: they begin with an empty state.
    """
    members = json.loads(json.dumps(msgspec.msgpack.decode(row)).replace('"says": {', '"values": {'))
    for kept in (members, members.get("memories", {})):
        for key in GROWN:
            kept.pop(key, None)
    if "serial" in members:
        members["clock"] = {"now": members["clock"]["now"]}  # fleet time is kept; what leads it is the devices' clocks
    if "track" in members:
        members["track"]["load"].setdefault("tickets", [])
    for memory in members.get("memories", {}).values():
        memory |= {name: sorted(memory[name]) for name in ("awaited", "overdue", "told") if name in memory}
    return members


@pytest.mark.parametrize("snapshot", [0, 1])
def test_an_engine_goes_on_from_former_rows_as_the_former_version_did(snapshot: int) -> None:
    written = former()
    first, taken = written["snapshots"][0], written["snapshots"][snapshot]
    engine = restored(taken)
    fleet = msgspec.msgpack.decode(base64.b85decode(taken["fleet"]))
    steps = written["steps"][taken["steps_before"] - first["steps_before"] :]
    changes = played(engine, steps, fleet["clock"]["now"])
    expected = [
        AlertChange.model_validate(change)
        for change in written["changes"][taken["changes_before"] - first["changes_before"] :]
    ]
    former_rules = {change.rule for change in expected} - {"silent_device"}
    told = [_step(change) for change in changes if change.rule in former_rules]
    assert told == [_step(change) for change in expected if change.rule in former_rules]
    silences = [
        f"{change.subject} {change.phase} {change.severity}" for change in changes if change.rule not in former_rules
    ]
    assert silences == SILENCES[snapshot]
    assert {change.rule for change in changes} >= {"route_deviation", "silent_device"} or snapshot
    assert not engine.failures


AFTER_THE_OUTAGE = ["T2 closed P2", "T3 closed P2", "T4 closed P2"]
SILENCES = [
    [
        "T3 closed P3",
        *["T4 confirmed P3", "T2 confirmed P3", "T3 confirmed P3", "T4 confirmed P2"],
        "T1 confirmed P3",  # loaded: the former version let the outage stand for it
        "system confirmed P2",
        *["T2 confirmed P2", "T3 confirmed P2", "W1 confirmed P4", "system closed P2", "T1 closed P3"],
        *AFTER_THE_OUTAGE,
    ],
    # Here the former version's outage runs already. Its devices are back before they are looked at again.
    ["T2 confirmed P2", "T3 confirmed P2", "system closed P2", *AFTER_THE_OUTAGE],
]


def test_former_rows_hold_what_an_engine_must_not_lose() -> None:
    """Without these the test above would show little."""
    first, second = former()["snapshots"]
    fleet = msgspec.msgpack.decode(base64.b85decode(first["fleet"]))
    devices = {name: msgspec.msgpack.decode(base64.b85decode(row)) for name, row in first["devices"].items()}
    assert fleet["format"] == 4
    assert fleet["held"]
    assert any(row["lane"][3] for row in devices.values())
    assert any(row["late"] for row in devices.values())
    assert {key for row in devices.values() for key in row} >= {"track", "book", "bin_overflow/1", "silent_device/1"}
    assert "says" in json.dumps(devices)
    outage = msgspec.msgpack.decode(base64.b85decode(second["devices"]["system"]))
    assert outage["book"]["cases"]["silent_device|system|"]["running"]


@pytest.mark.parametrize("snapshot", [0, 1])
def test_former_rows_written_again_hold_all_they_held(snapshot: int) -> None:
    taken, rows = former()["snapshots"][snapshot], Rows(build_rules(), TRACKERS)
    fleet = base64.b85decode(taken["fleet"])
    assert holds(unpacked(rows.dump_fleet(rows.load_fleet(fleet))), unpacked(fleet))
    for device_id, packed in taken["devices"].items():
        row = base64.b85decode(packed)
        assert holds(unpacked(rows.dump(*rows.load(device_id, row))), unpacked(row))


def holds(new: object, former: object) -> bool:
    """A newer version may add keys, and fields at the end of a reading's values; it loses and changes nothing."""
    if isinstance(new, dict) and isinstance(former, dict):
        return all(key in new and holds(new[key], value) for key, value in former.items())
    if isinstance(new, list) and isinstance(former, list):
        pairs = zip(new, former, strict=False)
        return len(new) >= len(former) and all(holds(one, other) for one, other in pairs)
    return new == former
