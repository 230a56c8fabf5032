"""Public vectors of trackers, each read to the stated values or refused for the stated reason.

They lie beside the project (`shared/data/dialects/trackers.jsonl`); the tests skip where they are absent.
`test_trackers` has reports of our own.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import pytest

from devices.codecs.registry import codec_of
from devices.readings.models import Alarm, Position, Reading, Status
from devices.readings.refusals import DecodeError, Reason
from tests import ROOT

FILE: Final = ROOT.parent / "shared" / "data" / "dialects" / "trackers.jsonl"
VECTORS: Final = [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.is_file() else []
pytestmark = pytest.mark.skipif(not VECTORS, reason="shared/data/dialects/trackers.jsonl is not beside the project")

Vector = Mapping[str, Any]

REASONS: Final = {
    "latitude_out_of_range": (Reason.OUT_OF_BOUNDS, "lat"),
    "null_island": (Reason.OUT_OF_BOUNDS, "lat"),
    "time": (Reason.OUT_OF_BOUNDS, "timestamp"),
    "no_time": (Reason.MISSING_FIELD, "tst"),
    "no_type": (Reason.MISSING_FIELD, "_type"),
    "invalid_json": (Reason.BROKEN_JSON, "payload"),
}
RECEIVED: Final = 1_772_442_000_000
"""Of the one report without a time."""


def dialect_of(vector: Vector) -> str:
    return next(name for name in ("owntracks", "osmand", "traccar") if vector["id"].startswith(name))


def topic_of(vector: Vector) -> str:
    """OwnTracks names the device in its topic; a gateway puts it there for the others."""
    dialect = dialect_of(vector)
    if dialect == "owntracks":
        return "owntracks/haul/truck-17"  # the other topics are one level deeper: no collector subscribes to them
    return f"haulwatch/v1/{device_of(vector)}/{dialect}"


def device_of(vector: Vector) -> str:
    expected = vector.get("expected", {})
    in_json = vector.get("payload_json", {})
    in_query = vector.get("query", "").partition("id=")[2].partition("&")[0]
    of_traccar = in_json.get("device", {}).get("uniqueId")
    return str(expected.get("device") or expected.get("name") or of_traccar or in_query or "unknown")


def payload_of(vector: Vector) -> bytes:
    if "payload_json" in vector:
        return json.dumps(vector["payload_json"]).encode()
    if "query" in vector:
        missing = f"&received={RECEIVED}" if "timestamp" not in vector["query"] else ""
        return (str(vector["query"]).removeprefix("/?") + missing).encode()
    return str(vector["payload_text"]).encode()


def read(vector: Vector) -> list[Reading]:
    found = codec_of(dialect_of(vector)).decode(topic_of(vector), payload_of(vector))
    assert all(isinstance(one, Position | Status) for one in found)
    return found  # type: ignore[return-value]


def cases(*, refused: bool) -> list[Any]:
    return [pytest.param(one, id=one["id"]) for one in VECTORS if ("refuse" in one) is refused]


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize("vector", cases(refused=True))
def test_report_is_refused_for_the_stated_reason(vector: Vector) -> None:
    with pytest.raises(DecodeError) as caught:
        read(vector)
    refusal = caught.value.refusal
    stated = vector["refuse"]["reason"]
    if stated == "no_device":
        assert (refusal.reason, refusal.field) in {(Reason.MISSING_FIELD, "id"), (Reason.MISSING_FIELD, "device_id")}
    else:
        assert (refusal.reason, refusal.field) == REASONS[stated]
    assert refusal.detail.startswith(f"{refusal.field}: ") or refusal.detail.startswith("payload is not JSON")


@pytest.mark.parametrize("vector", cases(refused=False))
def test_report_has_the_stated_values(vector: Vector) -> None:
    expected = vector["expected"]
    if expected.get("flag") == "encrypted":
        with pytest.raises(DecodeError, match="_type: the app encrypts"):
            read(vector)
        return
    readings = read(vector)
    positions = [one for one in readings if isinstance(one, Position)]
    if "lat_deg" not in expected or vector["kind"] == "owntracks_other":
        assert positions == [], "nothing here is a place of the device"
        is_alive = "time_utc" in expected and vector["kind"] == "osmand_query"
        assert [one.ts for one in readings] == ([ms(expected["time_utc"])] if is_alive else [])
        return
    [position] = positions
    check_position(position, expected)
    check_status([one for one in readings if isinstance(one, Status)], position, expected)


def check_position(position: Position, expected: Mapping[str, Any]) -> None:
    values = {
        "lat_deg": position.lat,
        "lon_deg": position.lon,
        "speed_kmh": position.speed_kmh,
        "course_deg": position.heading_deg,
        "altitude_m": position.altitude_m,
        "accuracy_m": position.accuracy_m,
        "hdop": position.hdop,
        "satellites": position.satellites,
        "odometer_km": position.odometer_km,
        "ignition": position.ignition_on,
    }
    stated = {name: value for name, value in expected.items() if name in values}
    assert {name: values[name] for name in stated} == pytest.approx(stated, abs=1e-3)
    assert (position.lat, position.lon) == pytest.approx((expected["lat_deg"], expected["lon_deg"]), abs=1e-7)
    if "odometer_m" in expected:
        assert position.odometer_km == pytest.approx(expected["odometer_m"] / 1000)
    # A place that is not measured anew, or that an app made up, changes nothing.
    is_real = expected.get("fresh_fix", True) and not expected.get("mock", False)
    assert position.located is (expected.get("located", True) and is_real)
    time = time_of(expected, located=position.located)
    assert 0 <= position.ts - time < 10, "milliseconds tell reports of one second apart"
    assert position.ts == time or time % 1000 == 0
    assert position.alarm_bits == sum(
        {"overspeed": Alarm.SPEEDING, "powerCut": Alarm.POWER_LOST}.get(name, 0) for name in expected.get("alarms", [])
    )


def time_of(expected: Mapping[str, Any], *, located: bool) -> int:
    """A place has the time of its fix; a repeated one that of the report."""
    if "time_utc" in expected:
        return RECEIVED if expected["time_utc"] is None else ms(expected["time_utc"])
    names = ("fix_time_utc",) if located else ("device_time_utc", "fix_time_utc")
    return ms(next(expected[name] for name in names if name in expected))


def check_status(statuses: list[Status], position: Position, expected: Mapping[str, Any]) -> None:
    battery = expected.get("battery_pct")
    assert [(one.ts, one.battery_pct, one.online) for one in statuses] == (
        [] if battery is None else [(position.ts, battery, True)]
    )
