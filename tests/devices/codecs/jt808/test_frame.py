"""Frames: cut, merged and spoiled streams; both headers; parts. Bytes are of public captures or built by hand."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from devices.codecs.jt808.frame import (
    MAX_BODY_BYTES,
    MAX_FRAME_BYTES,
    Frame,
    FrameError,
    FrameFault,
    FrameReader,
    Part,
    assemble,
    encode_frame,
    encode_message,
    escape,
    missing_parts,
    parse_frame,
    unescape,
)

HEARTBEAT = bytes.fromhex("7e000200000123456789017fff0a7e")
HEARTBEAT_2019 = bytes.fromhex("7e0002400001000000000100000000781234177e")
LATER = Frame(0x0002, "013912345678", 7)

frames = st.builds(
    Frame,
    st.integers(0, 0xFFFF),
    st.text("0123456789abcdef", min_size=12, max_size=12),
    st.integers(0, 0xFFFF),
    st.binary(max_size=MAX_BODY_BYTES) | st.just(b"\x7e\x7d" * 511),
    part=st.none() | st.integers(1, 0xFFFF).map(lambda total: Part(total, (total + 1) // 2)),
)
frames_2019 = st.builds(
    Frame,
    st.integers(0, 0xFFFF),
    st.text("0123456789", min_size=20, max_size=20),
    st.integers(0, 0xFFFF),
    st.binary(max_size=MAX_BODY_BYTES),
    st.integers(0, 0xFF),
    st.integers(0, 7),
    st.none() | st.just(Part(3, 3)),
)


def test_a_frame_of_2013() -> None:
    assert parse_frame(HEARTBEAT) == Frame(0x0002, "012345678901", 0x7FFF)


def test_a_frame_of_2019_keeps_every_zero_of_its_number() -> None:
    frame = encode_frame(Frame(0x0002, "00000000010000000078", 0xFFFF, version=1))
    assert parse_frame(frame) == Frame(0x0002, "00000000010000000078", 0xFFFF, version=1)


@pytest.mark.parametrize("frame", [LATER, Frame(0x0002, "00000000010000000078", 7, version=1)])
def test_the_length_tells_the_header_where_the_version_flag_is_wrong(frame: Frame) -> None:
    raw = bytearray(encode_frame(frame))
    raw[3] ^= 0x40
    raw[-2] ^= 0x40  # the check byte
    assert parse_frame(bytes(raw)) == frame


@pytest.mark.parametrize(("written", "found"), [("307d02087d0155", "307e087d55"), ("7d0102", "7d02"), ("117d", "117d")])
def test_escapes(written: str, found: str) -> None:
    assert unescape(bytes.fromhex(written)).hex() == found


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("", "no_delimiters"),
        ("7e", "no_delimiters"),
        ("7e000200", "no_delimiters"),
        ("7e7e", "too_short"),
        ("7e0002007e", "too_short"),
        ("7e000200000123456789017fff0b7e", "checksum"),
        ("7e0002000101234567890100018a7e", "body_length"),
        ("7e0002007d0323456789010001007e", "bad_escape"),
        (f"7e{'00' * MAX_FRAME_BYTES}7e", "too_long"),
    ],
)
def test_what_is_no_frame_is_refused_by_its_fault(raw: str, fault: str) -> None:
    with pytest.raises(FrameError) as caught:
        parse_frame(bytes.fromhex(raw))
    assert caught.value.fault == fault


def test_a_part_may_count_its_numbers_as_body() -> None:
    """Firmware in the field does; the length tells."""
    raw = encode_frame(Frame(0x0801, "013912345678", 7, b"\x01\x02\x03", part=Part(2, 1)))
    counted = unescape(raw[1:-1])
    counted = counted[:3] + bytes([counted[3] + 4]) + counted[4:-1] + bytes([counted[-1] ^ 3 ^ 7])
    assert parse_frame(b"\x7e%b\x7e" % escape(counted)) == parse_frame(raw)


@settings(max_examples=60)
@given(frames | frames_2019)
def test_what_is_written_is_read(frame: Frame) -> None:
    raw = encode_frame(frame)
    assert raw.count(b"\x7e") == 2
    assert len(raw) <= MAX_FRAME_BYTES
    assert parse_frame(raw) == frame


@settings(max_examples=60)
@given(st.lists(frames, max_size=5), st.lists(st.integers(1, 40), min_size=1, max_size=9), st.booleans())
def test_a_stream_may_be_cut_anywhere(sent: list[Frame], cuts: list[int], shares_delimiters: bool) -> None:
    stream = b"".join(map(encode_frame, sent))
    stream = stream.replace(b"\x7e\x7e", b"\x7e") if shares_delimiters else stream
    reader, found, at = FrameReader(), [], 0
    while at < len(stream):
        step = cuts[at % len(cuts)]
        found += reader.feed(stream[at : at + step])
        at += step
    assert [parse_frame(raw) for raw in found] == sent
    assert (reader.waiting, reader.noise_bytes, reader.too_long) == (0, 0, 0)


@settings(max_examples=60)
@given(st.binary(max_size=80))
def test_no_bytes_before_a_frame_take_it_along(noise: bytes) -> None:
    found = FrameReader().feed(noise + HEARTBEAT + encode_frame(LATER))
    assert found[-2:] == [HEARTBEAT, encode_frame(LATER)]


def test_a_frame_that_was_cut_takes_no_neighbour_along() -> None:
    reader = FrameReader()
    cut, whole = reader.feed(HEARTBEAT[:9] + HEARTBEAT)
    with pytest.raises(FrameError, match="too_short"):
        parse_frame(cut)
    assert whole == HEARTBEAT


def test_noise_without_end_is_not_kept() -> None:
    reader = FrameReader()
    assert reader.feed(b"noise") == []
    for _ in range(100):
        assert reader.feed(b"\x7e" + b"x" * 4_000) == []
        assert reader.feed(b"x" * 4_000) == []
        assert reader.waiting <= MAX_FRAME_BYTES
    assert reader.feed(HEARTBEAT) == [HEARTBEAT]
    assert (reader.noise_bytes, reader.too_long) == (5, 100)


def test_the_longest_frame_fits() -> None:
    longest = Frame(0x7E7E, "7e" * 10, 0x7E7E, b"\x7e" * 1_023, version=0x7E, part=Part(0x7E7E, 0x7E7D))
    assert FrameReader().feed(encode_frame(longest)) == [encode_frame(longest)]


@pytest.mark.parametrize("size", [0, 1_023, 1_024, 5_000])
def test_a_long_message_goes_in_parts_that_arrive_in_any_order(size: int) -> None:
    message = Frame(0x0704, "013912345678", 0xFFFE, bytes(index % 251 for index in range(size)))
    parts = [parse_frame(raw) for raw in encode_message(message)]
    assert [part.serial for part in parts] == [(0xFFFE + index) & 0xFFFF for index in range(len(parts))]
    assert missing_parts(parts) == []
    assert assemble(parts[::-1] + [replace(part, body=b"other") for part in parts]) == message


def test_missing_parts_are_named() -> None:
    parts = [parse_frame(raw) for raw in encode_message(Frame(0x0704, "013912345678", 1, bytes(4_000)))]
    assert missing_parts([parts[0], parts[2]]) == [2, 4]
    with pytest.raises(FrameError, match=re.escape("2 of 4 parts are there, part 2 is not")):
        assemble([parts[2], parts[0]])


def test_a_part_beyond_the_total_is_refused() -> None:
    with pytest.raises(FrameError) as caught:
        parse_frame(encode_frame(Frame(0x0704, "013912345678", 1, b"x", part=Part(2, 3))))
    assert caught.value.fault is FrameFault.PARTS


@pytest.mark.parametrize(
    "frame", [Frame(2, "12345", 1), Frame(2, "1" * 12, 1, version=1), Frame(2, "1" * 12, 1, b"x" * 1_024)]
)
def test_what_no_frame_can_hold_is_not_written(frame: Frame) -> None:
    with pytest.raises(ValueError, match=r"digits|parts"):
        encode_frame(frame)
