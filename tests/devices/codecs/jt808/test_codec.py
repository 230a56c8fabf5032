"""The codec of JT/T 808: what becomes of whole payloads, and that no bytes break it."""

from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codecs.codec import CorrectedItems, Flaw
from devices.codecs.jt808.codec import JT808
from devices.codecs.jt808.controls import PassedThrough
from devices.codecs.jt808.frame import Frame, FrameReader, encode_frame, encode_message
from devices.codecs.jt808.messages import (
    HEARTBEAT,
    LOG_OUT,
    Authentication,
    Registration,
    Stamp,
    encode_stamp,
    is_from_platform,
    without_code,
)
from devices.codecs.registry import CODECS, decode
from devices.readings.decoding import Decoding
from devices.readings.field_check import Correction
from devices.readings.models import Load, Position, Status
from devices.readings.refusals import DecodeError, Reason, Refusal

PHONE = "013912345678"
TOPIC = f"haulwatch/v1/{PHONE}/jt808"
AT = "261129083000"
AT_MS = 1_795_912_200_000
"""2026-11-29T00:30:00Z, 08:30 in GMT+8."""


def location(
    alarm: int = 0,
    status: int = 0b11,
    lat: int = 35_501_200,
    lon: int = 112_873_400,
    altitude: int = 742,
    speed: int = 364,
    course: int = 88,
    at: str = AT,
    items: str = "",
) -> bytes:
    fixed = pack(">IIIIHHH", alarm, status, lat, lon, altitude, speed, course)
    return fixed + bytes.fromhex(at) + bytes.fromhex(items)


def frame(message_id: int, body: bytes = b"", serial: int = 7) -> bytes:
    return encode_frame(Frame(message_id, PHONE, serial, body))


def batch(*bodies: bytes) -> bytes:
    return pack(">HB", len(bodies), 1) + b"".join(pack(">H", len(body)) + body for body in bodies)


def positions(payload: bytes, decoding: Decoding | None = None) -> list[Position]:
    found = []
    for item in decode(TOPIC, payload, decoding=decoding or Decoding("jt808")):
        assert isinstance(item, Position), item
        found.append(item)
    return found


def refusal(payload: bytes) -> Refusal:
    """Why nothing of it is read."""
    with pytest.raises(DecodeError) as caught:
        decode(TOPIC, payload)
    return caught.value.refusal


def test_a_location() -> None:
    items = "01 04 00001234  31 01 0b  e4 01 63"
    assert positions(frame(0x0200, location(alarm=1 << 23, items=items))) == [
        Position(
            device_id=PHONE,
            ts=AT_MS,
            lat=35.5012,
            lon=112.8734,
            speed_kmh=36.4,
            heading_deg=88,
            altitude_m=742,
            satellites=11,
            odometer_km=466.0,
            ignition_on=True,
            alarm_bits=1 << 23,
        )
    ]


@pytest.mark.parametrize(
    ("status", "place", "ignition_on"),
    [(0b0011, (1, 1), True), (0b0110, (-1, 1), False), (0b1011, (1, -1), True), (0b1110, (-1, -1), False)],
)
def test_bits_of_the_status_word(status: int, place: tuple[int, int], ignition_on: bool) -> None:
    [reading] = positions(frame(0x0200, location(status=status)))
    assert (reading.lat, reading.lon) == (35.5012 * place[0], 112.8734 * place[1])
    assert reading.ignition_on is ignition_on


def test_without_a_fix_motion_is_not_known() -> None:
    [reading] = positions(frame(0x0200, location(status=0b01, speed=0, items="01 04 00000000  31 01 00")))
    assert not reading.located
    assert (reading.lat, reading.lon) == (35.5012, 112.8734), "where it was last"
    assert (reading.speed_kmh, reading.heading_deg, reading.altitude_m, reading.odometer_km) == (None,) * 4
    assert reading.satellites == 0, "this it does know"


def test_a_fix_at_0_0_is_none() -> None:
    [reading] = positions(frame(0x0200, location(lat=0, lon=0)))
    assert (reading.located, reading.speed_kmh) == (False, None)


def test_midnight_in_china_is_the_day_before() -> None:
    [reading] = positions(frame(0x0200, location(at="261129000001")))
    assert reading.ts == AT_MS - 8 * 3_600_000 - 1_799_000


