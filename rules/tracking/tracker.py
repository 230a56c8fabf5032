"""The protocol of derived state: observations of a device in, facts out.

A new tracker is one module here with its state and its class, a line in `rules.tracking.registry`, and a test file.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.readings.models import Reading

S = TypeVar("S")
"""State of one device between readings: a dataclass that `rules.engine.snapshot` can write and read back."""
F_co = TypeVar("F_co", covariant=True)
"""What the tracker concludes from one reading."""


class Tracker(Protocol[S, F_co]):
    """Derives facts from the readings of one device, in order, for all rules. Pure."""

    @property
    def name(self) -> str:
        """The key of its state in a device's row. Rules have keys with a slash, so the two never collide."""

    @property
    def roles(self) -> frozenset[DeviceRole]:
        """Devices it follows."""

    @property
    def state(self) -> type[S]:
        """Class of its state; called without arguments before a device's first reading."""

    def follow(
        self,
        state: S,
        reading: Reading,
        device: Device,
        vehicle: Vehicle | None,
        city: City,
        clock_off_ms: int,
        facts: Sequence[Any],
        /,
    ) -> F_co | None:
        """Take a reading into the state and return the facts it gives; None when it gives none.

        `clock_off_ms`: its device time less the time at which the city is asked what is valid. `facts`: what the
        trackers before it in the registry conclude from the reading.

        If it raises, the engine counts the failure, drops the state of this device and judges on with the next reading.
        """
