"""One impossible side value, a heaped bin, padding after the JSON: the reading counts, the ledger names the value."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devices.readings.models import Kind
from tests.field_cases.path import BASE_MS, CASES, DELAY_MS, Message, Outcome, PathUnderTest, case


def test_a_bin_with_a_broken_probe_overflows_and_the_probe_is_named(tmp_path: Path) -> None:
    messages = case("18-broken-probe")
    outcome = PathUnderTest(tmp_path).send(messages)
    [alert] = outcome.of("bin_overflow", "point-002")
    assert alert.severity == "P2", "deposits go on while it is full"
    assert outcome.of("silent_device") == []
    broken = sum("temperature_c" in message.payload for message in messages)
    [line] = outcome.ledger.devices
    assert (line.stored, line.quarantined) == (len(messages), {})
    assert line.dropped_fields == {"temperature_c": broken}
    assert not any("temperature_c" in row.fields for row in outcome.rows["point-002", Kind.FILL])


def test_a_heaped_bin_is_full(tmp_path: Path) -> None:
    messages = case("20-bin-at-104")
    outcome = PathUnderTest(tmp_path).send(messages)
    [alert] = outcome.of("bin_overflow", "point-001")
    assert alert.severity == "P2"
    assert outcome.of("silent_device") == []
    heaped = sum(message.payload["fill_pct"] > 100 for message in messages)
    assert outcome.ledger.devices[0].clamped_fields == {"fill_pct": heaped}
    levels = [row.fields["fill_pct"] for row in outcome.rows["point-001", Kind.FILL]]
    assert levels == [min(100.0, message.payload["fill_pct"]) for message in messages]
    assert all(reading.values["fill_pct"] <= 100 for reading in alert.evidence.readings)


def test_a_nul_after_the_json_is_cut_off(tmp_path: Path) -> None:
    folder = CASES / "32-trailing-nul"
    if not folder.is_dir():
        pytest.skip("no field case 32-trailing-nul")
    payload, topic = (folder / "payload.json").read_bytes(), (folder / "topic.txt").read_text().strip()
    assert payload.endswith(b"\0")
    outcome = PathUnderTest(tmp_path).send([Message(topic, payload, BASE_MS + DELAY_MS)])
    assert (outcome.ledger.total.stored, outcome.ledger.total.quarantined) == (1, {})


POSITION = {"lat": 35.5, "lon": 112.83, "speed_kmh": 30, "satellites": 9, "hdop": 1.0}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("altitude_m", -9999),
        ("altitude_m", 32767),
        ("hdop", 655.35),
        ("hdop", "1.0"),
        ("satellites", -1),
        ("satellites", 9.5),
        ("heading_deg", 511),
        ("heading_deg", -1),
        ("speed_kmh", 655.35),
        ("speed_kmh", -0.1),
        ("accuracy_m", 4294967.295),
        ("load_kg", -120),
        ("load", "half"),
        ("lift_up", "down"),
        ("cover_open", 2),
        ("odometer_km", -1),
        ("ignition_on", "ACC"),
        ("alarm_bits", -1),
        ("manifest", ""),
        ("manifest", "M\u200b1"),
        ("seq", 1.5),
        ("seq", -1),
        ("seq", [1]),
    ],
)
def test_no_side_value_of_a_position_hides_it(tmp_path: Path, field: str, value: Any) -> None:
    payload = {"ts": BASE_MS, **POSITION, field: value}
    outcome = sent(tmp_path, "haulwatch/v1/truck-005/position", payload)
    line = outcome.ledger.devices[0]
    assert (line.stored, line.dropped_fields) == (1, {field: 1})
    [row] = outcome.rows["truck-005", Kind.POSITION]
    assert field not in row.fields or field == "alarm_bits"


@pytest.mark.parametrize(
    ("field", "value"), [("battery_pct", 255), ("rssi_dbm", 127), ("uptime_s", -1), ("buffered", -1), ("firmware", "")]
)
def test_no_side_value_of_a_status_hides_it(tmp_path: Path, field: str, value: Any) -> None:
    payload = {"ts": BASE_MS, "online": True, "session": 1, field: value}
    line = sent(tmp_path, "haulwatch/v1/truck-005/status", payload).ledger.devices[0]
    assert (line.stored, line.dropped_fields) == (1, {field: 1})


@pytest.mark.parametrize("level", [120.001, 127, 255, 655.35, 1000, -1, "104", None])
def test_a_level_that_no_heap_explains_is_refused(tmp_path: Path, level: object) -> None:
    outcome = sent(tmp_path, "haulwatch/v1/point-001/fill", {"ts": BASE_MS, "fill_pct": level})
    assert sum(outcome.ledger.total.quarantined.values()) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("gross_kg", -5), ("tare_kg", -5), ("net_kg", 1e9), ("plate", "晋\u202eE1"), ("stable", 0), ("manifest", "")],
)
def test_what_a_ticket_says_stays_strict(tmp_path: Path, field: str, value: object) -> None:
    ticket = {"ts": BASE_MS, "gross_kg": 31_000, "ticket": "T-1", "direction": "in", field: value}
    outcome = sent(tmp_path, "haulwatch/v1/weighbridge-01/weighing", ticket)
    assert sum(outcome.ledger.total.quarantined.values()) == 1


def test_a_broken_probe_is_one_reading_whatever_is_sent_again(tmp_path: Path) -> None:
    path, messages = PathUnderTest(tmp_path), case("18-broken-probe")
    path.send(messages)
    ledger = path.send([replace(message, received_at=message.received_at + 5_000_000) for message in messages]).ledger
    assert (ledger.total.stored, ledger.total.duplicate) == (len(messages), len(messages))


def sent(folder: Path, topic: str, payload: dict[str, Any]) -> Outcome:
    body = json.dumps(payload).encode()
    return PathUnderTest(folder).send([Message(topic, body, BASE_MS + DELAY_MS)], quiet_ms=0)