@pytest.mark.parametrize("at", ["000000000000", "261329083000", "26112908300a", "261129246000", "ffffffffffff"])
def test_a_time_that_is_none_is_refused(at: str) -> None:
    refused = refusal(frame(0x0200, location(at=at)))
    assert (refused.reason, refused.field) == (Reason.OUT_OF_BOUNDS, "ts")
    assert at in refused.detail


@pytest.mark.parametrize(("lat", "lon", "field"), [(112_873_400, 35_501_200, "lat"), (1, 180_000_001, "lon")])
def test_a_place_that_is_none_is_refused(lat: int, lon: int, field: str) -> None:
    """Swapped latitude and longitude, and magnitudes written as two's complement."""
    refused = refusal(frame(0x0200, location(lat=lat, lon=lon)))
    assert (refused.reason, refused.field) == (Reason.OUT_OF_BOUNDS, field)


def test_what_a_reading_can_do_without_is_left_out() -> None:
    found = decode(TOPIC, frame(0x0200, location(altitude=0xFFF0, speed=0xFFFF, course=400, items="31 01 ff")))
    assert isinstance(found, CorrectedItems)
    dropped = ("speed_kmh", "heading_deg", "altitude_m", "satellites")
    assert found.corrections == {0: [Correction(field, clamped=False) for field in dropped]}
    assert found == [Position(device_id=PHONE, ts=AT_MS, lat=35.5012, lon=112.8734, ignition_on=True)]


@pytest.mark.parametrize(
    "items", ["01 04 0000", "00 00 00 00", "ff", "31 02 0102", "01 02 0102", "e3 ff 00", "00" * 40]
)
def test_items_that_are_none_do_not_break_the_position(items: str) -> None:
    [reading] = positions(frame(0x0200, location(items=items)))
    assert (reading.lat, reading.satellites, reading.odometer_km) == (35.5012, None, None)


@pytest.mark.parametrize(
    ("bits", "profile", "load"),
    [
        (0, "", None),
        (0, "load-sensor", Load.EMPTY),
        (1, "", Load.PARTIAL),
        (2, "load-sensor", None),
        (3, "", Load.LOADED),
        (3, "trwy", Load.EMPTY),
    ],
)
def test_load_bits_of_a_terminal_without_a_sensor_say_nothing(bits: int, profile: str, load: Load | None) -> None:
    [reading] = positions(frame(0x0200, location(status=0b11 | bits << 8)), Decoding("jt808", profile))
    assert reading.load is load


def test_a_batch_is_read_in_its_order_and_a_bad_location_stands_alone() -> None:
    payload = frame(0x0704, batch(location(at="261129083001"), location(lat=99_000_000), b"short", location()))
    first, bad, short, last = decode(TOPIC, payload)
    assert isinstance(first, Position)
    assert isinstance(last, Position)
    assert (first.ts, last.ts) == (AT_MS + 1_000, AT_MS)
    assert isinstance(bad, Flaw)
    assert isinstance(short, Flaw)
    assert (bad.refusal.field, short.refusal.field) == ("lat", "location")


def test_a_batch_may_state_a_wrong_count_or_end_too_early() -> None:
    body = batch(location(), location(at="261129083001"))
    assert len(positions(frame(0x0704, b"\x00\x09" + body[2:]))) == 2
    whole, cut = decode(TOPIC, frame(0x0704, body[:-3]))
    assert isinstance(whole, Position)
    assert isinstance(cut, Flaw)


def test_a_batch_of_nothing_but_lengths_is_refused_as_a_whole() -> None:
    assert "more than 41 locations" in refusal(frame(0x0704, pack(">HB", 500, 0) + bytes(1_000))).detail


def test_a_long_batch_comes_in_parts_in_any_order() -> None:
    bodies = [location(at=f"2611290830{second:02}") for second in range(60)]
    parts = encode_message(Frame(0x0704, PHONE, 1, batch(*bodies)))
    assert len(parts) == 2
    found = positions(b"".join(reversed(parts)))
    assert [reading.ts for reading in found] == [AT_MS + second * 1_000 for second in range(60)]


