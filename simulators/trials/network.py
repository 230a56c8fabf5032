"""The way from a terminal to the broker: what is lost, doubled, late, out of order, or uploaded after a blind zone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from msgspec.structs import replace

from devices.readings.models import Reading, Status
from simulators.trials.truck_day import Interval

_LATENCY_MS: Final = (200, 1_500)
_DOUBLED_WITHIN_MS: Final = (500, 60_000)
_LATE_FROM_MS: Final = 120_000


class Arrival(NamedTuple):
    """A reading as the broker gets it."""

    received_ms: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class Link:
    """Shares are of readings."""

    loss: float = 0.0
    duplicates: float = 0.0
    disordered: float = 0.0
    disordered_ms: int = 120_000
    """Longest delay of those."""
    late: float = 0.0
    late_ms: int = 6 * 3_600_000
    clock_s: float = 0.0
    """Clocks are off by up to this much, ahead or behind."""
    blind_zones: bool = False

    def clock_ms(self, rng: Random) -> int:
        """By how much the clock of a device is ahead."""
        return round(rng.uniform(-self.clock_s, self.clock_s) * 1000) if self.clock_s else 0


def arrivals(
    readings: Iterable[Reading], link: Link, blind: Sequence[Interval], clock_ms: int, rng: Random
) -> Iterator[Arrival]:
    """Arrivals of one device, in no order. Times of `readings` and `blind` are true; what leaves has the device's."""
    held: dict[Interval, list[Reading]] = {}
    zones = sorted(blind)
    for reading in readings:
        zone = next((zone for zone in zones if zone[0] <= reading.ts < zone[1]), None)
        sent_ms = reading.ts
        shown = replace(reading, ts=reading.ts + clock_ms) if clock_ms else reading
        if zone is not None:
            held.setdefault(zone, []).append(shown)
            continue
        yield from _sent(shown, sent_ms, link, rng)
    for zone, waiting in held.items():
        yield from _uploaded(waiting, zone[1], rng)


def _sent(reading: Reading, sent_ms: int, link: Link, rng: Random) -> Iterator[Arrival]:
    if isinstance(reading, Status):  # part of the session: it comes while that lasts, or never
        yield Arrival(sent_ms + rng.randint(*_LATENCY_MS), reading)
        return
    if link.loss and rng.random() < link.loss:
        return
    received_ms = sent_ms + rng.randint(*_LATENCY_MS)
    if link.disordered and rng.random() < link.disordered:
        received_ms += rng.randint(0, link.disordered_ms)
    if link.late and rng.random() < link.late:
        received_ms += rng.randint(_LATE_FROM_MS, link.late_ms)
    yield Arrival(received_ms, reading)
    if link.duplicates and rng.random() < link.duplicates:
        yield Arrival(received_ms + rng.randint(*_DOUBLED_WITHIN_MS), reading)


def _uploaded(waiting: list[Reading], end_ms: int, rng: Random) -> Iterator[Arrival]:
    """5 to 20 a second, at once or up to 2 min after the first live fixes; oldest or newest first, or in no order."""
    at_ms = end_ms + rng.choice((0, rng.randint(15_000, 120_000)))
    each_ms = rng.randint(50, 200)
    order = rng.choice(("oldest", "newest", "none"))
    if order == "newest":
        waiting.reverse()
    elif order == "none":
        rng.shuffle(waiting)
    for number, reading in enumerate(waiting):
        yield Arrival(at_ms + rng.randint(*_LATENCY_MS) + number * each_ms, reading)
