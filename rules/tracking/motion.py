"""Where a truck is and whether it moves: spikes passed over, parking drift held still."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from devices.city.geometry import NearSite
from devices.city.model import City
from devices.geo.geometry import XY
from devices.readings.models import Position
from devices.readings.motion import STILL_KMH
from rules.tracking.quality import Quality, accuracy_m, judge_quality

MAX_SPEED_M_PER_S: Final = 42.0
"""No truck drives 150 km/h: a fix that implies more is a spike, unless the next one stays with it."""
STILL_WITHIN_M: Final = 30.0
BLIND_AFTER_MS: Final = 60_000
"""Longer without a usable fix and nobody knows where the truck is."""
NEARBY_M: Final = 250.0
"""How far sites are looked for around a fix: beyond every distance a rule asks about."""
_BASELINE_MS: Final = 10_000
"""Speed of a terminal that does not report it is taken over at least this long, so that noise of a few metres at one
fix a second is not motion."""


class Fix:
    """What one position reading says of place and motion. Never changed; made for every one (see
    `rules.contract.observation`).
    """

    __slots__ = (
        "accuracy_m", "blind", "gap_ms", "moving", "quality", "regained", "run_m", "sites", "speed_kmh", "ts",
        "usable", "xy",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - one for each of its fields
        self,
        ts: int,
        quality: Quality,
        xy: XY,
        accuracy_m: float,
        speed_kmh: float | None,
        *,
        usable: bool,
        gap_ms: int,
        blind: bool = False,
        regained: bool = False,
        moving: bool = False,
        run_m: float = 0.0,
        sites: Sequence[NearSite] = (),
    ) -> None:
        self.ts: Final = ts
        self.quality: Final = quality
        self.xy: Final = xy
        """Held while the truck stands."""
        self.accuracy_m: Final = accuracy_m
        self.speed_kmh: Final = speed_kmh
        """Reported, or else worked out."""
        self.usable: Final = usable
        """Neither BAD nor a spike. An unusable fix says nothing: its other fields repeat what was known."""
        self.blind: Final = blind
        """No usable fix for longer than the limit: the truck's place is UNKNOWN."""
        self.regained: Final = regained
        """The first usable fix after so long."""
        self.moving: Final = moving
        self.run_m: Final = run_m
        """Driven since the usable fix before; 0 after a blind stretch."""
        self.gap_ms: Final = gap_ms
        """Since the usable fix before; 0 at the first."""
        self.sites: Final = sites
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
        return Fix(
            ts, quality, here, accuracy_m(position), speed_kmh,
            usable=True, regained=regained, moving=moving, run_m=run_m, gap_ms=gap_ms, sites=sites,
        )  # fmt: skip

    def _unusable(self, position: Position, quality: Quality, xy: XY, blind_after_ms: int) -> Fix:
        ts = position.ts
        return Fix(
            ts, quality, self.held or xy, accuracy_m(position), position.speed_kmh,
            usable=False, blind=ts - self.ts > blind_after_ms, gap_ms=ts - self.ts if self.ts else 0,
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
