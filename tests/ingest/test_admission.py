"""Admission: the device is registered, valid at that time, reports itself and its kinds; its clock is not ahead."""

import pytest

from devices.city.model import City, Device, DeviceRole
from devices.city.sites import Validity
from devices.codecs.codec import CorrectedItems, Flaw
from devices.geo.geometry import LatLon
from devices.readings.field_check import Correction
from devices.readings.models import (
    MAX_AHEAD_MS,
    MAX_TS_MS,
    MIN_TS_MS,
    Fill,
    Position,
    Reading,
    Status,
    Throughput,
    Weighing,
)
from devices.readings.refusals import Reason, Refusal
from ingest.admission import admit, at_corrected_time

T0 = 1_700_000_000_000
TRUCK = Device("truck-1", DeviceRole.TRUCK, validity=Validity(T0, T0 + 10_000))
CITY = City("c", "C", "城", "UTC", LatLon(35.0, 112.0), devices={"truck-1": TRUCK})


def result_of(ts: int, *, in_payload: str = "truck-1", in_topic: str = "truck-1", received_at: int = T0) -> object:
    reading = Position(device_id=in_payload, ts=ts, lat=35.0, lon=112.0)
    return admit(reading, received_at, in_topic, CITY.devices.get(in_topic))


@pytest.mark.parametrize("ts", [T0, T0 + 9_999])
def test_a_registered_device_is_accepted_inside_its_validity(ts: int) -> None:
    assert result_of(ts) is TRUCK


@pytest.mark.parametrize(
    ("refused", "reason", "field", "hint"),
    [
        (result_of(T0 - 1), Reason.UNKNOWN_DEVICE, "device_id", "check its validity interval"),
        (result_of(T0 + 10_000), Reason.UNKNOWN_DEVICE, "device_id", "check its validity interval"),
        (result_of(T0, in_payload="x", in_topic="x"), Reason.UNKNOWN_DEVICE, "device_id", "add it to the city"),
        (result_of(T0, in_topic="truck-2"), Reason.FOREIGN_DEVICE, "device_id", "reports only itself"),
        (result_of(T0, received_at=T0 - MAX_AHEAD_MS - 1), Reason.FUTURE_TIME, "ts", "set the device's clock"),
    ],
)
def test_a_refusal_names_the_field_and_the_hint(refused: object, reason: Reason, field: str, hint: str) -> None:
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.field) == (reason, field)
    assert hint in refused.detail


def test_a_clock_may_run_two_minutes_ahead_and_any_time_behind() -> None:
    assert result_of(T0, received_at=T0 - MAX_AHEAD_MS) is TRUCK
    assert result_of(T0, received_at=T0 + 365 * 86_400_000) is TRUCK


READINGS: dict[str, Reading] = {
    "position": Position(device_id="d", ts=T0, lat=35.0, lon=112.0),
    "weighing": Weighing(device_id="d", ts=T0, gross_kg=20_000.0, ticket="t-1", direction="in"),
    "fill": Fill(device_id="d", ts=T0, fill_pct=40.0),
    "throughput": Throughput(device_id="d", ts=T0, running=True, rate_t_per_h=40.0),
    "status": Status(device_id="d", ts=T0, online=True, session=1),
}
COUNTS = {
    "truck": {"position", "status"},
    "weighbridge": {"weighing", "status"},
    "recycling_point": {"fill", "status"},
    "station_line": {"throughput", "status"},
}


def test_the_table_of_roles_is_complete() -> None:
    assert COUNTS.keys() == set(DeviceRole)


@pytest.mark.parametrize("kind", READINGS)
@pytest.mark.parametrize("role", COUNTS)
def test_only_kinds_of_the_devices_role_count(role: str, kind: str) -> None:
    device = Device("d", DeviceRole(role))
    result = admit(READINGS[kind], T0, "d", device)
    if kind in COUNTS[role]:
        assert result is device
        return
    assert isinstance(result, Refusal)
    assert (result.reason, result.field) == (Reason.KIND_OF_ANOTHER_ROLE, "topic")
    assert all(word in result.detail for word in (repr("d"), role, kind, *COUNTS[role], "devices.yaml", "redrive"))


def test_every_time_of_a_message_is_corrected_and_nothing_else() -> None:
    reading, flaw = (
        Position(device_id="truck-1", ts=T0, lat=35.0, lon=112.0),
        Flaw(b"{}", Refusal(Reason.WRONG_TYPE, "")),
    )
    items = CorrectedItems([reading, flaw], {0: [Correction("hdop", clamped=False)]})
    again = at_corrected_time(items, -3_600)
    assert again == [Position(device_id="truck-1", ts=T0 - 3_600_000, lat=35.0, lon=112.0), flaw]
    assert isinstance(again, CorrectedItems)
    assert again.corrections == items.corrections
    assert reading.ts == T0


@pytest.mark.parametrize("ts", [MIN_TS_MS - 1, MAX_TS_MS + 1])
def test_a_time_that_its_correction_puts_out_of_bounds_is_refused(ts: int) -> None:
    """States of judgement keep readings by the bounds of the models."""
    device = Device("truck-1", DeviceRole.TRUCK, clock_correction_s=-3_600)
    refused = admit(Position(device_id="truck-1", ts=ts, lat=35.0, lon=112.0), MAX_TS_MS, "truck-1", device)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.field) == (Reason.OUT_OF_BOUNDS, "ts")
    assert "clock_correction_s -3600" in refused.detail


def test_a_corrected_time_that_is_ahead_names_the_correction_as_a_cause() -> None:
    device = Device("truck-1", DeviceRole.TRUCK, clock_correction_s=3_600)
    refused = admit(Position(device_id="truck-1", ts=T0 + 3_600_000, lat=35.0, lon=112.0), T0, "truck-1", device)
    assert isinstance(refused, Refusal)
    assert (refused.reason, "clock_correction_s" in refused.detail) == (Reason.FUTURE_TIME, True)
