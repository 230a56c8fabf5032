"""Routing of a reading to other devices that it is about."""

from collections.abc import Callable
from typing import Final

from devices.city.model import City, Device, DeviceRole
from devices.city.sites import ALWAYS, Validity
from devices.readings.models import Reading, Weighing
from devices.readings.plates import comparable_plate
from rules.tracking import Fix
from rules.weighing.session import MatchedBy
from rules.weighing.truck_match import matcher_of

_NOBODY: Final[tuple[str, ...]] = ()
_SIMILAR: Final = MatchedBy.SIMILAR_PLATE
_TAG: Final = MatchedBy.TAG
_WEIGHING: Final = Weighing  # as in `rules.contract.observation`


class _CityIndex:
    """What is looked up of one city."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.weighing_sites = {
            device.site_id for device in city.devices.values() if device.role is DeviceRole.WEIGHBRIDGE
        }
        self.trucks = matcher_of(city)
        self.terminals_of_plate: dict[str, list[tuple[Device, Validity]]] = {}
        for _, device in sorted(city.devices.items()):
            versions = city.versions_of(device.vehicle_id) if device.vehicle_id is not None else ()
            for vehicle in versions if device.role is DeviceRole.TRUCK else ():
                is_alone = len(versions) == len(city.vehicles_of_plate(vehicle.plate)) == 1
                plated = ALWAYS if is_alone else vehicle.validity
                self.terminals_of_plate.setdefault(comparable_plate(vehicle.plate), []).append((device, plated))


_last: list[_CityIndex] = []
"""Of the city that was looked up last, at most one: the engines of many partitions in one process share it."""


def _index_of(city: City) -> _CityIndex:
    for index in _last:
        if index.city is city:
            return index
    index = _CityIndex(city)
    _last[:] = [index]
    return index


class ReadingRouter:
    """Finds the other devices that a reading is about: a weighbridge ticket is also about the truck it names.

    Plates are compared in any spelling; one that is of no vehicle, and tags, as weighing sessions read them.
    """

    def __init__(self, city: City, own: Callable[[str], bool] | None = None) -> None:
        """`own`: only these devices are named; None: all."""
        index = _index_of(city)
        self._own, self._weighing_sites = own, index.weighing_sites
        self._terminals_of_plate, self._trucks = index.terminals_of_plate, index.trucks

    def may_weigh(self, fix: Fix | None, before: bool) -> bool:
        """True near a site with a weighbridge, which may send a ticket about the truck; without a fix as `before`."""
        if fix is None or not fix.usable:
            return before
        return bool(fix.sites) and any(near.site.id in self._weighing_sites for near in fix.sites)

    def also_about(self, reading: Reading) -> tuple[str, ...]:
        """Ids of the other devices; () for most readings. Of a truck's terminals the first valid one is taken."""
        if type(reading) is not _WEIGHING or (reading.plate is None and reading.rfid is None):
            return _NOBODY
        for terminal, plated in self._terminals_of_plate.get(comparable_plate(reading.plate or ""), ()):
            if terminal.validity.covers(reading.ts) and plated.covers(reading.ts):
                return self._mine(terminal.id)
        found = self._trucks.match(reading.plate, reading.ts, reading.rfid)
        is_found = found.by is _SIMILAR or found.by is _TAG
        return self._mine(found.device_id) if is_found and found.device_id is not None else _NOBODY

    def _mine(self, device_id: str) -> tuple[str, ...]:
        return (device_id,) if self._own is None or self._own(device_id) else _NOBODY
