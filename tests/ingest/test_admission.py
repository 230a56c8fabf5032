"""Admission: the device is registered, valid at that time, reports itself, and its clock is not ahead."""

import pytest

from devices.city.model import City, Device, DeviceRole
from devices.city.sites import Validity
from devices.geo.geometry import LatLon
from devices.readings.models import MAX_AHEAD_MS, Position
from devices.readings.refusals import Reason, Refusal
from ingest.admission import admit

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
