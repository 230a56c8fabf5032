"""Public vectors of JT/T 808, each read to the stated values or refused for the stated reason.

They lie beside the project (`shared/data/dialects/jt808.jsonl`); the tests skip where they are absent. `test_frame.py`
and `test_codec.py` hold frames of their own.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from devices.codecs.codec import Flaw
from devices.codecs.jt808.frame import (
    Frame,
    FrameError,
    FrameReader,
    assemble,
    encode_frame,
    parse_frame,
    unescape,
)
from devices.codecs.jt808.location import Location, items_of, parse_batch, parse_location, parse_location_answer
from devices.codecs.jt808.messages import (
    Answer,
    RegistrationAnswer,
)
from devices.codecs.jt808.profile import BUILT_IN
from devices.codecs.registry import decode
from devices.readings.decoding import Decoding
from devices.readings.models import Alarm, Load, Position
from devices.readings.refusals import DecodeError, Refusal
from tests import ROOT
from tests.devices.codecs.jt808.stated import READERS, Values, hexadecimal, ms

FILE: Final = ROOT.parent / "shared" / "data" / "dialects" / "jt808.jsonl"
VECTORS: Final = [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.is_file() else []
pytestmark = pytest.mark.skipif(not VECTORS, reason="shared/data/dialects/jt808.jsonl is not beside the project")

Vector = Mapping[str, Any]

WITH_LOAD_SENSOR: Final = Decoding("jt808", "load-sensor")
HEADER_ONLY: Final = {"jt808-fuzhou-8f08": "an area for the terminals of one maker, which the platform does not send"}
ALARMS: Final = {
    "emergency": Alarm.EMERGENCY,
    "speeding": Alarm.SPEEDING,
    "power_low": Alarm.POWER_LOW,
    "power_lost": Alarm.POWER_LOST,
    "bit17": Alarm.BLIND_SPOT,
    "driving_time_today_exceeded": Alarm.DRIVING_TIME_OF_THE_DAY,
    "route_deviation": Alarm.OFF_ROUTE,
}
LOADS: Final = {"empty": Load.EMPTY, "half": Load.PARTIAL, "full": Load.LOADED}
ITEM_BYTES: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "raw_hex": bytes.fromhex,
    "mileage_km": lambda km: round(km * 10).to_bytes(4),
    "fuel_l": lambda litres: round(litres * 10).to_bytes(2),
    "recorder_speed_kmh": lambda kmh: round(kmh * 10).to_bytes(2),
    "alarm_event_id": lambda number: number.to_bytes(2),
    "compartment_temperature_c": lambda degrees: (abs(degrees) | (0x8000 if degrees < 0 else 0)).to_bytes(2),
    "speeding_at": lambda at: bytes([at["area_type"]]) + at["area_id"].to_bytes(4),
    "area_crossing": lambda at: bytes([at["area_type"]]) + at["area_id"].to_bytes(4) + bytes([at["direction"]]),
    "section_time": lambda at: at["section_id"].to_bytes(4) + at["duration_s"].to_bytes(2) + bytes([at["result"]]),
    "video_alarm_bits": lambda bits: bits.to_bytes(4),
    "video_lost_bits": lambda bits: bits.to_bytes(4),
    "video_covered_bits": lambda bits: bits.to_bytes(4),
    "storage_fault_bits": lambda bits: bits.to_bytes(2),
    "vehicle_signal_bits": lambda bits: bits.to_bytes(4),
    "io_bits": lambda bits: bits.to_bytes(2),
    "analogue_ad0": lambda low: low.to_bytes(2),
    "analogue_ad1": lambda high: high.to_bytes(2),
    "signal_strength": lambda level: bytes([level]),
    "satellites": lambda number: bytes([number]),
}
"""The bytes of an item by what the vector states of it, written by the notes and not by the code under test."""


def raw_frames(vector: Vector) -> list[bytes]:
    return [bytes.fromhex(text) for text in vector.get("payload_hex_list") or [vector["payload_hex"]]]


def frames_of(vector: Vector) -> list[Frame]:
    if "message body only" in vector["transport"]:
        version = 1 if vector["edition"] == "2019" else None
        body = bytes.fromhex(vector["payload_hex"])
        return [Frame(int(vector["expected"]["message_id"], 16), "0" * 12, 0, body, version)]
    frames = [parse_frame(raw) for raw in raw_frames(vector)]
    assert [encode_frame(frame) for frame in frames] == raw_frames(vector), "written again it is the same"
    return frames


def header_of(frame: Frame) -> Values:
    values: Values = {
        "message_id": hexadecimal(frame.message_id),
        "edition": "2013" if frame.version is None else "2019",
        "phone": frame.phone,
        "serial": frame.serial,
        "body_length": len(frame.body),
        "raw_hex": frame.body.hex(),
    }
    return values if frame.version is None else values | {"protocol_version": frame.version}


def parts_of(frames: list[Frame], whole: Frame) -> Values:
    part = frames[0].part
    if part is None:
        return {}
    return {
        "package_total": part.total,
        "package_number": part.number,
        "part_hex": frames[0].body.hex(),
        "body_lengths": [len(frame.body) for frame in frames],
        "merged_body_length": len(whole.body),
        "merged_starts_hex": whole.body[:32].hex(),
        "merged_ends_hex": whole.body[-16:].hex(),
    }


def location_of(location: Location) -> Values:
    assert location.ts_ms is not None
    status = location.status_bits
    items = dict(items_of(location.items))
    return {
        "alarm_bits": location.alarm_bits,
        "alarms": [name for name, alarm in ALARMS.items() if location.alarm_bits & alarm],
        "status_bits": status,
        "acc_on": bool(status & 1),
        "located": location.located,
        "lat_deg": pytest.approx(location.lat_deg, abs=1e-6),
        "lon_deg": pytest.approx(location.lon_deg, abs=1e-6),
        "out_of_service": bool(status & 1 << 4),
        "load": next(
            name for name, load in LOADS.items() if BUILT_IN["load-sensor"].sensors(location, items).get("load") is load
        ),
        "fuel_cut": bool(status & 1 << 10),
        "altitude_m": location.altitude_m,
        "speed_kmh": pytest.approx(location.speed_kmh, abs=1e-3),
        "course_deg": location.course_deg,
        "device_time_utc": location.ts_ms,
    }


def expected_location(expected: Vector) -> Values:
    values = {name: value for name, value in expected.items() if name not in {"device_time_bcd", "items"}}
    return values | {"device_time_utc": ms(expected["device_time_utc"]), "alarms": sorted_alarms(expected["alarms"])}


def sorted_alarms(names: list[str]) -> list[str]:
    return [name for name in ALARMS if name in names]


def check_location(location: Location, expected: Vector) -> None:
    assert len(sorted_alarms(expected["alarms"])) == len(expected["alarms"]), "an alarm that no name is here for"
    assert location_of(location) == expected_location(expected)
    stated = [
        (int(item["id"], 16), b"".join(ITEM_BYTES[name](item[name]) for name in reversed(item) if name != "id"))
        for item in expected["items"]
    ]
    assert list(items_of(location.items)) == stated


def check_position(reading: object, expected: Vector) -> None:
    """What the vector states of a location, as the reading has it: nothing that the terminal does not know."""
    assert isinstance(reading, Position)
    items = {name: value for item in expected["items"] for name, value in item.items()}
    has_fix = expected["located"] and (expected["lat_deg"], expected["lon_deg"]) != (0, 0)
    assert reading.located is has_fix
    assert reading.lat == pytest.approx(expected["lat_deg"], abs=1e-6)
    assert reading.lon == pytest.approx(expected["lon_deg"], abs=1e-6)
    assert reading.ts == ms(expected["device_time_utc"])
    assert reading.speed_kmh == (pytest.approx(expected["speed_kmh"], abs=1e-3) if has_fix else None)
    assert reading.heading_deg == (expected["course_deg"] if has_fix else None)
    assert reading.altitude_m == (expected["altitude_m"] if has_fix else None)
    assert reading.ignition_on is expected["acc_on"]
    assert reading.alarm_bits == expected["alarm_bits"]
    assert reading.load is LOADS[expected["load"]]
    assert reading.satellites == items.get("satellites")
    assert reading.odometer_km == (pytest.approx(items["mileage_km"], abs=1e-3) if items.get("mileage_km") else None)
    assert (reading.accuracy_m, reading.hdop, reading.seq) == (None, None, None)


LOCATION_KEYS: Final = {"location", "locations", "first", "last", "vendor_items", "vendor_status"}


@pytest.mark.parametrize("vector", [one for one in VECTORS if "refuse" not in one], ids=lambda one: one["id"])
def test_every_vector_is_read_to_the_stated_values(vector: Vector) -> None:
    check = {"escape": check_escape, "stream": check_stream, "exchange": check_exchange}.get(vector["kind"])
    (check or check_message)(vector)


def check_message(vector: Vector) -> None:
    frames, expected = frames_of(vector), vector["expected"]
    complete = frames[0].part is None or len(frames) == frames[0].part.total
    whole = assemble(frames) if complete else frames[0]
    if vector["id"] in HEADER_ONLY:
        assert expected.items() >= {"message_id": "0x8F08", "phone": whole.phone, "serial": whole.serial}.items()
        return
    read = READERS.get(whole.message_id) if complete else None
    found = header_of(whole) | parts_of(frames, whole) | (read(whole) if read is not None else {})
    stated = {
        name: ms(value) if name.endswith("_utc") else value
        for name, value in expected.items()
        if name not in LOCATION_KEYS
    }
    assert {name: found[name] for name in stated} == stated
    check_locations(vector, whole)


def check_locations(vector: Vector, whole: Frame) -> None:
    expected = vector["expected"]
    if not LOCATION_KEYS & set(expected):
        return
    match whole.message_id:
        case 0x0200:
            locations = [parse_location(whole.body)]
        case 0x0704:
            locations = [parse_location(body) for body in parse_batch(whole).bodies]
        case _:
            locations = [parse_location_answer(whole)[1]]
    readings = decode(f"haulwatch/v1/{whole.phone}/jt808", b"".join(raw_frames(vector)), decoding=WITH_LOAD_SENSOR)
    assert len(readings) == len(locations)
    stated = expected.get("locations") or [expected["location"]] if "first" not in expected else []
    pairs = list(zip(locations, readings, stated, strict=True)) if stated else []
    if not stated:
        assert len(locations) == expected["count"]
        pairs = [(locations[0], readings[0], expected["first"]), (locations[-1], readings[-1], expected["last"])]
    for location, reading, values in pairs:
        check_location(location, values)
        check_position(reading, values)


def check_escape(vector: Vector) -> None:
    [raw] = raw_frames(vector)
    assert unescape(raw[1:-1]).hex() == vector["expected"]["unescaped_hex"]


def check_stream(vector: Vector) -> None:
    reader, found = FrameReader(), []
    for piece in raw_frames(vector):
        found += reader.feed(piece)
    expected = vector["expected"]
    assert [hexadecimal(parse_frame(raw).message_id) for raw in found] == expected["messages"]
    assert (reader.waiting, expected["refused"]) == (expected["bytes_waiting"], 0)


def check_exchange(vector: Vector) -> None:
    [request], expected = frames_of(vector), vector["expected"]
    assert header_of(request).items() >= expected["request"].items()
    reply = expected["reply"]
    if reply["message_id"] == "0x8100":
        body = RegistrationAnswer(reply["answers_serial"], reply["result"], reply["auth_code"]).body()
    else:
        body = Answer(reply["answers_serial"], request.message_id, reply["result"]).body()
    written = Frame(int(reply["message_id"], 16), reply["phone"], reply["serial"], body, request.version)
    assert encode_frame(written).hex() == vector["reply_hex"]


@pytest.mark.parametrize("vector", [one for one in VECTORS if "refuse" in one], ids=lambda one: one["id"])
def test_every_other_vector_is_refused_for_the_stated_reason(vector: Vector) -> None:
    [raw], refuse = raw_frames(vector), vector["refuse"]
    if refuse["layer"] == "frame":
        with pytest.raises(FrameError) as caught:
            parse_frame(raw)
        assert caught.value.fault == refuse["reason"]
        return
    refusals = refusals_of(raw)
    assert len(refusals) == refuse.get("readings_refused", 1)
    for refusal in refusals:
        match refuse["reason"]:
            case "latitude_out_of_range":
                assert (refusal.reason, refusal.field) == ("out_of_bounds", "lat")
            case "device_time_invalid":
                assert (refusal.reason, refusal.field) == ("out_of_bounds", "ts")
            case reason:
                assert reason in refusal.detail


def refusals_of(payload: bytes) -> list[Refusal]:
    try:
        items = decode("haulwatch/v1/013912345678/jt808", payload)
    except DecodeError as exc:
        return [exc.refusal]
    assert all(isinstance(item, Flaw) for item in items)
    return [item.refusal for item in items if isinstance(item, Flaw)]


@pytest.mark.parametrize(
    ("vector_id", "profile", "found"),
    [
        ("jt808-built-eeye-e4", "e-eye", {"lift_up": True, "cover_open": None, "load": None}),
        ("jt808-built-fuzhou-status-raised", "trwy", {"lift_up": True, "cover_open": True, "load": Load.LOADED}),
    ],
)
def test_what_a_maker_adds_is_read_by_its_profile_only(vector_id: str, profile: str, found: Values) -> None:
    [vector] = [one for one in VECTORS if one["id"] == vector_id]
    [raw], topic = raw_frames(vector), f"haulwatch/v1/{vector['expected']['phone']}/jt808"
    [reading] = decode(topic, raw, decoding=Decoding("jt808", profile))
    assert {name: getattr(reading, name) for name in found} == found
    [plain] = decode(topic, raw, decoding=Decoding("jt808"))
    assert {name: getattr(plain, name) for name in found} == dict.fromkeys(found)


def test_no_vector_is_left_out() -> None:
    assert len(VECTORS) == len({one["id"] for one in VECTORS}) >= 136
