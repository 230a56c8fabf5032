"""Routing of a reading to other devices that it is about."""

from typing import Final

from devices.city.model import City, Device, DeviceRole
from devices.city.sites import ALWAYS, Validity
from devices.readings.models import Reading, Weighing
from devices.readings.plates import comparable_plate
from rules.tracking import Fix

_NOBODY: Final[tuple[str, ...]] = ()
_WEIGHING: Final = Weighing  # as in `rules.contract.observation`


class ReadingRouter:
    """Finds the other devices that a reading is about: a weighbridge ticket is also about the truck it names.

    Plates are compared in any spelling.
    """

    def __init__(self, city: City) -> None:
        self._terminals_of_plate: dict[str, list[tuple[Device, Validity]]] = {}
        self._weighing_sites = {
            device.site_id for device in city.devices.values() if device.role is DeviceRole.WEIGHBRIDGE
        }
        for _, device in sorted(city.devices.items()):
            versions = city.versions_of(device.vehicle_id) if device.vehicle_id is not None else ()
            for vehicle in versions if device.role is DeviceRole.TRUCK else ():
                is_alone = len(versions) == len(city.vehicles_of_plate(vehicle.plate)) == 1
                plated = ALWAYS if is_alone else vehicle.validity
                self._terminals_of_plate.setdefault(comparable_plate(vehicle.plate), []).append((device, plated))

    def may_weigh(self, fix: Fix | None, before: bool) -> bool:
        """True near a site with a weighbridge, which may send a ticket about the truck; without a fix as `before`."""
        if fix is None or not fix.usable:
            return before
        return bool(fix.sites) and any(near.site.id in self._weighing_sites for near in fix.sites)

    def also_about(self, reading: Reading) -> tuple[str, ...]:
        """Ids of the other devices; () for most readings. Of a truck's terminals the first valid one is taken."""
        if type(reading) is not _WEIGHING or reading.plate is None:
            return _NOBODY
        for terminal, plated in self._terminals_of_plate.get(comparable_plate(reading.plate), ()):
            if terminal.validity.covers(reading.ts) and plated.covers(reading.ts):
                return (terminal.id,)
        return _NOBODY