def test_parts_that_are_missing_are_refused_and_what_is_beside_them_is_read() -> None:
    part, _ = encode_message(Frame(0x0704, PHONE, 1, bytes(1_500)))
    flaw, reading = decode(TOPIC, part + frame(0x0200, location()))
    assert isinstance(flaw, Flaw)
    assert flaw.raw == part
    assert "1 of 2 parts are there, part 2 is not" in flaw.refusal.detail
    assert isinstance(reading, Position)


def test_two_long_messages_of_one_terminal_are_two() -> None:
    first, second = (
        encode_message(Frame(0x0704, PHONE, 1, batch(*[location(at=f"2611290830{at:02}") for at in range(begin, 59)])))
        for begin in (0, 19)
    )
    assert len(first) == len(second) == 2
    assert len(positions(b"".join(first + second))) == 59 + 40


def test_answers_to_requests_hold_a_location() -> None:
    for message_id in (0x0201, 0x0500):
        assert positions(frame(message_id, b"\x00\x01" + location())) == positions(frame(0x0200, location()))


@pytest.mark.parametrize(
    ("message_id", "body", "status"),
    [
        (Registration.ID, bytes(40), {"online": True, "cause": "birth"}),
        (Authentication.ID, b"secret", {"online": True, "cause": "birth"}),
        (HEARTBEAT, b"", {"online": True, "cause": "heartbeat"}),
        (LOG_OUT, b"", {"online": False, "cause": "shutdown"}),
    ],
)
def test_messages_of_a_session_are_a_status_by_the_stamp_of_the_gateway(
    message_id: int, body: bytes, status: dict[str, object]
) -> None:
    stamp = encode_stamp(PHONE, None, at_ms=AT_MS, session=1_795_912_000)
    [reading] = decode(TOPIC, stamp + frame(message_id, body))
    assert isinstance(reading, Status)
    assert (reading.ts, reading.session, reading.device_id) == (AT_MS, 1_795_912_000, PHONE)
    assert {name: getattr(reading, name) for name in status} == status
    assert JT808.split(stamp + frame(message_id, body)) == [stamp + frame(message_id, body)], "its time stays with it"


def test_the_correction_of_a_clock_leaves_the_time_of_the_gateway_as_it_is() -> None:
    """It is added behind the codec, to every reading (`ingest.admission.at_corrected_time`)."""
    corrected = Decoding("jt808", clock_correction_s=8 * 3_600)
    times = []
    for is_true_time in (True, False):
        stamp = encode_stamp(PHONE, None, at_ms=AT_MS, session=1, is_true_time=is_true_time)
        [found] = decode(TOPIC, stamp + frame(0x0002), decoding=corrected)
        assert isinstance(found, Status)
        times.append(found.ts)
    assert times == [AT_MS - 8 * 3_600_000, AT_MS]


def test_a_status_without_a_stamp_has_no_time() -> None:
    refused = refusal(frame(HEARTBEAT))
    assert (refused.reason, refused.field) == (Reason.MISSING_FIELD, "ts")


def test_an_authentication_of_2019_names_the_firmware_and_its_code_can_be_taken_out() -> None:
    body = Authentication("top-secret", "123456789012345", "v2.0").body(1)
    kept = without_code(Frame(Authentication.ID, "0" * 8 + PHONE, 7, body, 1))
    payload = encode_stamp(kept.phone, 1, at_ms=AT_MS, session=1) + encode_frame(kept)
    assert b"secret" not in payload
    [reading] = decode(f"haulwatch/v1/{kept.phone}/jt808", payload)
    assert isinstance(reading, Status)
    assert reading.firmware == "v2.0"
    old = without_code(Frame(Authentication.ID, PHONE, 7, b"top-secret"))
    assert (old.body, Authentication.read(old)) == (b"", Authentication(""))


def test_messages_without_a_reading_stay_in_the_raw_log_only() -> None:
    assert decode(TOPIC, frame(PassedThrough.ID, b"\xf0data") + frame(0x0F01, b"state") + frame(0x0001, bytes(5))) == []


def test_an_encrypted_body_is_refused() -> None:
    assert "encrypted" in refusal(encode_frame(Frame(0x0200, PHONE, 1, location(), encryption=1))).detail


def test_a_spoiled_frame_takes_no_neighbour_along() -> None:
    good = frame(0x0200, location())
    for at in range(len(good)):
        spoiled = good[:at] + bytes([good[at] ^ 0x01]) + good[at + 1 :]
        found = decode(TOPIC, good + spoiled + good)
        kept = [item for item in found if isinstance(item, Position)]
        assert len(kept) == 2, at
        assert len(found) > 2, "the spoiled one is refused, not passed over"


