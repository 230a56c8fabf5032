"""GNSS receivers in places where the sky is not open."""

import math
from dataclasses import dataclass
from random import Random
from typing import Final

from devices.geo.geometry import XY
from simulators.vehicles.gnss import Receiver, SimulatedFix

_CORRELATION_S: Final = 30.0
_OUTLIER_M: Final = 100.0
"""On each axis, 1 sigma: a reflection from the house across the street and beyond."""
_CANYON_EVERY_S: Final = 600.0
_CANYON_LASTS_S: Final = (30.0, 180.0)
_HONEST_CANYONS: Final = 0.7
"""Of so many canyons the receiver knows that it is in one."""


@dataclass
class UrbanReceiver:
    """An error that drifts as in `simulators.vehicles.gnss`, and outliers of which the receiver knows nothing."""

    rng: Random
    sigma_m: float = 12.0
    outliers: float = 0.05
    """Share of fixes."""

    def __post_init__(self) -> None:
        self._error = XY(self.rng.gauss(0, self.sigma_m), self.rng.gauss(0, self.sigma_m))

    def fix(self, true: XY, dt_s: float) -> SimulatedFix:
        rng = self.rng
        self._error = _drifted(self._error, self.sigma_m, dt_s, rng)
        place = XY(true.x + self._error.x, true.y + self._error.y)
        if rng.random() < self.outliers:
            place = XY(place.x + rng.gauss(0, _OUTLIER_M), place.y + rng.gauss(0, _OUTLIER_M))
        satellites = rng.randint(6, 10)
        accuracy_m = round(self.sigma_m * rng.uniform(0.8, 1.25), 1)
        return SimulatedFix(place, accuracy_m, satellites, round(rng.uniform(1.0, 2.4), 2))


class CanyonReceiver:
    """An open sky, and bursts of 30 to 180 s, some every ten minutes, with an error of 30 m."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._open = Receiver(rng)
        self._left_s, self._honest = 0.0, True
        self._error = XY(0.0, 0.0)

    def fix(self, true: XY, dt_s: float) -> SimulatedFix:
        rng = self._rng
        self._left_s -= dt_s
        if self._left_s <= 0 and rng.random() < 1 - math.exp(-dt_s / _CANYON_EVERY_S):
            self._left_s, self._honest = rng.uniform(*_CANYON_LASTS_S), rng.random() < _HONEST_CANYONS
            self._error = XY(rng.gauss(0, 30.0), rng.gauss(0, 30.0))
        clear = self._open.fix(true, dt_s)
        if self._left_s <= 0:
            return clear
        self._error = _drifted(self._error, 30.0, dt_s, rng)
        place = XY(true.x + self._error.x, true.y + self._error.y)
        if self._honest:
            return SimulatedFix(
                place, round(rng.uniform(20.0, 40.0), 1), rng.randint(4, 6), round(rng.uniform(2.5, 6), 2)
            )
        return SimulatedFix(place, clear.accuracy_m, clear.satellites, clear.hdop)


def _drifted(error: XY, sigma_m: float, dt_s: float, rng: Random) -> XY:
    """First-order autoregression: e' = phi e + sqrt(1 - phi^2) sigma n, phi = exp(-dt / 30 s)."""
    phi = math.exp(-dt_s / _CORRELATION_S)
    fresh = math.sqrt(1 - phi * phi) * sigma_m
    return XY(phi * error.x + fresh * rng.gauss(0, 1), phi * error.y + fresh * rng.gauss(0, 1))
