"""Who may be believed: registered, valid then, speaking for itself, with a clock that is not ahead."""

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


def said(ts: int, *, payload_says: str = "truck-1", topic_says: str = "truck-1", received_at: int = T0) -> object:
    reading = Position(device_id=payload_says, ts=ts, lat=35.0, lon=112.0)
    return admit(reading, received_at, topic_says, CITY.devices.get(topic_says))


@pytest.mark.parametrize("ts", [T0, T0 + 9_999])
def test_a_registered_device_is_admitted_inside_its_validity(ts: int) -> None:
    assert said(ts) is TRUCK


@pytest.mark.parametrize(
    ("refused", "reason", "named", "mend"),
    [
        (said(T0 - 1), Reason.UNKNOWN_DEVICE, "device_id", "check its validity interval"),
        (said(T0 + 10_000), Reason.UNKNOWN_DEVICE, "device_id", "check its validity interval"),
        (said(T0, payload_says="x", topic_says="x"), Reason.UNKNOWN_DEVICE, "device_id", "add it to the city"),
        (said(T0, topic_says="truck-2"), Reason.FOREIGN_DEVICE, "device_id", "reports only itself"),
        (said(T0, received_at=T0 - MAX_AHEAD_MS - 1), Reason.FUTURE_TIME, "ts", "set the device's clock"),
    ],
)
def test_a_refusal_names_the_field_and_the_mend(refused: object, reason: Reason, named: str, mend: str) -> None:
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.field) == (reason, named)
    assert mend in refused.detail


def test_a_clock_may_run_two_minutes_ahead_and_any_time_behind() -> None:
    assert said(T0, received_at=T0 - MAX_AHEAD_MS) is TRUCK
    assert said(T0, received_at=T0 + 365 * 86_400_000) is TRUCK
