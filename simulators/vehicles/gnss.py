"""A GNSS receiver: fixes with correlated error, and quality figures that agree with it."""

import math
import random
from dataclasses import dataclass
from typing import Final, Protocol

from devices.geo.geometry import XY

SIGMA_M: Final = 4.0
"""Horizontal error per axis under an open sky."""
_CORRELATION_S: Final = 30.0
"""Errors of fixes this far apart still resemble each other (multipath and atmosphere change slowly)."""
_USUAL_SATELLITES: Final = 12


@dataclass(frozen=True, slots=True)
class SimulatedFix:
    """A place as measured."""

    xy: XY
    accuracy_m: float
    satellites: int
    hdop: float


class FixSource(Protocol):
    """A receiver of any quality."""

    def fix(self, true: XY, dt_s: float) -> SimulatedFix:
        """Measure a place; `dt_s`: seconds since the fix before."""


class Receiver:
    """First-order autoregressive error: e' = phi e + sqrt(1 - phi^2) sigma n, phi = exp(-dt / 30 s)."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._error = XY(rng.gauss(0, SIGMA_M), rng.gauss(0, SIGMA_M))
        self._satellites = rng.randint(10, 14)

    def fix(self, true: XY, dt_s: float) -> SimulatedFix:
        """`dt_s`: seconds since the fix before."""
        self._satellites = min(max(self._satellites + self._rng.choice((-1, 0, 0, 1)), 8), 16)
        hdop = 0.9 * math.sqrt(_USUAL_SATELLITES / self._satellites)
        sigma = SIGMA_M * hdop / 0.9
        phi = math.exp(-dt_s / _CORRELATION_S)
        fresh = math.sqrt(1 - phi * phi) * sigma
        self._error = XY(
            phi * self._error.x + fresh * self._rng.gauss(0, 1), phi * self._error.y + fresh * self._rng.gauss(0, 1)
        )
        place = XY(true.x + self._error.x, true.y + self._error.y)
        return SimulatedFix(place, round(sigma, 1), self._satellites, round(hdop, 2))
