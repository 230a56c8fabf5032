"""What happens in a device's life, each at a device time: an endless stream of moments, in order."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from devices.readings.models import Reading


@dataclass(frozen=True, slots=True)
class Sensed:
    """A reading reaches the firmware's buffer at `at_ms`, which a delay puts after the reading's own time."""

    at_ms: int
    reading: Reading
    copies: int = 1
    """0: lost on purpose, the device numbers it and never sends it; 2: sent twice."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The device says that it is alive."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class NetworkDown:
    """A blind zone begins: the line stays open, nothing passes."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class NetworkUp:
    """The blind zone ends."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class PowerCut:
    """The device dies without a goodbye and stays dead."""

    at_ms: int


Moment = Sensed | Heartbeat | NetworkDown | NetworkUp | PowerCut


def sensed(readings: Iterable[Reading]) -> Iterator[Moment]:
    """A sensor without faults: every reading reaches the firmware when it is taken."""
    return (Sensed(reading.ts, reading) for reading in readings)


def heartbeats(first_ms: int, every_s: int) -> Iterator[Moment]:
    at_ms = first_ms
    while True:
        yield Heartbeat(at_ms)
        at_ms += every_s * 1000


def life(*streams: Iterable[Moment]) -> Iterator[Moment]:
    """Merge ordered streams, by time; on one instant the earlier-named stream comes first."""
    return heapq.merge(*streams, key=lambda moment: moment.at_ms)