def test_the_frame_names_the_device_not_the_topic() -> None:
    """Admission refuses it as one device that speaks for another."""
    [reading] = decode("haulwatch/v1/013900000000/jt808", frame(0x0200, location()))
    assert isinstance(reading, Position)
    assert reading.device_id == PHONE


@pytest.mark.parametrize("topic", ["haulwatch/v1/x/position", "haulwatch/v1/alerts/jt808", "other/v1/x/jt808", "jt808"])
def test_a_topic_of_another_form_is_refused(topic: str) -> None:
    assert not JT808.matches(topic)
    assert JT808.device_of(topic) == ""
    with pytest.raises(DecodeError) as caught:
        JT808.decode(topic, frame(0x0200, location()))
    assert caught.value.refusal.reason is Reason.FOREIGN_TOPIC


def test_the_registry_knows_the_topic() -> None:
    assert CODECS.dialect_of(TOPIC) == "jt808"
    assert CODECS.codec_of("jt808").device_of(TOPIC) == PHONE
    assert CODECS.dialect_of(f"haulwatch/v1/{PHONE}/position") == "native"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.NOT_A_READING),
        (b"\x7e" * 50, Reason.NOT_A_READING),
        (b"\x7ex" * 1_000, Reason.NOT_A_READING),
        (bytes(70_000), Reason.TOO_LARGE),
    ],
)
def test_a_payload_without_frames_is_refused_as_a_whole(payload: bytes, reason: Reason) -> None:
    assert refusal(payload).reason is reason


def test_what_no_platform_sends_is_told_from_what_no_terminal_sends() -> None:
    assert [is_from_platform(number) for number in (0x0200, 0x0F01, 0x7FFF, 0xE000)] == [False] * 4
    assert [is_from_platform(number) for number in (0x8001, Stamp.ID, 0xF000)] == [True] * 3


messages = st.builds(
    lambda message_id, body, serial: encode_message(Frame(message_id, PHONE, serial, body)),
    st.sampled_from([0x0200, 0x0201, 0x0704, 0x0100, 0x0102, 0x0002, 0x0003, 0x0900, Stamp.ID])
    | st.integers(0, 0xFFFF),
    st.binary(max_size=60)
    | st.binary(max_size=90).map(lambda tail: location() + tail)
    | st.lists(st.binary(max_size=40) | st.just(location()), max_size=40).map(lambda bodies: batch(*bodies)),
    st.integers(0, 0xFFFF),
)
pieces = messages.map(b"".join) | messages.map(lambda parts: parts[0][:-3]) | st.binary(max_size=40)


@settings(max_examples=150)
@given(st.lists(pieces, max_size=5).map(b"".join), st.sampled_from(["", "load-sensor", "trwy", "e-eye", "unheard-of"]))
def test_any_payload_gives_readings_and_refusals_that_can_be_kept_alone(payload: bytes, profile: str) -> None:
    decoding = Decoding("jt808", profile)
    try:
        found = decode(TOPIC, payload, decoding=decoding)
    except DecodeError:
        return
    elements = JT808.split(payload)
    for item, element in zip(found, elements, strict=True):
        if isinstance(item, Flaw):
            assert refusal(element) == item.refusal
        else:
            assert decode(TOPIC, element, decoding=decoding) == [item]
    if elements:
        assert decode(TOPIC, JT808.join(elements), decoding=decoding) == found


@settings(max_examples=150)
@given(st.lists(messages, min_size=1, max_size=3), st.data())
def test_flipped_bytes_lose_no_whole_frame(sent: list[list[bytes]], data: st.DataObject) -> None:
    payload = bytearray(b"".join(raw for parts in sent for raw in parts))
    before = len(FrameReader().feed(bytes(payload)))
    at = data.draw(st.integers(1, len(payload) - 2))
    payload[at] ^= data.draw(st.integers(1, 255))
    found = FrameReader().feed(bytes(payload))
    sound = {bytes(raw) for parts in sent for raw in parts}
    assert sum(raw in sound for raw in found) >= before - 2, "its own and, where a delimiter is hit, the next one"
