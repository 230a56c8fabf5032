"""Things that go wrong between a sensor and the wire, as filters over a device's moments. Seeded, and in order of time.

By default a reading is at most 20 s late in device time, so that a reorder window of 30 s holds it.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from msgspec import structs

from devices.readings.models import Fill
from simulators.firmware.moments import Moment, NetworkDown, NetworkUp, Sensed

LONGEST_DELAY_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Unreliable:
    """Chances per reading."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    """Of being held back, which puts it after its successors: delay is also disorder."""
    longest_delay_s: float = LONGEST_DELAY_S


def unreliable(moments: Iterator[Moment], chances: Unreliable, rng: Random) -> Iterator[Moment]:
    """Lose, double and delay readings by chance; everything else passes."""
    waiting: list[tuple[int, int, Moment]] = []  # the number keeps equal times in the order they came
    for number, moment in enumerate(moments):
        passed = _by_chance(moment, chances, rng) if isinstance(moment, Sensed) else moment
        heapq.heappush(waiting, (passed.at_ms, number, passed))
        while waiting and waiting[0][0] <= moment.at_ms:  # nothing still to come can be earlier
            yield heapq.heappop(waiting)[2]


def _by_chance(sensed: Sensed, chances: Unreliable, rng: Random) -> Sensed:
    lost, doubled, delayed = (rng.random() for _ in range(3))
    if lost < chances.loss:
        return replace(sensed, copies=0)
    if doubled < chances.duplicate:
        sensed = replace(sensed, copies=2)
    if delayed < chances.delay:
        late_ms = round(rng.uniform(2.0, chances.longest_delay_s) * 1000)
        return replace(sensed, at_ms=sensed.at_ms + late_ms)
    return sensed


def slow_clock(moments: Iterator[Moment], *, behind_s: float, loses_ppm: float) -> Iterator[Moment]:
    """The device's clock is behind and falls further behind (a fast one would run ahead of the wall clock)."""
    first_ms: int | None = None
    for moment in moments:
        if not isinstance(moment, Sensed):
            yield moment
            continue
        ts = moment.reading.ts
        first_ms = ts if first_ms is None else first_ms
        drift_ms = round(behind_s * 1000 + (ts - first_ms) * loses_ppm / 1e6)
        yield replace(moment, reading=structs.replace(moment.reading, ts=ts - drift_ms))


def stuck_thermometer(fills: Iterator[Fill], from_ms: int) -> Iterator[Fill]:
    """From `from_ms` on the temperature of every compartment repeats the last one shown before."""
    frozen: float | None = None
    for fill in fills:
        if fill.ts < from_ms or frozen is None:
            frozen = fill.temperature_c
            yield fill
        else:
            yield structs.replace(fill, temperature_c=frozen)


def blind_zone(start_ms: int, length_s: float) -> tuple[Moment, ...]:
    """Nothing passes for a while; what is sensed meanwhile is uploaded afterwards."""
    return NetworkDown(start_ms), NetworkUp(start_ms + round(length_s * 1000))
