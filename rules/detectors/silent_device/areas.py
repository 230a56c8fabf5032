"""What devices have in common and may lose together: the city, the kind of device, a district, a carrier, a site."""

from collections import Counter
from typing import Final

from devices.city.model import City, Device, DeviceRole

CITY: Final = ""
TRUCKS: Final = f"role:{DeviceRole.TRUCK.value}"


def areas_of(device: Device, city: City, at: int) -> tuple[str, ...]:
    """What the registry knows of a device at a time and others may share, as `kind:name`; the city first."""
    site, vehicle = city.site_of(device, at), city.vehicle_of(device, at)
    district = device.district or (site.district if site is not None else None)
    carrier = (vehicle.carrier if vehicle is not None else "") or device.fleet
    shared = (("district", district), ("carrier", carrier), ("site", device.site_id))
    return (CITY, f"role:{device.role.value}", *[f"{kind}:{name}" for kind, name in shared if name])


class AreaCounts:
    """How many devices of each area are in service, and how many of these are silent.

    In service is a device that was heard, did not shut down, and is not known to be broken: one that has an alert of
    its own, or outlasted an outage, does not count.
    """

    def __init__(self, city: City, at: int) -> None:
        """`at`: device time, ms; the versions of vehicles and sites that hold then count as long as the city does."""
        self.city = city
        self._at = at
        self.in_service: Counter[str] = Counter()
        self.silent: Counter[str] = Counter()

    def areas(self, device_id: str) -> tuple[str, ...]:
        """Areas of a device; none where it was taken out of the city."""
        device = self.city.devices.get(device_id)
        return () if device is None else areas_of(device, self.city, self._at)

    def interval_ms(self, device_id: str) -> int:
        device = self.city.devices.get(device_id)
        return 0 if device is None else device.report_interval_s * 1000

    def add(self, device_id: str, *, in_service: int = 0, silent: int = 0) -> None:
        """Count a device in or out (1 or -1)."""
        for area in self.areas(device_id):
            self.in_service[area] += in_service
            self.silent[area] += silent

    def silent_pct(self, area: str) -> float:
        return share_pct(self.silent[area], self.in_service[area])


def share_pct(devices: int, of: int) -> float:
    return 100.0 * devices / of if of > 0 else 0.0
