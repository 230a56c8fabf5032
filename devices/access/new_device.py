"""Check of a device that a person registers by hand (`haulwatch device add`): the same rules as for devices.yaml.

Pure.
"""

import re

from devices.city.files.checks import fault_of_dialect, fault_of_profile
from devices.city.model import City, Device, DeviceRole
from devices.errors import OperatorError
from devices.readings.ids import DEVICE_ID_PATTERN, UNREGISTRABLE_IDS
from devices.spelling import did_you_mean

_ID = re.compile(DEVICE_ID_PATTERN)


class UnfitDevice(OperatorError):
    """The device cannot be registered; the message says why and what to do."""

    def __init__(self, message: str, field: str = "id") -> None:
        """`field`: of `Device`, the one that is at fault."""
        super().__init__(message)
        self.field = field


def check_device_id(device_id: str) -> None:
    """Check an id. Raises UnfitDevice.

    With `+`, `#` or `/` an access pattern would cover the topics of other devices. With `:` a password file would be
    read wrongly. With the name of a service the device would have the rights of that service at the broker.
    """
    if not _ID.fullmatch(device_id):
        raise UnfitDevice(f"{device_id!r} cannot be a device id: 1-64 letters, digits, '_', '.', '-', no '_.-' first")
    if device_id in UNREGISTRABLE_IDS:
        raise UnfitDevice(f"{device_id!r} is reserved for Haulwatch itself: choose another device id")


def check_device(device: Device, city: City) -> None:
    """Check a device against the city. Raises UnfitDevice."""
    check_device_id(device.id)
    for field, name in (("fleet", device.fleet), ("district", device.district)):
        if name is not None and not _ID.fullmatch(name):
            raise UnfitDevice(
                f"{field} {name!r} cannot be an id: 1-64 letters, digits, '_', '.', '-', no '_.-' first", field
            )
    if device.validity.is_empty:
        raise UnfitDevice("the end of validity is not after its start", "validity")
    if device.role is DeviceRole.TRUCK and device.vehicle_id is None:
        raise UnfitDevice("a truck's terminal names its vehicle: --vehicle ID", "vehicle_id")
    if device.role is not DeviceRole.TRUCK and device.site_id is None:
        raise UnfitDevice(f"a {device.role} names the site it stands on: --site ID", "site_id")
    if device.vehicle_id is not None and device.vehicle_id not in city.vehicles:
        hint = did_you_mean(device.vehicle_id, city.vehicles) or "add it to vehicles.yaml and import the city"
        raise UnfitDevice(f"vehicle {device.vehicle_id!r} is not registered: {hint}", "vehicle_id")
    if device.site_id is not None and device.site_id not in city.sites:
        hint = did_you_mean(device.site_id, city.sites) or "add it to sites.geojson and import the city"
        raise UnfitDevice(f"site {device.site_id!r} is not registered: {hint}", "site_id")
    _check_decoding(device, city)
    for other in city.devices.values():
        same_vehicle = device.vehicle_id is not None and other.vehicle_id == device.vehicle_id and other.id != device.id
        if same_vehicle and other.validity.overlaps(device.validity):
            raise UnfitDevice(
                f"vehicle {device.vehicle_id!r} carries {other.id!r} at that time: end its validity first",
                "vehicle_id",
            )


def _check_decoding(device: Device, city: City) -> None:
    """Check the dialect, and what the registry says of how it is read. Raises UnfitDevice."""
    if fault := fault_of_dialect(device.dialect):
        raise UnfitDevice(f"dialect: {fault}", "dialect")
    dialects = {profile.id: profile.dialect for profile in city.profiles.values()}
    if device.profile and (fault := fault_of_profile(device.profile, device.dialect, dialects, "profiles.yaml")):
        raise UnfitDevice(f"profile: {fault}", "profile")
    if device.depth_mm is not None and device.role is not DeviceRole.RECYCLING_POINT:
        raise UnfitDevice(f"depth_mm: only a recycling_point has it, this is a {device.role}: leave it out", "depth_mm")
