"""Uplinks and the registry → readings: levels by depth, and what is refused with which words."""

import json
from base64 import b64encode
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codecs.codec import CorrectedItems, Flaw
from devices.codecs.lorawan.chirpstack import CHIRPSTACK
from devices.codecs.lorawan.payloads.decoded import PayloadError
from devices.codecs.lorawan.payloads.decoders import DECODERS
from devices.codecs.lorawan.ttn import TTN
from devices.codecs.registry import CODECS
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.models import Fill, Reading, Status
from devices.readings.refusals import DecodeError, Reason

EUI: Final = "24e124136b000001"
TOPIC: Final = f"application/bins/device/{EUI}/event/up"
TIME: Final = "2026-03-02T09:11:15.775999999+00:00"
TS: Final = 1_772_442_675_775
EM400: Final = "01755c 03670101 048244 08 050000".replace(" ", "")
"""92 %, 25.7 °C, 2,116 mm, upright."""


def message(payload_hex: str = EM400, **more: Any) -> bytes:
    data = b64encode(bytes.fromhex(payload_hex)).decode()
    event = {"time": TIME, "deviceInfo": {"devEui": EUI}, "fCnt": 44, "fPort": 85, "data": data}
    return json.dumps(event | {"rxInfo": [{"rssi": -118}, {"rssi": -92}]} | more).encode()


def decoded(raw: bytes, profile: str = "em400-tld", depth_mm: float | None = 2_500.0, **settings_: Any) -> list[Any]:
    decoding = Decoding("chirpstack", profile, settings_, depth_mm) if settings_ else None
    return CHIRPSTACK.decode(TOPIC, raw, decoding=decoding or Decoding("chirpstack", profile, depth_mm=depth_mm))


def test_a_distance_is_a_level_by_the_registered_depth() -> None:
    [fill, status] = decoded(message())
    assert fill == Fill(device_id=EUI, ts=TS, seq=44, fill_pct=15.36, temperature_c=25.7)
    assert status == Status(
        device_id=EUI, ts=TS, seq=44, online=True, session=0, cause="heartbeat", battery_pct=92, rssi_dbm=-92
    )


def frame(distance_mm: int) -> str:
    return f"0482{distance_mm.to_bytes(2, 'little').hex()}"


@pytest.mark.parametrize(
    ("distance_mm", "offset_mm", "fill_pct"),
    [(1_000, 0, 50), (2_000, 0, 0), (0, 0, 100), (1_100, 200, 50), (200, 200, 100), (2_399, 0, 0)],
)
def test_the_level_between_the_floor_and_the_full_mark(distance_mm: int, offset_mm: int, fill_pct: float) -> None:
    given_ = {"payload": "em400-tld", "sensor_offset_mm": offset_mm}
    fill, _ = decoded(message(frame(distance_mm)), "own", 2_000.0, **given_)
    assert fill.fill_pct == pytest.approx(fill_pct)


def test_a_heap_above_the_full_mark_counts_as_full_and_is_counted() -> None:
    items = decoded(message(frame(100)), "own", 2_000.0, payload="em400-tld", sensor_offset_mm=200)
    fill, _ = items
    assert fill.fill_pct == 100
    assert isinstance(items, CorrectedItems)
    assert [(one.field, one.clamped) for one in items.corrections[0]] == [("fill_pct", True)]


def flaw_of(items: list[Any]) -> tuple[Reason, str | None, str]:
    """The only flaw; the sign of life stands beside it, and no level does."""
    [flaw, status] = items
    assert isinstance(flaw, Flaw)
    assert isinstance(status, Status)
    return flaw.refusal.reason, flaw.refusal.field, flaw.refusal.detail


def test_a_distance_without_a_depth_says_what_to_register() -> None:
    reason, field, detail = flaw_of(decoded(message(), depth_mm=None))
    assert (reason, field) == (Reason.MISSING_FIELD, "depth_mm")
    assert "2116 mm" in detail
    assert "register depth_mm" in detail


def test_a_distance_far_below_the_floor_is_no_empty_bin() -> None:
    assert flaw_of(decoded(message(frame(65_535))))[:2] == (Reason.OUT_OF_BOUNDS, "distance_mm")


