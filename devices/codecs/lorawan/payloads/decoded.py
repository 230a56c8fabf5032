"""What a decoder returns, and how it takes bytes.

PayloadError    the bytes are not what this model sends: nothing of them may be read
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Value = bool | int | float | str | Mapping[str, float]
Values = Mapping[str, Value]
"""By name, with the unit in the name: `distance_mm`, `battery_pct`."""

TILTED: Final = "tilted"
DISTANCE_EXCEPTION: Final = "distance_exception"
"""Why the sensor has no distance, in place of one: `blind_zone`, `no_target`, `sensor_fault`, `no_sensor`."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the device had stored, and sends now."""

    unix_s: int
    """When it was measured, by the device's clock."""
    values: Values


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one uplink says."""

    values: Values
    past: tuple[Past, ...] = ()


Decoder = Callable[[int, bytes], Decoded]
"""(fPort, FRMPayload) → values. Raises PayloadError."""


class PayloadError(Exception):
    """The bytes cannot be read as this model's. The text says why."""


class Cursor:
    """Takes bytes from the front."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self.at = 0

    @property
    def rest(self) -> int:
        """How many bytes are left."""
        return len(self._payload) - self.at

    def take(self, size: int) -> bytes:
        """Raises PayloadError if fewer are left."""
        if size > self.rest:
            raise PayloadError(f"truncated: {size} bytes should follow at byte {self.at}, {self.rest} do")
        taken = self._payload[self.at : self.at + size]
        self.at += size
        return taken

    def number(self, form: str) -> int:
        """The next whole number, in a form of `struct`. Raises PayloadError."""
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value
