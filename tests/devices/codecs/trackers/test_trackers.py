"""The codecs of trackers, with reports of our own: units, repeated places, hostile bytes."""

import json
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codecs.codec import CorrectedItems
from devices.codecs.registry import CODECS, codec_of
from devices.codecs.trackers import OSMAND, OWNTRACKS, TRACCAR
from devices.readings.decoding import Decoding
from devices.readings.field_check import Correction
from devices.readings.models import Alarm, Position, Status
from devices.readings.refusals import DecodeError, Reason
from simulators.dialects.trackers import Fix, Form, drive, request

TS: Final = 1_795_305_263_000
FORMS: Final[Sequence[Form]] = ("query", "json", "traccar", "owntracks")
DIALECTS: Final = {"query": "osmand", "json": "osmand", "traccar": "traccar", "owntracks": "owntracks"}
TOPICS: Final = {
    "osmand": "haulwatch/v1/li.truck-17/osmand",
    "traccar": "haulwatch/v1/li.truck-17/traccar",
    "owntracks": "owntracks/li/truck-17",
}


def read(dialect: str, payload: bytes, decoding: Decoding | None = None) -> list[Any]:
    return codec_of(dialect).decode(TOPICS[dialect], payload, decoding=decoding or Decoding(dialect))


def sent(form: Form, fix: Fix, *, fixed_at: int | None = None) -> bytes:
    made = request("li.truck-17", form, fix, fixed_at=fixed_at)
    return made.body or made.query.encode()


@pytest.mark.parametrize("form", FORMS)
def test_a_drive_is_the_same_in_every_form(form: Form) -> None:
    """Knots, metres per second and km/h: the simulator's truth is km/h."""
    for fix in drive(TS, 10, 5, Random(3)):
        position, status = read(DIALECTS[form], sent(form, fix))
        assert isinstance(position, Position)
        assert isinstance(status, Status)
        assert (position.device_id, position.ts, position.located) == ("li.truck-17", fix.ts, True)
        assert (position.lat, position.lon) == (fix.lat, fix.lon)
        assert position.speed_kmh == pytest.approx(fix.speed_kmh, abs=0.51 if form == "owntracks" else 1e-9)
        assert status.battery_pct == fix.battery_pct


@pytest.mark.parametrize("form", ["query", "traccar", "owntracks"])
def test_a_repeated_place_is_no_fix(form: Form) -> None:
    [fix] = drive(TS, 10, 1, Random(3))
    position = read(DIALECTS[form], sent(form, fix._replace(ts=fix.ts + 300_000), fixed_at=fix.ts))[0]
    assert (position.located, position.ts // 1000) == (False, (fix.ts + 300_000) // 1000)


def test_a_fix_of_some_seconds_ago_is_placed_where_it_was_measured() -> None:
    [fix] = drive(TS, 10, 1, Random(3))
    late, report, status = read("traccar", sent("traccar", fix._replace(ts=fix.ts + 20_000), fixed_at=fix.ts))
    assert (late.located, late.ts) == (True, fix.ts + 1)
    assert (report.located, report.ts, status.ts) == (False, fix.ts + 20_000, fix.ts + 20_000)


def contents(readings: Sequence[Any]) -> dict[tuple[str, int], list[Any]]:
    """Different readings by what identifies them; more than one is a conflict."""
    found: dict[tuple[str, int], list[Any]] = {}
    for one in readings:
        same = found.setdefault((one.kind, one.ts), [])
        if one not in same:
            same.append(one)
    return found


def owntracks(trigger: str | None, **more: Any) -> bytes:
    report = {"_type": "location", "tst": 1_772_442_000, "lat": 22.5, "lon": 114.0} | more
    return json.dumps(report if trigger is None else report | {"t": trigger}).encode()


def test_reports_of_one_second_for_different_reasons_are_no_conflict() -> None:
    """A timer fires in the second in which somebody presses the button, and the app pings."""
    sent_ = [
        owntracks("t", batt=67, acc=5),
        owntracks("u", batt=67, acc=4, lat=22.50001),
        owntracks("r", acc=4, lat=22.50001),
        owntracks("p", acc=1_200),
    ]
    readings = [one for payload in sent_ for one in read("owntracks", payload)]
    assert {len(same) for same in contents(readings * 2).values()} == {1}
    assert {one.ts // 1000 for one in readings} == {1_772_442_000}
    assert [one.located for one in readings if isinstance(one, Position)] == [True, True, True, False]


def traccar(fixed_s: int, reported_s: int, *, outdated: bool | None = None, **attributes: Any) -> bytes:
    position = {
        "fixTime": 1_772_442_000_000 + fixed_s * 1000,
        "deviceTime": 1_772_442_000_000 + reported_s * 1000,
        "latitude": 22.5, "longitude": 114.0, "speed": 10.0, "valid": True, "attributes": attributes,
    }  # fmt: skip
    if outdated is not None:
        position["outdated"] = outdated
    return json.dumps({"position": position, "device": {"uniqueId": "li.truck-17"}}).encode()


def test_a_fix_that_traccar_repeats_with_another_state_is_no_conflict() -> None:
    """`deviceTime` moves on, `fixTime` does not; the ignition went off meanwhile."""
    sent_ = [
        traccar(0, 0, sat=11, ignition=True, batteryLevel=90),
        traccar(0, 10, ignition=True, batteryLevel=90),
        traccar(0, 20, ignition=False, batteryLevel=89, alarm="powerCut"),
        traccar(0, 0, outdated=True, ignition=False),
        traccar(0, 400, ignition=False),
    ]
    readings = [one for payload in sent_ for one in read("traccar", payload)]
    assert {len(same) for same in contents(readings).values()} == {1}
    positions = [one for one in readings if isinstance(one, Position)]
    assert {one.ts % 1_772_442_000_000 for one in positions if one.located} == {0, 1}, "of one moment"
    assert [one.ignition_on for one in positions if one.ts >= 1_772_442_010_000] == [True, False, False]
    assert [one.alarm_bits for one in positions if one.ts == 1_772_442_020_000] == [Alarm.POWER_LOST]


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-02T17:00:00+08:00", "2026-03-02T17:00:00%2B08:00", "2026-03-02T17:00:00%2B0800",
        "2026-03-02T17:00:00+08",
        "2026-03-02+17:00:00+08:00", "2026-03-02T17:00:00.000+0800", "2026-03-02T09:00:00Z", "2026-03-02+09:00:00",
        "2026-03-02T04:00:00-05:00", "1772442000", "1772442000.0", "1772442000000",
    ],
)  # fmt: skip
def test_one_time_in_every_form(time: str) -> None:
    """A `+` that is not escaped is a blank in a query."""
    [position] = read("osmand", f"id=li.truck-17&timestamp={time}&lat=22.5&lon=114".encode())
    assert position.ts == 1_772_442_000_000


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        ("87", 87),
        ("87.0", 87),
        ("87%25", 87),
        ("4", 4),
        ("100", 100),
        ("3.92", None),
        ("3.92V", None),
        ("12.6+V", None),
    ],
)
def test_battery_is_a_percentage_and_volts_are_none(text: str, percent: float | None) -> None:
    found = read("osmand", f"id=li.truck-17&timestamp=1772442000&lat=22.5&lon=114&batt={text}".encode())
    assert [one.battery_pct for one in found if isinstance(one, Status)] == ([] if percent is None else [percent])


