"""Where a truck is and whether it moves: spikes passed over, parking drift held still."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from devices.city import City
from devices.city_geometry import NearSite
from devices.geometry import XY
from devices.readings import Position
from rules.tracking.quality import Quality, accuracy_m, judge_quality

MAX_SPEED_M_PER_S: Final = 42.0
"""No truck drives 150 km/h: a fix that implies more is a spike, unless the next one stays with it."""
STILL_KMH: Final = 3.0
STILL_WITHIN_M: Final = 30.0
BLIND_AFTER_MS: Final = 60_000
"""Longer without a usable fix and nobody knows where the truck is."""
NEARBY_M: Final = 250.0
"""How far sites are looked for around a fix: beyond every distance a rule asks about."""
_BASELINE_MS: Final = 10_000
"""Speed of a terminal that does not report it is taken over at least this long, so that noise of a few metres at one
fix a second is not motion."""


class Fix(NamedTuple):
    """What one position reading says of place and motion."""

    ts: int
    quality: Quality
    usable: bool
    """Neither BAD nor a spike. An unusable fix says nothing: its other fields repeat what was known."""
    blind: bool
    """No usable fix for longer than the limit: the truck's place is UNKNOWN."""
    regained: bool
    """The first usable fix after so long."""
    xy: XY
    """Held while the truck stands."""
    accuracy_m: float
    speed_kmh: float | None
    """Reported, or else worked out."""
    moving: bool
    run_m: float
    """Driven since the usable fix before; 0 after a blind stretch."""
    gap_ms: int
    """Since the usable fix before; 0 at the first."""
    sites: Sequence[NearSite] = ()
    """Within `NEARBY_M`, nearest first."""

    def outside_m(self) -> float:
        """How far beyond a fence the fix must be to count as outside: the receiver may be off by so much."""
        return min(self.accuracy_m, STILL_WITHIN_M)


@dataclass(slots=True)
class Motion:
    """State between fixes; x and y in metres on the city's plane."""

    ts: int = 0
    """Of the last usable fix; 0 before the first."""
    at: XY | None = None
    """As measured."""
    held: XY | None = None
    """As judged: the anchor while standing."""
    anchor: XY | None = None
    standing_since: int = 0
    """ms; 0 while not standing."""
    suspect_ts: int = 0
    suspect: XY | None = None
    """A fix too far away to believe before another stays with it."""
    baseline: tuple[tuple[int, XY], ...] = ()

    def take(self, position: Position, city: City, blind_after_ms: int) -> Fix:
        """Judge a position reading and remember it."""
        ts = position.ts
        xy = city.plane.xy(position)
        quality = judge_quality(position)
        if quality is Quality.BAD or not self._believable(ts, xy):
            return self._unusable(position, quality, xy, blind_after_ms)
        gap_ms = ts - self.ts if self.ts else 0
        before = self.held
        speed_kmh = position.speed_kmh if position.speed_kmh is not None else self._speed_kmh(position, xy)
        self._stand_or_go(ts, xy, speed_kmh)
        self.ts, self.at = ts, xy
        here = self.held = self.anchor or xy
        regained = gap_ms > blind_after_ms
        sites = city.geometry.sites_near(here, NEARBY_M, ts)
        moving = speed_kmh is not None and speed_kmh >= STILL_KMH
        run_m = before.distance_m(here) if before is not None and not regained else 0.0
        usable, blind = True, False
        return Fix(
            ts, quality, usable, blind, regained, here, accuracy_m(position), speed_kmh, moving, run_m, gap_ms, sites
        )

    def _unusable(self, position: Position, quality: Quality, xy: XY, blind_after_ms: int) -> Fix:
        return Fix(
            ts=position.ts, quality=quality, usable=False, blind=position.ts - self.ts > blind_after_ms,
            regained=False, xy=self.held or xy, accuracy_m=accuracy_m(position), speed_kmh=position.speed_kmh,
            moving=False, run_m=0.0,
            gap_ms=position.ts - self.ts if self.ts else 0,
        )  # fmt: skip

    def _believable(self, ts: int, xy: XY) -> bool:
        """Whether the truck can have come here; the second of two fixes that agree with each other is believed."""
        if self.at is None or _reachable(self.at, self.ts, xy, ts):
            self.suspect = None
            return True
        if self.suspect is not None and _reachable(self.suspect, self.suspect_ts, xy, ts):
            self.suspect = self.held = self.anchor = None
            self.baseline = ()
            return True
        self.suspect, self.suspect_ts = xy, ts
        return False

    def _speed_kmh(self, position: Position, xy: XY) -> float | None:
        """Worked out."""
        if not self.baseline or position.ts - self.ts > BLIND_AFTER_MS:
            self.baseline = ((position.ts, xy),)
            return None
        start_ts, start = self.baseline[0]
        speed = start.distance_m(xy) / max(position.ts - start_ts, 1) * 3600
        if position.ts - self.baseline[-1][0] >= _BASELINE_MS:
            self.baseline = (self.baseline[-1], (position.ts, xy))
        return speed if position.ts - start_ts >= _BASELINE_MS else None

    def _stand_or_go(self, ts: int, xy: XY, speed_kmh: float | None) -> None:
        if speed_kmh is None:
            return
        if speed_kmh >= STILL_KMH:
            self.anchor, self.standing_since = None, 0
        elif self.anchor is None or self.anchor.distance_m(xy) > STILL_WITHIN_M:
            self.anchor, self.standing_since = xy, ts


def _reachable(start: XY, start_ts: int, end: XY, end_ts: int) -> bool:
    return start.distance_m(end) <= MAX_SPEED_M_PER_S * max(end_ts - start_ts, 1) / 1000
