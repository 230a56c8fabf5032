"""What a rule judges: a reading with its context, or silence.

One `Observation` is made for every reading. Compiled, a written-out `__init__` takes a tenth of the time of one that
`dataclasses` or `NamedTuple` make at run time.
"""

from typing import Any, Final, NamedTuple

from devices.city.model import Approvals, City, Device, Vehicle
from devices.readings.models import Reading
from rules.tracking import Fix, Track


class Observation:
    """One reading, in its device's order, with its context."""

    __slots__ = ("approvals", "city", "device", "facts", "heard_at", "reading", "tracker_states", "vehicle")

    def __init__(  # noqa: PLR0913, PLR0917 - one for each of its fields
        self,
        reading: Reading,
        heard_at: int,
        device: Device,
        vehicle: Vehicle | None,
        approvals: Approvals,
        city: City,
        tracker_states: list[Any],
        facts: list[Any],
    ) -> None:
        self.reading: Final = reading
        """Measured by the device, or about it: a weighbridge ticket also reaches the rules of the truck it names."""
        self.heard_at: Final = heard_at
        """Device time, ms, at which the fleet received it: the reading's own, unless it came later than the reorder
        window allows."""
        self.device: Final = device
        self.vehicle: Final = vehicle
        """The vehicle that carries the device, if the city has it."""
        self.approvals: Final = approvals
        """Approvals of this vehicle."""
        self.city: Final = city
        self.tracker_states: Final = tracker_states
        """State of each tracker after this reading; None where a tracker does not follow this device. Read only."""
        self.facts: Final = facts
        """What the trackers of this device conclude from this reading; empty for a reading that came too late. Read
        only."""

    @property
    def own(self) -> bool:
        """True if the device measured it itself."""
        return self.reading.device_id == self.device.id

    @property
    def track(self) -> Track | None:
        """State of a truck after this reading; None for other devices."""
        for state in self.tracker_states:
            if isinstance(state, Track):
                return state
        return None

    @property
    def fix(self) -> Fix | None:
        """The fix of a truck's position that came in order."""
        for fact in self.facts:
            if isinstance(fact, Fix):
                return fact
        return None


class ClockFound(NamedTuple):
    """What is believed of a device's clock from now on."""

    device: Device
    city: City
    now: int
    """Time by the clocks of the fleet, or by this machine's while few of them are believed, ms."""
    offset_ms: int
    """Device time less that."""
    stepped_ms: int
    """By how much the clock went forward (or back, negative) from what was believed before; 0 if nothing was."""
    readings: int
    """That many readings in a row agree on it,"""
    over_ms: int
    """over so much receive time."""
    reading: Reading | None
    """The last of them; None if it is refused because of its time."""


class Silence(NamedTuple):
    """A device that was not heard."""

    device: Device
    city: City
