"""What a terminal reports of a true drive: seldom, with an error, with or without quality fields, some of it lost."""

from typing import Any, Final, NamedTuple

import numpy as np
from msgspec import convert
from numpy.typing import NDArray

from devices.geo.geometry import XY, LatLon, LocalPlane
from devices.readings.models import Position
from tests.rules.power.drives import Places

PLANE: Final = LocalPlane(LatLon(35.49, 112.85))
T0_MS: Final = 1_790_000_000_000


class Terminal(NamedTuple):
    interval_s: int
    tells: bool = True
    """Speed, accuracy and satellites. The cheap ones that most of the field has send a place and nothing else."""
    odometer: bool = False
    lost: float = 0.0
    """Share of reports that never arrive."""
    late_s: int = 2
    """Each report is up to so many seconds late, but not by more than a fifth of the interval: no clock is exact, and
    a limit in seconds must not be met by chance."""


class Noise(NamedTuple):
    """Error of a receiver, metres on each axis."""

    white_m: float = 0.0
    drifting_m: float = 0.0
    """Of a first-order autoregression, as near high houses,"""
    over_s: float = 300.0
    """which forgets itself in this time."""
    outliers: float = 0.0
    """Share of fixes with an error of 100 m on each axis (1 sigma)."""


QUIET: Final = Noise(white_m=4.0)


def reports(
    truck: str, places: Places, terminal: Terminal, noise: Noise, dice: np.random.Generator, **fields: Any
) -> list[Position]:
    """Positions of one truck, in order; the first at a random second of the first interval."""
    late_s = min(terminal.late_s, terminal.interval_s // 5)
    seconds = np.arange(int(dice.integers(terminal.interval_s)), len(places) - late_s, terminal.interval_s)
    seconds += dice.integers(late_s + 1, size=len(seconds))
    error = _error(seconds, noise, dice)
    steps = np.hypot(*np.diff(places, axis=0, prepend=places[:1]).T)
    driven_km = np.cumsum(steps) / 1000
    seen = []
    for n, second in enumerate(seconds):
        if dice.random() < terminal.lost:
            continue
        x, y = (places[second] + error[n]).tolist()
        at = PLANE.latlon(XY(x, y))
        values: dict[str, Any] = {"device_id": truck, "ts": T0_MS + int(second) * 1000, "lat": at.lat, "lon": at.lon}
        if terminal.tells:
            values |= {"speed_kmh": float(steps[second] * 3.6), "satellites": 9, "hdop": 0.9}
            values["accuracy_m"] = max(noise.white_m, 3.0)
        if terminal.odometer:
            values["odometer_km"] = round(float(driven_km[second]), 1)
        seen.append(convert(values | fields, Position))
    return seen


def _error(seconds: NDArray[np.signedinteger[Any]], noise: Noise, dice: np.random.Generator) -> Places:
    count = len(seconds)
    error = dice.normal(0.0, noise.white_m, (count, 2)) if noise.white_m else np.zeros((count, 2))
    if noise.outliers:
        error += (dice.random((count, 1)) < noise.outliers) * dice.normal(0.0, 100.0, (count, 2))
    if noise.drifting_m:
        keeps = np.exp(-np.diff(seconds, prepend=seconds[0]) / noise.over_s)
        drift = dice.normal(0.0, noise.drifting_m, 2)
        for n in range(count):
            fresh = dice.normal(0.0, noise.drifting_m, 2) * np.sqrt(1 - keeps[n] ** 2)
            drift = keeps[n] * drift + fresh
            error[n] += drift
    return error
