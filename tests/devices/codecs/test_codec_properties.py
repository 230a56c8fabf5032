"""Properties of decoding for every reading and for every string of bytes."""

import json
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from devices.codecs.codec import MAX_PAYLOAD_BYTES, CorrectedItems, Flaw
from devices.codecs.native import encode, encode_array
from devices.codecs.registry import decode
from devices.codecs.topics import reading_topic
from devices.readings.field_check import Correction
from devices.readings.ids import DEVICE_ID_PATTERN, RESERVED_IDS
from devices.readings.models import (
    MAX_TS_MS,
    MIN_TS_MS,
    Fill,
    Kind,
    Load,
    Position,
    Reading,
    Status,
    Throughput,
    Weighing,
)
from devices.readings.refusals import DecodeError
from tests.devices.readings.test_text import is_visible

device_ids = st.from_regex(DEVICE_ID_PATTERN, fullmatch=True).filter(
    lambda name: name not in RESERVED_IDS and not name.endswith("\n")
)
texts = st.text(st.characters().filter(lambda char: is_visible(ord(char))), min_size=1, max_size=64)
base = {
    "device_id": device_ids,
    "ts": st.integers(MIN_TS_MS, MAX_TS_MS),
    "seq": st.none() | st.integers(0, (1 << 53) - 1),
}


def maybe(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(low, high)


READINGS: dict[Kind, st.SearchStrategy[Reading]] = {
    Kind.POSITION: st.builds(
        Position,
        **base,
        lat=st.floats(-90, 90),
        lon=st.floats(-180, 180),
        located=st.booleans(),
        speed_kmh=maybe(0, 250),
        heading_deg=maybe(0, 360),
        hdop=maybe(0, 100),
        satellites=st.none() | st.integers(0, 64),
        lift_up=st.none() | st.booleans(),
        load=st.none() | st.sampled_from(Load),
        load_kg=maybe(0, 200_000),
        alarm_bits=st.integers(0, (1 << 32) - 1),
        manifest=st.none() | texts,
    ),
    Kind.WEIGHING: st.builds(
        Weighing,
        **base,
        gross_kg=st.floats(0, 200_000),
        net_kg=maybe(0, 200_000),
        ticket=texts,
        direction=st.sampled_from(["in", "out"]),
        plate=st.none() | texts,
        stable=st.booleans(),
    ),
    Kind.FILL: st.builds(
        Fill,
        **base,
        compartment=st.sampled_from(["main", "paper", "glass_2"]),
        fill_pct=st.floats(0, 100),
        temperature_c=maybe(-60, 1000),
        smoke=st.none() | st.booleans(),
        deposits=st.none() | st.integers(0, 100_000),
    ),
    Kind.THROUGHPUT: st.builds(
        Throughput, **base, running=st.booleans(), rate_t_per_h=st.floats(0, 5_000), hopper_pct=maybe(0, 100)
    ),
    Kind.STATUS: st.builds(
        Status,
        **base,
        online=st.booleans(),
        session=st.integers(0, (1 << 53) - 1),
        cause=st.sampled_from(["birth", "heartbeat", "will", "shutdown"]),
    ),
}


@pytest.mark.parametrize("kind", Kind)
@given(data=st.data())
def test_encoded_reading_is_decoded_unchanged(kind: Kind, data: st.DataObject) -> None:
    reading = data.draw(READINGS[kind])
    topic = reading_topic(reading.device_id, kind)
    assert decode(topic, encode(reading)) == [reading]
    assert decode(topic, encode_array([reading, reading])) == [reading, reading]


@given(text=st.text(min_size=1, max_size=64))
def test_any_text_is_accepted_unchanged_or_refused_by_field(text: str) -> None:
    ticket = {"ts": MIN_TS_MS, "gross_kg": 1, "ticket": "T-1", "direction": "in", "manifest": text}
    payload = json.dumps(ticket).encode()
    assume(not {"\ufe0e", "\ufe0f"} & {*text})  # they are visible after some symbols
    if not all(is_visible(ord(char)) for char in text):
        with pytest.raises(DecodeError, match=r"manifest: Text should have no invisible character, has U\+"):
            decode("haulwatch/v1/weighbridge-1/weighing", payload)
    else:
        [reading] = decode("haulwatch/v1/weighbridge-1/weighing", payload)
        assert isinstance(reading, Weighing)
        assert reading.manifest == text


def test_an_upload_of_the_shortest_readings_is_accepted_up_to_the_size_limit() -> None:
    shortest = b'{"ts":1767225600000,"fill_pct":5}'
    count = (MAX_PAYLOAD_BYTES - 1) // (len(shortest) + 1)
    upload = b"[" + b",".join([shortest] * (count - 1) + [b"{}"]) + b"]"
    items = decode("haulwatch/v1/point-1/fill", upload)
    assert [type(item) for item in items] == [Fill] * (count - 1) + [Flaw]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["ts", "lat", "lon", "seq"]), inner),
    max_leaves=12,
)


@given(payload=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
@pytest.mark.parametrize("kind", Kind)
def test_any_bytes_decode_or_are_refused(kind: Kind, payload: bytes) -> None:
    try:
        items = decode(reading_topic("device-1", kind), payload)
    except DecodeError:
        return
    assert items
    assert all(isinstance(item, Flaw) or item.kind is kind for item in items)


STRICT: Final = {"device_id", "ts", "lat", "lon", "located"}


@given(
    field=st.sampled_from([name for name in Position.__struct_fields__ if name not in STRICT]),
    value=json_values,
)
def test_no_value_of_a_side_field_hides_a_position(field: str, value: object) -> None:
    payload = json.dumps({"ts": MIN_TS_MS, "lat": 1, "lon": 2, field: value}).encode()
    items = decode("haulwatch/v1/truck-1/position", payload)
    [position] = items
    assert isinstance(position, Position)
    assert (position.ts, position.lat, position.lon) == (MIN_TS_MS, 1, 2)
    if isinstance(items, CorrectedItems):
        assert items.corrections == {0: [Correction(field, clamped=False)]}
        assert position == Position(device_id="truck-1", ts=MIN_TS_MS, lat=1, lon=2)


@given(topic=st.text(max_size=60))
def test_any_topic_is_read_or_refused(topic: str) -> None:
    with pytest.raises(DecodeError, match="foreign_topic"):
        decode(topic, b"{}")