def test_an_offset_as_deep_as_the_bin_is_refused() -> None:
    items = decoded(message(), "own", 2_500.0, payload="em400-tld", sensor_offset_mm=2_500)
    assert flaw_of(items)[:2] == (Reason.OUT_OF_BOUNDS, "depth_mm")


def test_a_sensor_without_an_echo_writes_no_level() -> None:
    assert flaw_of(decoded(message("017564b482ffff02"), "em410-rdl"))[:2] == (Reason.OUT_OF_BOUNDS, "distance_mm")


@pytest.mark.parametrize(
    ("distance_mm", "flag", "why"), [(0, 1, "no_sensor"), (20, 1, "blind_zone"), (900, 0, "no_sensor")]
)
def test_a_dragino_that_sees_nothing_writes_no_level(distance_mm: int, flag: int, why: str) -> None:
    payload = f"0e1c{distance_mm:04x}000000{flag:02x}"
    assert why in flaw_of(decoded(message(payload), "ldds75"))[2]


def test_a_dragino_with_an_echo() -> None:
    fill, _ = decoded(message("0e1c04e20000fa01"), "ldds75")
    assert (fill.fill_pct, fill.temperature_c) == (50.0, 25.0)


def test_the_level_that_a_device_works_out_counts_without_a_depth() -> None:
    wilsen = "040b0206b6030b063c06020141b5999a03510124"
    assert decoded(message(wilsen), "wilsen-sonic-level", None)[0].fill_pct == 60
    assert decoded(message(wilsen), "wilsen-sonic-level", 2_000.0)[0].fill_pct == pytest.approx(14.1)


def test_a_level_of_a_device_beyond_any_heap_is_refused() -> None:
    """255 is what some send for a fault: it is not clamped to a full bin."""
    assert flaw_of(decoded(message("040b0206b6030b06ff"), "wilsen-sonic-level", None))[:2] == (
        Reason.OUT_OF_BOUNDS,
        "fill_pct",
    )


def test_the_depth_of_a_liquid_grows_with_the_level() -> None:
    assert decoded(message("0175640377c800"), "em500-swl", 4_000.0)[0].fill_pct == 50


def test_stored_readings_come_at_their_own_times() -> None:
    history = "20ce" + (1_772_440_000).to_bytes(4, "little").hex() + "e204"
    now = "0382c409"
    past, present, status = decoded(message(history + now), "em500-udl", 2_500.0)
    assert (past.ts, past.seq, past.fill_pct) == (1_772_440_000_000, None, 50.0)
    assert (present.ts, present.seq, present.fill_pct) == (TS, 44, 0.0)
    assert isinstance(status, Status)


def test_a_clock_that_was_never_set_spoils_its_stored_reading_only() -> None:
    items = decoded(message("20ce00000000e204" + "0382e204"), "em500-udl", 2_500.0)
    assert [type(item) for item in items] == [Flaw, Fill, Status]
    assert items[0].refusal.field == "ts"


def test_a_faulty_temperature_is_left_out_and_counted() -> None:
    items = decoded(message("036711fb" + frame(1_250)))
    fill, _ = items
    assert (fill.fill_pct, fill.temperature_c) == (50.0, None)
    assert isinstance(items, CorrectedItems)
    assert [one.field for one in items.corrections[0]] == ["temperature_c"]


@pytest.mark.parametrize("size", range(1, 15))
def test_a_cut_payload_is_refused_as_a_whole(size: int) -> None:
    items = decoded(message(EM400[: 2 * size]))
    if size in {3, 7, 11, 14}:  # it ends with a channel
        assert not any(isinstance(item, Flaw) for item in items)
    else:
        assert flaw_of(items)[:2] == (Reason.NOT_A_READING, "payload")


