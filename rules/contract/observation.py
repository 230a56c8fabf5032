"""What a rule is asked about: a reading with what is known around it, or silence.

One is made for every reading. Compiled, an `__init__` that is written out takes a tenth of the time of one that
`dataclasses` or `NamedTuple` make at run time.
"""

from typing import Final, NamedTuple

from devices.city.model import Approvals, City, Device, Vehicle
from devices.readings.models import Reading
from rules.tracking import Fix, Track


class Observation:
    """One reading, in its device's order, with what is known around it."""

    __slots__ = ("approvals", "city", "device", "fix", "heard_at", "reading", "track", "vehicle")

    def __init__(  # noqa: PLR0913, PLR0917 - one for each of its fields
        self,
        reading: Reading,
        heard_at: int,
        device: Device,
        vehicle: Vehicle | None,
        approvals: Approvals,
        city: City,
        track: Track | None,
        fix: Fix | None,
    ) -> None:
        self.reading: Final = reading
        """Measured by the device, or of it: a weighbridge's ticket reaches the rules of the truck it names too."""
        self.heard_at: Final = heard_at
        """Device time, ms, at which the fleet knew of it: its own, unless it came later than the reorder window
        allows."""
        self.device: Final = device
        self.vehicle: Final = vehicle
        """What the device is bolted to, if it is one the city has."""
        self.approvals: Final = approvals
        """Of this vehicle."""
        self.city: Final = city
        self.track: Final = track
        """Of a truck: its state after this reading."""
        self.fix: Final = fix
        """Of a truck's position reading that came in order."""

    @property
    def own(self) -> bool:
        """The device measured it itself."""
        return self.reading.device_id == self.device.id


class Silence(NamedTuple):
    """A device that was not heard."""

    device: Device
    city: City