def test_volts_that_traccar_forwards_are_no_percentage() -> None:
    [position] = read("traccar", traccar(0, 0, battery=3.9, power=27.6))
    assert isinstance(position, Position)


@pytest.mark.parametrize(
    ("decoding", "kmh"),
    [
        (Decoding("osmand"), 18.52),
        (Decoding("osmand", "osmand-kmh"), 10.0),
        (Decoding("osmand", "osmand-ms"), 36.0),
        (Decoding("osmand", "mine", {"speed_unit": "kmh"}), 10.0),
        (Decoding(), 18.52),
    ],
)
def test_profile_states_the_unit_of_speeds_in_a_query(decoding: Decoding, kmh: float) -> None:
    [position] = read("osmand", b"id=li.truck-17&timestamp=1772442000&lat=22.5&lon=114&speed=10", decoding)
    assert position.speed_kmh == pytest.approx(kmh)


def test_settings_of_a_profile_are_checked() -> None:
    assert OSMAND.check_settings({"speed_unit": "ms"}) == []
    assert [key for key, _ in OSMAND.check_settings({"speed_unit": "mph", "unit": 1})] == ["unit", "speed_unit"]
    assert [key for key, _ in OSMAND.check_settings({"speed_unit": []})] == ["speed_unit"]


def test_faulty_values_are_left_out_and_counted() -> None:
    report = {"_type": "location", "tst": 1_772_442_000, "lat": 22.5, "lon": 114, "vel": -1, "batt": 300, "acc": "5"}
    found = read("owntracks", json.dumps(report).encode())
    assert isinstance(found, CorrectedItems)
    position, status = found
    assert isinstance(position, Position)
    assert isinstance(status, Status)
    assert (position.ts, position.speed_kmh, status.battery_pct) == (1_772_442_000_000, None, None)
    assert found.corrections == {
        0: [Correction("speed_kmh", clamped=False), Correction("accuracy_m", clamped=False)],
        1: [Correction("battery_pct", clamped=False)],
    }