def test_the_object_of_the_server_is_read_by_paths_with_units() -> None:
    tree = {"data": {"distance": 112.5, "bat": 0.8}, "list": [{"t": 21}]}
    values = {
        "distance_mm": {"path": "object.data.distance", "unit": "cm"},
        "battery_pct": {"path": "object.data.bat", "unit": "fraction"},
        "temperature_c": "object.list.0.t",
    }
    fill, status = decoded(message(object=tree), "own", 2_250.0, values=values)
    assert (fill.fill_pct, fill.temperature_c, status.battery_pct) == (50.0, 21, 80.0)


def test_channels_of_cayenne_are_mapped() -> None:
    fill, _ = decoded(message("0482000004e2036700d7"), "own", 2_500.0, payload="cayenne-lpp", values={
        "distance_mm": "distance_mm_4", "temperature_c": "temperature_c_3",
    })  # fmt: skip
    assert (fill.fill_pct, fill.temperature_c) == (50.0, 21.5)


def test_zeros_are_values_and_nulls_are_not() -> None:
    values = {"fill_pct": "object.level", "battery_pct": "object.battery"}
    fill, status = decoded(message(object={"level": 0, "battery": 0}), "own", None, values=values)
    assert (fill.fill_pct, status.battery_pct) == (0.0, 0.0)
    [status] = decoded(message(object={"level": None, "battery": 5}), "own", None, values=values)
    assert status.battery_pct == 5


def test_paths_that_lead_nowhere_are_named() -> None:
    reason, field, detail = flaw_of(
        decoded(message(object={"lvl": 3}), "own", None, values={"fill_pct": "object.level"})
    )
    assert (reason, field) == (Reason.MISSING_FIELD, "profile")
    assert "object.level" in detail


def test_text_in_place_of_a_number_is_refused() -> None:
    items = decoded(message(object={"level": "12"}), "own", None, values={"fill_pct": "object.level"})
    assert flaw_of(items)[:2] == (Reason.WRONG_TYPE, "fill_pct")


@pytest.mark.parametrize("profile", ["", "em999"])
def test_a_registered_device_without_a_profile_is_told_so(profile: str) -> None:
    reason, field, detail = flaw_of(decoded(message(), profile))
    assert (reason, field) == (Reason.MISSING_FIELD, "profile")
    assert "em400-tld" in detail


def test_an_unregistered_device_makes_one_letter() -> None:
    assert [type(item) for item in CHIRPSTACK.decode(TOPIC, message(), decoding=UNREGISTERED)] == [Status]


def test_an_empty_uplink_is_a_sign_of_life_that_counts() -> None:
    [status] = decoded(message("", fPort=0, fCnt=None))
    assert (status.seq, status.cause) == (0, "heartbeat")


def test_a_battery_on_external_power_is_not_empty() -> None:
    topic = TOPIC.replace("/up", "/status")
    event = {"time": TIME, "deviceInfo": {"devEui": EUI}, "batteryLevel": 0.0, "margin": 3}
    for more, battery in (
        ({"externalPowerSource": True}, None),
        ({"batteryLevelUnavailable": True}, None),
        ({"externalPowerSource": False}, 0.0),
        ({"batteryLevel": None}, None),
    ):
        [status] = CHIRPSTACK.decode(topic, json.dumps(event | more).encode())
        assert status.battery_pct == battery  # type: ignore[union-attr]


def test_body_and_topic_name_one_device() -> None:
    with pytest.raises(DecodeError) as caught:
        decoded(message(deviceInfo={"devEui": "24e124136b000002"}))
    assert caught.value.refusal.reason is Reason.FOREIGN_DEVICE
    assert decoded(message(deviceInfo={"devEui": EUI.upper()}))


@pytest.mark.parametrize("time", [None, "", "yesterday", "2026-03-02T09:11:15", "0001-01-01T00:00:00Z"])
def test_an_event_without_a_time_is_refused(time: str | None) -> None:
    with pytest.raises(DecodeError, match=r"time|ts:"):
        decoded(message(time=time))


def test_topics_of_each_server_find_their_codec() -> None:
    ttn = "v3/bins@city/devices/eui-24e124136b000001"
    found = [
        CODECS.dialect_of(topic) for topic in (TOPIC, f"{ttn}/up", f"{ttn}/down/ack", TOPIC.replace("/up", "/ack"))
    ]
    assert found == ["chirpstack", "ttn", "native", "native"]
    assert TTN.device_of(f"{ttn}/up") == "eui-24e124136b000001"
    assert CHIRPSTACK.device_of(TOPIC.replace(EUI, EUI.upper())) == EUI


