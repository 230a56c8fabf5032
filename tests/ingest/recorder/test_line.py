"""A reading's line is the line of its point, and equal texts mean equal readings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.city.model import Device, DeviceRole
from devices.readings.models import MODELS, Fill, Kind, Load, Position, Reading, Weighing
from devices.readings.series import FIELDS, series_key
from ingest.ledger.queued import device_of_line
from ingest.recorder.line import line_head, measured, measured_before, whole_line
from ingest.store.line_protocol import Unencodable, decode_fields, decode_line
from tests.ingest.recorder.parts import T0
from tests.points import content, point_of

DEVICES = (
    Device("d.1", DeviceRole.TRUCK, fleet="fleet, one", district="沁水 县"),
    Device("d.1", DeviceRole.TRUCK, site_id="site=7"),
    Device("d.1", DeviceRole.TRUCK),
    Device("d.1", DeviceRole.TRUCK, fleet="a,device=b", district=" ,device=c"),
)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), min_size=1, max_size=9)
NUMBER = st.floats(0, 90) | st.just(-0.0) | st.just(40.0)
POSITIONS = st.builds(
    Position,
    device_id=st.just("d.1"),
    ts=st.integers(T0, T0 + 9),
    seq=st.none() | st.integers(0, 2**53 - 1),
    lat=NUMBER,
    lon=NUMBER,
    speed_kmh=st.none() | NUMBER,
    satellites=st.none() | st.integers(0, 64),
    lift_up=st.none() | st.booleans(),
    load=st.none() | st.sampled_from(Load),
    manifest=st.none() | TEXT | st.sampled_from(['say "hi" \\', "a,b= c", "x=-0.0,"]),
)
WEIGHINGS = st.builds(
    Weighing, device_id=st.just("d.1"), ts=st.just(T0), gross_kg=NUMBER, ticket=TEXT, direction=st.just("in")
)
FILLS = st.builds(
    Fill, device_id=st.just("d.1"), ts=st.just(T0), compartment=st.sampled_from(["main", "Glass-1"]), fill_pct=NUMBER
)
READINGS = POSITIONS | WEIGHINGS | FILLS


def line_of(reading: Reading, device: Device) -> str:
    return whole_line(line_head(series_key(reading), device), measured(reading), reading.seq, reading.ts)


@given(READINGS, st.sampled_from(DEVICES))
def test_a_line_is_the_readings_point(reading: Reading, device: Device) -> None:
    point, read = point_of(reading, device), decode_line(line_of(reading, device))
    assert read == point
    types = {name: type(value) for name, value in point.fields.items()}
    assert {name: type(value) for name, value in read.fields.items()} == types


@given(READINGS, st.sampled_from(DEVICES))
def test_a_line_names_its_device(reading: Reading, device: Device) -> None:
    assert device_of_line(line_of(reading, device)) == "d.1"


def test_another_line_raises() -> None:
    with pytest.raises(ValueError, match="is not the line of a reading"):
        device_of_line("place,site=s lat=1.0 5")


@given(READINGS)
def test_what_a_store_returns_equals_what_was_measured(reading: Reading) -> None:
    given_back = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in point_of(reading, DEVICES[0]).fields.items()
    }
    assert measured_before(reading.kind, given_back) == measured(reading)


@given(POSITIONS, POSITIONS)
def test_texts_are_equal_where_contents_are(one: Position, other: Position) -> None:
    assert (measured(one) == measured(other)) == (content(one) == content(other))


@given(READINGS)
def test_the_text_holds_the_content(reading: Reading) -> None:
    assert decode_fields(measured(reading)) == content(reading)


def test_lines_are_as_the_reference_writes_them() -> None:
    position = Position(device_id="d.1", ts=T0, seq=7, lat=35.5, lon=112.0, load=Load.LOADED, manifest='a "b" \\')
    assert line_of(position, DEVICES[0]) == (
        r"position,device=d.1,district=沁水\ 县,fleet=fleet\,\ one"
        r' lat=35.5,lon=112.0,located=true,load="loaded",alarm_bits=0i,manifest="a \"b\" \\",seq=7i 1700000000000'
    )
    fill = Fill(device_id="d.1", ts=T0, compartment="glass", fill_pct=5.0)
    assert line_of(fill, DEVICES[1]) == r"fill,compartment=glass,device=d.1,site=site\=7 fill_pct=5.0 1700000000000"


def test_a_field_of_another_writer_is_not_the_content_of_a_reading() -> None:
    reading = Position(device_id="d.1", ts=T0, lat=1.0, lon=2.0)
    assert measured_before(Kind.POSITION, {**content(reading), "seq": 4}) == measured(reading)
    assert measured_before(Kind.POSITION, {**content(reading), "colour": "red"}) != measured(reading)


def test_an_area_that_line_protocol_cannot_write_is_refused() -> None:
    device = Device("d.1", DeviceRole.TRUCK, district="north\\")
    with pytest.raises(Unencodable, match="backslash"):
        line_head(series_key(Position(device_id="d.1", ts=T0, lat=1.0, lon=2.0)), device)


def test_every_kind_has_a_form() -> None:
    assert all(measured_before(kind, {}) == "" for kind in MODELS)


@pytest.mark.parametrize("kind", Kind)
def test_what_was_measured_comes_last_in_every_model(kind: Kind) -> None:
    """The line takes the end of all values for it."""
    measured_names = tuple(name for name in FIELDS[kind] if name != "seq")
    assert MODELS[kind].__struct_fields__[-len(measured_names) :] == measured_names
