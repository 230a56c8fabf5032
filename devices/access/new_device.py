"""Is a device that somebody registers by hand fit for the city? The same demands as on devices.yaml. Pure."""

import re

from devices.access.broker_access import Service
from devices.city.model import City, Device, DeviceRole
from devices.errors import OperatorError
from devices.readings.ids import DEVICE_ID_PATTERN, RESERVED_IDS

_ID = re.compile(DEVICE_ID_PATTERN)


class UnfitDevice(OperatorError):
    """What is wrong with it, and the mend."""


def check_device_id(device_id: str) -> None:
    """Raises UnfitDevice.

    With `+`, `#` or `/` in it an access pattern would open to other devices' topics, with `:` a password file would
    be read wrongly, and with a service's name it would be that service to the broker.
    """
    if not _ID.fullmatch(device_id):
        raise UnfitDevice(f"{device_id!r} cannot be a device id: 1-64 letters, digits, '_', '.', '-', no '_.-' first")
    if device_id in RESERVED_IDS | set(Service):
        raise UnfitDevice(f"{device_id!r} is reserved for Haulwatch itself: choose another device id")


def check_device(device: Device, city: City) -> None:
    """Raises UnfitDevice."""
    check_device_id(device.id)
    for what, name in (("fleet", device.fleet), ("district", device.district)):
        if name is not None and not _ID.fullmatch(name):
            raise UnfitDevice(f"{what} {name!r} cannot be an id: 1-64 letters, digits, '_', '.', '-', no '_.-' first")
    if device.validity.is_empty:
        raise UnfitDevice("the end of validity is not after its start")
    if device.role is DeviceRole.TRUCK and device.vehicle_id is None:
        raise UnfitDevice("a truck's terminal names its vehicle: --vehicle ID")
    if device.role is not DeviceRole.TRUCK and device.site_id is None:
        raise UnfitDevice(f"a {device.role} names the site it stands on: --site ID")
    if device.vehicle_id is not None and device.vehicle_id not in city.vehicles:
        raise UnfitDevice(
            f"vehicle {device.vehicle_id!r} is not registered: add it to vehicles.yaml and import the city"
        )
    if device.site_id is not None and device.site_id not in city.sites:
        raise UnfitDevice(f"site {device.site_id!r} is not registered: add it to sites.geojson and import the city")
    for other in city.devices.values():
        shared = device.vehicle_id is not None and other.vehicle_id == device.vehicle_id and other.id != device.id
        if shared and other.validity.overlaps(device.validity):
            raise UnfitDevice(
                f"vehicle {device.vehicle_id!r} carries {other.id!r} at that time: end its validity first"
            )
