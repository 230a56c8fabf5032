"""Routing of a reading to other devices that it is about."""

from collections.abc import Callable
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

        for terminal, plated in self._terminals_of_plate.get(comparable_plate(reading.plate), ()):
            if terminal.validity.covers(reading.ts) and plated.covers(reading.ts):
                return (terminal.id,) if self._own is None or self._own(terminal.id) else _NOBODY
        return _NOBODY
