"""A sorting or transfer line: its rate, the level of its hopper, the trucks that wait."""

import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from devices.readings.models import Throughput

_USUAL_T_PER_H: Final = (35.0, 60.0)
_HOPPER_PCT: Final = (30.0, 60.0)
"""Swing of the hopper of a line that is fed as fast as it sorts."""
_HOPPER_PERIOD_S: Final = 1_500.0
_INERTIA: Final = 0.9
"""Share of the rate's deviation that stays until the next report."""


def throughput(device_id: str, *, start_ms: int, every_s: Callable[[], int], rng: Random) -> Iterator[Throughput]:
    """Throughput readings without end, every `every_s` seconds; `every_s` is called before each report.

    `processed_kg` is the integral of the rate.
    """
    usual = rng.uniform(*_USUAL_T_PER_H)
    processed_kg = float(rng.randint(1_000_000, 90_000_000))
    phase = rng.uniform(0, 2 * math.pi)
    middle, swing = sum(_HOPPER_PCT) / 2, (_HOPPER_PCT[1] - _HOPPER_PCT[0]) / 2
    surplus, ts, dt_s = 0.0, start_ms, every_s()
    while True:
        surplus = _INERTIA * surplus + rng.gauss(0, 1.5)
        rate = max(5.0, usual + surplus)
        processed_kg += rate * 1000 * dt_s / 3600
        turn = math.sin((ts - start_ms) / 1000 / _HOPPER_PERIOD_S * 2 * math.pi + phase)
        yield Throughput(
            device_id=device_id,
            ts=ts,
            running=True,
            rate_t_per_h=round(rate, 2),
            processed_kg=round(processed_kg, 1),
            hopper_pct=round(middle + swing * turn + rng.gauss(0, 1.0), 1),
            queue_trucks=max(0, round(1 + turn + rng.gauss(0, 0.5))),
            material="construction",
        )
        dt_s = every_s()
        ts += dt_s * 1000
