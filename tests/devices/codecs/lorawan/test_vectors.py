"""Every public vector of LoRaWAN: read to the stated values, or refused for the stated reason.

What a vector leaves open is decided so: a payload that is cut is refused as a whole; a simulated uplink of The Things
Stack is refused; a message whose body names no device is refused even if its topic does.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from math import isclose
from typing import Any, Final

import pytest

from devices.codecs.codec import Flaw
from devices.codecs.lorawan.chirpstack import CHIRPSTACK
from devices.codecs.lorawan.payloads.decoded import Decoded, PayloadError
from devices.codecs.lorawan.payloads.decoders import DECODERS
from devices.codecs.lorawan.server import LorawanCodec
from devices.codecs.lorawan.ttn import TTN
from devices.readings.decoding import Decoding
from devices.readings.models import Fill, Status
from devices.readings.refusals import DecodeError, Reason
from tests.conftest import RECORDINGS

FILE: Final = RECORDINGS / "dialects" / "lorawan.jsonl"
VECTORS: Final = [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.is_file() else []
DEPTH_MM: Final = 3_000.0
LEVELS: Final = {"distance_mm", "distance_cm", "fill_pct"}


def test_the_vectors_are_there() -> None:
    if not VECTORS:
        pytest.skip("the vectors of dialects (../shared/data/dialects) are not beside this checkout")
    assert len(VECTORS) == 64
    assert {vector["kind"].split("_")[0] for vector in VECTORS} == {"device", "chirpstack", "ttn"}


def of(*kinds: str) -> pytest.MarkDecorator:
    found = [vector for vector in VECTORS if vector["kind"] in kinds]
    return pytest.mark.parametrize("vector", found, ids=[vector["id"] for vector in found])


def codec_of(vector: Mapping[str, Any]) -> LorawanCodec:
    return TTN if vector["edition"] == "ttn-v3" else CHIRPSTACK


def payload_of(vector: Mapping[str, Any]) -> bytes:
    text: str = vector.get("payload_text") or json.dumps(vector["payload_json"])
    return text.encode()


def model_of(vector: Mapping[str, Any]) -> str:
    model = vector["vendor"].split(" ", 1)[1].lower()
    return str(model.replace(".", "-").replace(" ", "-"))


def same(found: object, expected: object) -> bool:
    if isinstance(expected, Mapping):
        return (
            isinstance(found, Mapping)
            and found.keys() == expected.keys()
            and all(same(found[name], value) for name, value in expected.items())
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, bool) or not isinstance(expected, int | float):
        return found == expected
    return isinstance(found, int | float) and not isinstance(found, bool) and isclose(found, expected, abs_tol=1e-3)


def named(decoded: Decoded) -> dict[str, object]:
    history = [{"unix_s": one.unix_s, **one.values} for one in decoded.past]
    return {**decoded.values, **({"history": history} if history else {})}


@of("device_bytes", "device_bytes_no_level")
def test_bytes_of_devices(vector: dict[str, Any]) -> None:
    expected = vector["expected"]
    decoded = DECODERS[model_of(vector)](expected["f_port"], bytes.fromhex(vector["payload_hex"]))
    assert same(named(decoded), expected["readings"]), named(decoded)
    if vector["kind"] == "device_bytes_no_level":
        assert not decoded.values.keys() & LEVELS


@of("device_bytes_refuse")
def test_bytes_that_no_device_sends(vector: dict[str, Any]) -> None:
    with pytest.raises(PayloadError, match=vector["refuse"]["reason"]):
        DECODERS[model_of(vector)](85, bytes.fromhex(vector["payload_hex"]))


def instant(text: str) -> int:
    """The milliseconds of a time, by its text: what is finer is cut off."""
    seconds, _, decimals = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(seconds + "+00:00").timestamp()) * 1000 + int((decimals + "000")[:3])


@of("chirpstack_up", "ttn_up")
def test_uplinks(vector: dict[str, Any]) -> None:
    expected, codec, payload = vector["expected"], codec_of(vector), payload_of(vector)
    assert codec.matches(vector["topic"])
    assert codec.device_of(vector["topic"]) == expected.get("device_id", expected["device_eui"])
    if expected.get("simulated"):
        with pytest.raises(DecodeError, match="simulated"):
            codec.decode(vector["topic"], payload)
        return
    uplink = codec.uplink(vector["topic"], payload)
    found = (uplink.f_cnt, uplink.f_port, uplink.payload.hex())
    assert found == (expected["f_cnt"], expected["f_port"], expected["frm_payload_hex"])
    time = expected.get("time_utc") or expected.get("received_at_utc") or gateway_time(vector)
    assert uplink.ts == instant(time)
    assert uplink.rssi_dbm == max((one["rssi_dbm"] for one in expected["gateways"]), default=None)


def gateway_time(vector: dict[str, Any]) -> str:
    return str(vector["payload_json"]["uplink_message"]["rx_metadata"][0]["time"])


OF_THE_SERVER: Final[dict[str, dict[str, tuple[str, float]]]] = {
    "lorawan-chirpstack-up-object": {
        "battery_pct": ("object.battery", 92),
        "temperature_c": ("object.temperature", 25.7),
        "distance_mm": ("object.distance", 2116),
    },
    "lorawan-ttn-up-docs": {"temperature_c": ("decoded_payload.temperature", 1.0)},
    "lorawan-ttn-up-zero-kept": {
        "distance_mm": ("decoded_payload.distance", 0),
        "temperature_c": ("decoded_payload.temperature", -10.0),
    },
    "lorawan-ttn-up-wilsen": {
        "fill_pct": ("decoded_payload.fillinglvl", 60),
        "distance_mm": ("decoded_payload.proxx_mm", 1718),
        "temperature_c": ("decoded_payload.temp", 22.7),
    },
    "lorawan-ttn-up-normalized": {"temperature_c": ("normalized_payload.0.air.temperature", -21.3)},
    "lorawan-ttn-up-position-1": {"temperature_c": ("decoded_payload.temperature_0", 27.2)},
}
"""Paths into what the server decoded, and the values that the vector states for them."""


@of("chirpstack_up", "ttn_up")
def test_values_of_uplinks(vector: dict[str, Any]) -> None:
    """By the decoder of the model, and by the object of the server where the vector has one."""
    readings, codec = vector["expected"]["readings"], codec_of(vector)
    if vector["expected"].get("simulated"):
        return  # refused, see above
    uplink = codec.uplink(vector["topic"], payload_of(vector))
    model = MODEL_OF_UPLINK.get(vector["id"]) or ("em400-tld" if "tilted" in readings else "em500-udl")
    if readings.keys() & LEVELS:
        assert same(DECODERS[model](uplink.f_port, uplink.payload).values, readings)
    elif not readings:
        assert uplink.decoded is None
    else:
        assert vector["id"] in OF_THE_SERVER
    for value, (path, expected) in OF_THE_SERVER.get(vector["id"], {}).items():
        assert same(at(uplink.decoded, path), expected), value


MODEL_OF_UPLINK: Final = {"lorawan-ttn-up-wilsen": "wilsen-sonic-level"}


def at(tree: Any, path: str) -> object:
    for step in path.split("."):
        tree = tree[int(step)] if isinstance(tree, list) else tree[step]
    return tree


@of("chirpstack_up", "ttn_up")
def test_a_level_is_written_where_one_was_measured(vector: dict[str, Any]) -> None:
    """And a sign of life for each uplink; once, however many gateways heard it."""
    expected, codec = vector["expected"], codec_of(vector)
    if expected.get("simulated"):
        return  # refused, see above
    measured = expected["readings"].keys() & LEVELS
    model = MODEL_OF_UPLINK.get(vector["id"]) or ("em400-tld" if "tilted" in expected["readings"] else "em500-udl")
    decoding = Decoding(codec.dialect, model, depth_mm=DEPTH_MM)
    if not measured:
        decoding = Decoding(codec.dialect, "own", {"values": {"fill_pct": "decoded_payload.level"}})
    items = codec.decode(vector["topic"], payload_of(vector), decoding=decoding)
    fills = [item for item in items if isinstance(item, Fill)]
    statuses = [item for item in items if isinstance(item, Status)]
    assert [status.seq for status in statuses] == [expected["f_cnt"]]
    if not measured:
        assert not fills
        return
    [fill] = fills
    distance_mm = expected["readings"]["distance_mm"]
    assert fill.fill_pct == pytest.approx(100 * (DEPTH_MM - distance_mm) / DEPTH_MM)
    assert fill.temperature_c == pytest.approx(expected["readings"].get("temperature_c"))
    assert statuses[0].battery_pct == expected["readings"].get("battery_pct")
    assert not any(isinstance(item, Flaw) for item in items)


@of("chirpstack_status", "chirpstack_join", "ttn_join")
def test_signs_of_life_without_a_level(vector: dict[str, Any]) -> None:
    expected, codec = vector["expected"], codec_of(vector)
    decoding = Decoding(codec.dialect, "em400-tld", depth_mm=DEPTH_MM)
    [status] = codec.decode(vector["topic"], payload_of(vector), decoding=decoding)
    assert isinstance(status, Status)
    assert status.device_id == expected.get("device_id", expected["device_eui"])
    assert status.ts == instant(expected.get("time_utc") or expected["received_at_utc"])
    assert status.cause == ("birth" if expected["event"] == "join" else "heartbeat")
    assert status.battery_pct == expected.get("battery_pct")


@of(
    *("chirpstack_ack", "chirpstack_txack", "chirpstack_log", "chirpstack_location", "chirpstack_integration"),
    *("ttn_down_ack", "ttn_down_failed", "ttn_down_push", "ttn_location_solved"),
)
def test_events_that_hold_nothing_measured(vector: dict[str, Any]) -> None:
    """Nobody subscribes to them; who sends one by hand is refused."""
    codec = codec_of(vector)
    assert not codec.matches(vector["topic"])
    with pytest.raises(DecodeError, match="holds no reading"):
        codec.decode(vector["topic"], payload_of(vector), decoding=Decoding(codec.dialect, "em400-tld"))


REASONS: Final = {
    "bad_base64": (Reason.WRONG_TYPE, {"data"}),
    "invalid_json": (Reason.BROKEN_JSON, {"payload"}),
    "no_uplink_message": (Reason.MISSING_FIELD, {"uplink_message"}),
}
"""Words of the vectors, and ours."""


@of("chirpstack_refuse", "ttn_refuse")
def test_messages_to_be_refused(vector: dict[str, Any]) -> None:
    codec = codec_of(vector)
    with pytest.raises(DecodeError) as caught:
        codec.decode(vector["topic"], payload_of(vector))
    refusal = caught.value.refusal
    if vector["refuse"]["reason"] == "no_device":
        assert (refusal.reason, refusal.field) in {
            (Reason.FOREIGN_TOPIC, "topic"),
            (Reason.MISSING_FIELD, "end_device_ids.device_id"),
        }
        assert not codec.device_of(vector["topic"]) or refusal.field != "topic"
        return
    reason, fields = REASONS[vector["refuse"]["reason"]]
    assert refusal.reason is reason
    assert refusal.field in fields


def kinds_with_a_test() -> Iterator[str]:
    """The kinds that the tests of this module are parametrized with."""
    tests: list[Callable[..., None]] = [one for name, one in globals().items() if name.startswith("test_")]
    for test in tests:
        for mark in getattr(test, "pytestmark", ()):
            yield from (vector["kind"] for vector in mark.args[1])


def test_every_vector_has_a_test() -> None:
    assert {vector["kind"] for vector in VECTORS} == set(kinds_with_a_test())