@pytest.mark.parametrize("name", DECODERS)
@given(port=st.integers(0, 255), payload=st.binary(max_size=60))
@settings(max_examples=30, deadline=None)
def test_no_bytes_of_a_device_raise_anything_else(name: str, port: int, payload: bytes) -> None:
    try:
        decoded_ = DECODERS[name](port, payload)
    except PayloadError:
        return
    assert isinstance(decoded_.values, dict)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["level", "data", "0"]), inner),
    max_leaves=5,
)
fields = st.dictionaries(
    st.sampled_from(["time", "deviceInfo", "fCnt", "fPort", "data", "object", "rxInfo", "batteryLevel"]), json_values
)


@given(more=fields, event=st.sampled_from(["up", "join", "status"]))
@settings(max_examples=60, deadline=None)
def test_no_event_raises_anything_else(more: dict[str, Any], event: str) -> None:
    mapped = {"fill_pct": "object.level", "distance_mm": "object.data.0.level"}
    decoding = Decoding("chirpstack", "own", {"values": mapped}, 2_000.0)
    try:
        items: list[Reading | Flaw] = CHIRPSTACK.decode(
            TOPIC.replace("/up", f"/{event}"), message(**more), decoding=decoding
        )
    except DecodeError:
        return
    assert isinstance(items[-1], Status)
    assert event == "up" or len(items) == 1
    assert all(0 <= item.fill_pct <= 100 for item in items if isinstance(item, Fill))


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff", b"[" * 3_000, b'{"object":' * 3_000, b"9" * 5_000])
def test_broken_messages_are_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        CHIRPSTACK.decode(TOPIC, payload)
    with pytest.raises(DecodeError):
        TTN.decode("v3/bins@city/devices/dev-1/up", payload)


def test_a_message_beyond_the_limit_is_refused() -> None:
    with pytest.raises(DecodeError) as caught:
        CHIRPSTACK.decode(TOPIC, message() + b" " * 500, max_bytes=400)
    assert caught.value.refusal.reason is Reason.TOO_LARGE


def test_a_payload_longer_than_a_frame_is_refused() -> None:
    assert flaw_of(decoded(message("017564" * 90)))[:2] == (Reason.NOT_A_READING, "payload")


@pytest.mark.parametrize(
    ("given_settings", "key"),
    [
        ({}, "values"),
        ({"payload": "em999"}, "payload"),
        ({"payload": ["em400-tld"]}, "payload"),
        ({"payload": "cayenne-lpp"}, "values"),
        ({"payload": "em400-tld", "sensor_offset_mm": -1}, "sensor_offset_mm"),
        ({"payload": "em400-tld", "sensor_offset_mm": True}, "sensor_offset_mm"),
        ({"payload": "em400-tld", "sensor_offset_mm": 10**400}, "sensor_offset_mm"),
        ({"payload": "em400-tld", "depth": 3}, "depth"),
        ({"values": ["level"]}, "values"),
        ({"values": {"level": "object.level"}}, "values.level"),
        ({"values": {"fill_pct": 7}}, "values.fill_pct"),
        ({"values": {"fill_pct": "object..level"}}, "values.fill_pct.path"),
        ({"values": {"distance_mm": {"path": "d", "unit": "inch"}}}, "values.distance_mm.unit"),
        ({"values": {"distance_mm": {"path": "d", "unti": "cm"}}}, "values.distance_mm"),
    ],
)
def test_faults_of_settings_name_their_key(given_settings: dict[str, Any], key: str) -> None:
    assert key in [fault[0] for fault in CHIRPSTACK.check_settings(given_settings)]
    assert not TTN.check_settings({"payload": "em400-tld", "sensor_offset_mm": 200})
    assert not TTN.check_settings({"values": {"distance_mm": {"path": "decoded_payload.d", "unit": "cm"}}})
