"""Parameters of a request as parts of an `AlertFilter`."""

from typing import Final

from api.http.problems import invalid
from devices.city.model import City, Device
from rules.alerts.actions import Box

_BOX_HINT: Final = "give west,south,east,north in degrees, west and south being the smaller ones"


def subjects_of(
    city: City, district: str | None, fleet: str | None, carrier: str | None, now: int
) -> frozenset[str] | None:
    """Ids of the devices that match, as registered now (ms); None: all devices are wanted."""
    if district is None and fleet is None and carrier is None:
        return None

    def of_carrier(device: Device) -> bool:
        vehicle = city.vehicle_of(device, now)
        return vehicle is not None and vehicle.carrier == carrier

    return frozenset(
        device.id
        for device in city.devices.values()
        if (district is None or device.district == district)
        and (fleet is None or device.fleet == fleet)
        and (carrier is None or of_carrier(device))
    )


def box_of(text: str) -> Box:
    """Raises RequestRefused."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as exc:
        raise invalid("query.bbox", _BOX_HINT) from exc
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):  # NaN is in no order
        raise invalid("query.bbox", _BOX_HINT)
    return Box(west, south, east, north)
