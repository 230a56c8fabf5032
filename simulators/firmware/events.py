"""Events of a device, each at a device time. A device's timeline is an endless stream of them, in order."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from devices.readings.models import Reading


@dataclass(frozen=True, slots=True)
class Sensed:
    """A reading reaches the firmware at `at_ms`: at the reading's own time, or after it if it is delayed."""

    at_ms: int
    reading: Reading
    copies: int = 1
    """0: the device numbers it and never sends it, a loss on purpose; 2: sent twice."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The device publishes a status."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class NetworkDown:
    """A blind zone begins: the connection stays open, nothing passes."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class NetworkUp:
    """The blind zone ends."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class PowerCut:
    """The device stops without a shutdown status, for good."""

    at_ms: int


DeviceEvent = Sensed | Heartbeat | NetworkDown | NetworkUp | PowerCut


def sensed(readings: Iterable[Reading]) -> Iterator[DeviceEvent]:
    """Events of a sensor without faults: every reading reaches the firmware when it is taken."""
    return (Sensed(reading.ts, reading) for reading in readings)


def heartbeats(first_ms: int, every_s: int) -> Iterator[DeviceEvent]:
    at_ms = first_ms
    while True:
        yield Heartbeat(at_ms)
        at_ms += every_s * 1000


def merge(*streams: Iterable[DeviceEvent]) -> Iterator[DeviceEvent]:
    """One stream of several ordered ones, by time; at one instant the stream named first comes first."""
    return heapq.merge(*streams, key=lambda event: event.at_ms)
