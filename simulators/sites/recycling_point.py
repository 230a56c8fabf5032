"""A smart recycling point: compartments that fill by deposits and are emptied in time, except during a surge."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from devices.readings.models import Fill

COMPARTMENTS: Final = ("paper", "plastic")
PCT_PER_DEPOSIT: Final = 0.4
_FULL_KG: Final = {"paper": 120.0, "plastic": 45.0}
EMPTIED_AT_PCT: Final = (62.0, 70.0)
"""A normal point is emptied between these: well under the 80 % at which people are warned."""
_AFTER_EMPTYING_PCT: Final = (2.0, 5.0)
_SIGMA_PCT: Final = 0.4
_DEPOSITS_PER_HOUR: Final = (15.0, 60.0)
_BRIM_PCT: Final = 98.5
"""Highest level an overfull compartment shows."""
_MEAN_C: Final = 14.0
_DAY_SWING_C: Final = 7.0
_WARMEST_HOUR: Final = 15.0


@dataclass(frozen=True, slots=True)
class Surge:
    """Many deposits and no emptying, from `start_ms` on, even when the compartment is full. At `end_ms` it is emptied
    and becomes normal again.
    """

    start_ms: int
    end_ms: int
    level_pct: float
    """Level of the compartment when the surge begins."""
    pct_per_min: float


class _CompartmentState:
    def __init__(self, name: str, rng: Random, surge: Surge | None, is_open: Callable[[int], bool]) -> None:
        self.name = name
        self._is_open = is_open
        self._rng = rng
        self._surge = surge
        self._pct = rng.uniform(8.0, 55.0) if surge is None else surge.level_pct - 1.0
        self._per_hour = rng.uniform(*_DEPOSITS_PER_HOUR)
        self._limit_pct = rng.uniform(*EMPTIED_AT_PCT)

    def pass_time(self, ts: int, dt_s: float) -> int:
        """Advance to `ts`; returns the deposits of the last `dt_s` seconds."""
        surge = self._surge
        if surge is not None and ts >= surge.end_ms:
            self._surge, self._limit_pct = None, 0.0
        elif surge is not None:
            per_min = surge.pct_per_min if ts >= surge.start_ms else 0.05
            deposits = _count(self._rng, per_min / PCT_PER_DEPOSIT * dt_s / 60)
            self._pct = min(_BRIM_PCT, self._pct + deposits * PCT_PER_DEPOSIT)
            return deposits
        deposits = _count(self._rng, self._per_hour * dt_s / 3600) if self._is_open(ts) else 0
        self._pct += deposits * PCT_PER_DEPOSIT
        if self._pct >= self._limit_pct:
            self._pct = self._rng.uniform(*_AFTER_EMPTYING_PCT)
            self._limit_pct = self._rng.uniform(*EMPTIED_AT_PCT)
        return deposits

    @property
    def weight_kg(self) -> float:
        return self._pct / 100 * _FULL_KG[self.name]

    def shown_pct(self) -> float:
        return round(min(100.0, max(0.0, self._pct + self._rng.gauss(0, _SIGMA_PCT))), 1)


def fills(
    device_id: str,
    *,
    start_ms: int,
    every_s: Callable[[], int],
    lon: float,
    rng: Random,
    is_open: Callable[[int], bool],
    surge: Surge | None = None,
) -> Iterator[Fill]:
    """Fill readings without end: one per compartment every `every_s` seconds. A surge fills the first compartment.

    `every_s` is called before each report; `lon` (degrees) sets local solar time, by which the day warms. `is_open`
    says whether people deposit at a device time, ms; a surge knows no hours.
    """
    states = [_CompartmentState(name, rng, surge if i == 0 else None, is_open) for i, name in enumerate(COMPARTMENTS)]
    ts, dt_s = start_ms, every_s()
    while True:
        temperature_c = _day_curve_c(ts, lon) + rng.gauss(0, 0.3)
        for state in states:
            deposits = state.pass_time(ts, dt_s)
            yield Fill(
                device_id=device_id,
                ts=ts,
                compartment=state.name,
                fill_pct=state.shown_pct(),
                weight_kg=round(state.weight_kg, 1),
                temperature_c=round(temperature_c, 1),
                tilt_deg=round(abs(rng.gauss(0.4, 0.1)), 1),
                smoke=False,
                deposits=deposits,
            )
        dt_s = every_s()
        ts += dt_s * 1000


def _day_curve_c(ts: int, lon: float) -> float:
    hour = (ts / 3_600_000 + lon / 15) % 24
    return _MEAN_C + _DAY_SWING_C * math.cos((hour - _WARMEST_HOUR) / 24 * 2 * math.pi)


def _count(rng: Random, mean: float) -> int:
    """A Poisson-distributed count, by waiting times (Knuth, The Art of Computer Programming, vol. 2, 3.4.1)."""
    passed = rng.expovariate(1.0)
    count = 0
    while passed < mean:
        count += 1
        passed += rng.expovariate(1.0)
    return count