@pytest.mark.parametrize(
    ("dialect", "payload", "reason", "field"),
    [
        ("osmand", b"id=other&timestamp=1772442000&lat=1&lon=2", Reason.FOREIGN_DEVICE, "id"),
        ("osmand", b"id=li.truck-17&lat=1&lon=2", Reason.MISSING_FIELD, "timestamp"),
        ("osmand", b"id=li.truck-17&timestamp=1772442000&lat=1", Reason.MISSING_FIELD, "lon"),
        ("osmand", b"id=li.truck-17&timestamp=1772442000&lat=1_0&lon=2", Reason.WRONG_TYPE, "lat"),
        ("osmand", b"id=li.truck-17&timestamp=1772442000&location=1", Reason.WRONG_TYPE, "lon"),
        ("osmand", b"id=li.truck-17&timestamp=soon&lat=1&lon=2", Reason.WRONG_TYPE, "timestamp"),
        ("osmand", b"&".join([b"a=1"] * 300), Reason.NOT_A_READING, "payload"),
        ("osmand", b"id=\xff\xff", Reason.NOT_A_READING, "payload"),
        ("osmand", b'{"device_id":"li.truck-17","location":{}}', Reason.MISSING_FIELD, "location.timestamp"),
        ("traccar", b'{"device":{"uniqueId":"li.truck-17"}}', Reason.MISSING_FIELD, "position"),
        (
            "traccar",
            b'{"device":{"uniqueId":"li.truck-17"},"position":{"latitude":1}}',
            Reason.MISSING_FIELD,
            "fixTime",
        ),
        ("traccar", b"uniqueId=li.truck-17&fixTime=1481144435000&latitude=x&longitude=1", Reason.WRONG_TYPE, "lat"),
        ("owntracks", b'{"_type":"location","tst":1e300,"lat":1,"lon":2}', Reason.OUT_OF_BOUNDS, "tst"),
        ("owntracks", b'{"_type":"location","tst":NaN,"lat":1,"lon":2}', Reason.WRONG_TYPE, "tst"),
        ("owntracks", b'{"_type":"location","tst":1772442000,"lat":NaN,"lon":2}', Reason.OUT_OF_BOUNDS, "lat"),
        ("owntracks", b'{"_type":"bill"}', Reason.NOT_A_READING, "_type"),
        ("owntracks", b" " * 65_537, Reason.TOO_LARGE, "payload"),
    ],
)
def test_refusal_names_the_field(dialect: str, payload: bytes, reason: Reason, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read(dialect, payload)
    assert (caught.value.refusal.reason, caught.value.refusal.field) == (reason, field)


@pytest.mark.parametrize(
    ("topic", "dialect", "device"),
    [
        ("owntracks/li/truck-17", "owntracks", "li.truck-17"),
        ("owntracks/li/truck 17", "owntracks", ""),
        ("owntracks/li/truck-17/event", "native", ""),
        ("owntracks/li", "native", ""),
        ("haulwatch/v1/8000000001/osmand", "osmand", "8000000001"),
        ("haulwatch/v1/8000000001/traccar", "traccar", "8000000001"),
        ("haulwatch/v1/a b/traccar", "native", ""),
    ],
)
def test_topic_names_dialect_and_device(topic: str, dialect: str, device: str) -> None:
    assert (CODECS.dialect_of(topic), codec_of(dialect).device_of(topic)) == (dialect, device)


def test_owntracks_topic_that_can_be_no_device_is_refused() -> None:
    with pytest.raises(DecodeError, match="foreign_topic"):
        OWNTRACKS.decode("owntracks/li/truck 17", b"{}")


@pytest.mark.parametrize("form", FORMS)
def test_each_reading_of_a_report_can_be_kept_alone(form: Form) -> None:
    [fix] = drive(TS, 10, 1, Random(3))
    payload, codec = sent(form, fix), codec_of(DIALECTS[form])
    assert codec.split(payload) == [payload] * 2
    assert codec.join(codec.split(payload)) == payload
    assert codec.split(b"nonsense") == [b"nonsense"]


_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("form", ["json", "traccar", "owntracks"])
@settings(max_examples=40)
@given(data=st.data())
def test_no_value_in_any_place_raises_anything_else(form: Form, data: st.DataObject) -> None:
    [fix] = drive(TS, 10, 1, Random(3))
    report = json.loads(sent(form, fix))
    places: list[tuple[dict[str, Any], str]] = []

    def walk(values: dict[str, Any]) -> None:
        for name, value in values.items():
            places.append((values, name))
            if isinstance(value, dict):
                walk(value)

    walk(report)
    for _ in range(data.draw(st.integers(1, 3))):
        values, name = data.draw(st.sampled_from(places))
        values[name] = data.draw(_JSON | st.sampled_from([10**400, -(10**30), "9" * 30, "1e99", 1e308, True]))
    with suppress(DecodeError):
        assert len(read(DIALECTS[form], json.dumps(report).encode())) <= 3


@settings(max_examples=60)
@given(payload=st.binary(max_size=80) | st.text("id=&timeslaocn0123456789.-+%", max_size=80).map(str.encode))
def test_no_bytes_raise_anything_else(payload: bytes) -> None:
    for codec, topic in ((OSMAND, TOPICS["osmand"]), (TRACCAR, TOPICS["traccar"]), (OWNTRACKS, TOPICS["owntracks"])):
        with suppress(DecodeError):
            codec.decode(topic, payload)
        assert codec.split(payload)
