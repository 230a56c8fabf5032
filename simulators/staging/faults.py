"""Faults between a sensor and the network, as filters over a device's events. Seeded, and in order of time.

By default a reading is at most 20 s late in device time, so that a reorder window of 30 s holds it.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from msgspec import structs

from devices.readings.models import Fill
from simulators.firmware.events import DeviceEvent, NetworkDown, NetworkUp, Sensed

LONGEST_DELAY_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Unreliable:
    """Probabilities per reading."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    """A delayed reading comes after its successors: out of order."""
    longest_delay_s: float = LONGEST_DELAY_S


def unreliable(events: Iterator[DeviceEvent], chances: Unreliable, rng: Random) -> Iterator[DeviceEvent]:
    """Lose, duplicate and delay readings by chance; other events pass."""
    waiting: list[tuple[int, int, DeviceEvent]] = []  # the number keeps events of one time in their order
    for number, event in enumerate(events):
        kept = _by_chance(event, chances, rng) if isinstance(event, Sensed) else event
        heapq.heappush(waiting, (kept.at_ms, number, kept))
        while waiting and waiting[0][0] <= event.at_ms:  # no later event can come earlier
            yield heapq.heappop(waiting)[2]


def _by_chance(sensed: Sensed, chances: Unreliable, rng: Random) -> Sensed:
    loss, duplicate, delay = (rng.random() for _ in range(3))
    if loss < chances.loss:
        return replace(sensed, copies=0)
    if duplicate < chances.duplicate:
        sensed = replace(sensed, copies=2)
    if delay < chances.delay:
        late_ms = round(rng.uniform(2.0, chances.longest_delay_s) * 1000)
        return replace(sensed, at_ms=sensed.at_ms + late_ms)
    return sensed


def slow_clock(events: Iterator[DeviceEvent], *, behind_s: float, loses_ppm: float) -> Iterator[DeviceEvent]:
    """Events of a device whose clock is behind and falls further behind. A fast one would pass the wall clock."""
    first_ms: int | None = None
    for event in events:
        if not isinstance(event, Sensed):
            yield event
            continue
        ts = event.reading.ts
        first_ms = ts if first_ms is None else first_ms
        drift_ms = round(behind_s * 1000 + (ts - first_ms) * loses_ppm / 1e6)
        yield replace(event, reading=structs.replace(event.reading, ts=ts - drift_ms))


def stuck_thermometer(fills: Iterator[Fill], from_ms: int) -> Iterator[Fill]:
    """Repeat, from `from_ms` on, the last temperature shown before, in every compartment."""
    frozen: float | None = None
    for fill in fills:
        if fill.ts < from_ms or frozen is None:
            frozen = fill.temperature_c
            yield fill
        else:
            yield structs.replace(fill, temperature_c=frozen)


def blind_zone(start_ms: int, length_s: float) -> tuple[DeviceEvent, ...]:
    """Events of a network failure: readings taken meanwhile are uploaded afterwards."""
    return NetworkDown(start_ms), NetworkUp(start_ms + round(length_s * 1000))
