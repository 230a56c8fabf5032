"""When people deposit at a point with hours: within them, a little late, or when it is closed."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from random import Random
from typing import Final

from msgspec.structs import replace

from devices.city.hours import Hours
from devices.city.model import City
from devices.readings.models import Fill
from simulators.trials.incidents import Incident
from simulators.trials.truck_day import Interval

_MINUTE_MS: Final = 60_000
_GRACE_MS: Final = 600_000
"""People wait at the lid, and clocks differ: so long before or after the hours is none outside."""
_ONE_MS: Final = 1_800_000
"""Deposits nearer than this are one incident."""
_BURST_SHARE: Final = 0.85
_BURSTS: Final = (1, 3)
_BURST_MS: Final = (120_000, 3_600_000)
_LATE_SHARE: Final = 0.4
_LATE_MS: Final = (60_000, 480_000)
_CREW_SHARE: Final = 0.5
_CREW_FROM_PCT: Final = 25.0
_EMPTY_PCT: Final = (2.0, 5.0)


class Opening:
    """One shift of a point. Times are true time, ms. A point without hours is always open, and nothing is wrong."""

    def __init__(self, city: City, hours: Sequence[Hours], start_ms: int, end_ms: int, rng: Random) -> None:
        self._city, self._hours, self._rng = city, hours, rng
        self._closed = list(self._stretches(start_ms, end_ms)) if hours else []
        self._bursts: list[Interval] = []
        self._late_ms = rng.randint(*_LATE_MS) if rng.random() < _LATE_SHARE else 0
        self._crew_ms = 0
        if not self._closed:
            return
        if rng.random() < _BURST_SHARE:
            self._bursts = [self._burst() for _ in range(rng.randint(*_BURSTS))]
        if rng.random() < _CREW_SHARE:
            self._crew_ms = rng.randint(*rng.choice(self._closed))

    def is_open(self, ts: int) -> bool:
        """Return whether people deposit: in its hours, some minutes after them, and when nobody stops them."""
        return self._is_allowed(ts) or self._is_allowed(ts - self._late_ms) or self._is_burst(ts)

    def incidents(self, device_id: str, fills: Sequence[Fill]) -> list[Incident]:
        """Deposits of which all that a reading may stand for lies 10 min and more outside the hours."""
        times = sorted({fill.ts for fill in self._outside(fills)}) if self._hours else []
        found: list[Interval] = []
        for ts in times:
            if found and ts - found[-1][1] <= _ONE_MS:
                found[-1] = found[-1][0], ts
            else:
                found.append((ts, ts))
        return [
            Incident("deposit_outside_hours", device_id, "deposit_when_closed", first, last + 1, first)
            for first, last in found
        ]

    def emptied_by_the_crew(self, fills: list[Fill]) -> list[Fill]:
        """Fills after the crew emptied the first compartment at a closed hour: it opens the lid once or twice."""
        name = fills[0].compartment if fills else ""
        lowered_pct, done, changed = 0.0, not self._crew_ms, list[Fill]()
        for fill in fills:
            if done or fill.compartment != name or fill.ts < self._crew_ms:
                changed.append(fill)
                continue
            if not lowered_pct:
                lowered_pct = fill.fill_pct - self._rng.uniform(*_EMPTY_PCT)
                done = fill.fill_pct < _CREW_FROM_PCT
                fill = replace(fill, deposits=self._rng.randint(1, 2)) if not done else fill  # noqa: PLW2901
            done |= fill.fill_pct < lowered_pct  # its next emptying
            changed.append(fill if done else _lower(fill, lowered_pct))
        return changed

    def _outside(self, fills: Sequence[Fill]) -> Iterator[Fill]:
        by_compartment = groupby(sorted(fills, key=lambda fill: fill.compartment), lambda fill: fill.compartment)
        for _, of_one in by_compartment:
            before_ms: int | None = None
            for fill in sorted(of_one, key=lambda one: one.ts):
                if fill.deposits and before_ms is not None and self._is_closed_around(before_ms, fill.ts):
                    yield fill
                before_ms = fill.ts

    def _is_closed_around(self, first_ms: int, last_ms: int) -> bool:
        """True if it is closed from ten minutes before the one to ten minutes after the other."""
        return not any(self._is_allowed(ts) for ts in range(first_ms - _GRACE_MS, last_ms + _GRACE_MS + 1, _MINUTE_MS))

    def _is_allowed(self, ts: int) -> bool:
        minute = self._city.minute_of_day(ts)
        return not self._hours or any(window.covers(minute) for window in self._hours)

    def _is_burst(self, ts: int) -> bool:
        return any(start <= ts < end for start, end in self._bursts)

    def _stretches(self, start_ms: int, end_ms: int) -> Iterator[Interval]:
        """Stretches in which it is closed."""
        minutes = range(start_ms, end_ms, _MINUTE_MS)
        for allowed, group in groupby(minutes, self._is_allowed):
            times = list(group)
            if not allowed and len(times) > 1:
                yield times[0], times[-1]

    def _burst(self) -> Interval:
        start_ms = self._rng.randint(*self._rng.choice(self._closed))
        return start_ms, start_ms + self._rng.randint(*_BURST_MS)


def _lower(fill: Fill, by_pct: float) -> Fill:
    share = max(fill.fill_pct - by_pct, 0.0) / fill.fill_pct if fill.fill_pct else 0.0
    weight_kg = None if fill.weight_kg is None else round(fill.weight_kg * share, 1)
    return replace(fill, fill_pct=round(fill.fill_pct * share, 1), weight_kg=weight_kg)
