"""Stays of a truck, and the source of waste beside which it stays to collect.

`Motion` holds a standing truck at the first place that it stood at, and begins anew where the receiver wanders 30 m
from it. A stay is longer than that: it ends when the truck drives, and its place is the mean of what was measured.
"""

from dataclasses import dataclass
from typing import Final

from devices.city.model import City
from devices.city.sites import SOURCES, Site
from devices.geo.geometry import XY
from rules.tracking.motion import Fix
from rules.tracking.track import Track

_WITHIN_M: Final = 60.0
"""A fix that is so far from the mean, and the accuracy of the fix, belongs to another stay: five sigma of a receiver in
a street, and more than a truck creeps in a queue."""

_AWAY_FIXES: Final = 2
"""So many in a row: one place is wrong in every twentieth fix of a receiver between houses."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Stay:
    """A time in which a truck did not drive. Times are device time, ms; x and y metres on the city's plane."""

    since: int
    x: float
    y: float
    fixes: int = 1
    """Those that belong to it."""
    away: int = 0
    """Fixes in a row that do not."""

    def place(self) -> XY:
        return XY(self.x, self.y)


def follow_stay(stay: Stay | None, fix: Fix, track: Track) -> Stay | None:
    """Take the next usable fix; return the stay that it belongs to, None while the truck drives."""
    at = track.motion.at
    if fix.moving or at is None:
        return None
    if fix.speed_kmh is None:
        return stay
    if stay is None or fix.regained:
        return Stay(fix.ts, at.x, at.y)
    if stay.place().distance_m(at) > _WITHIN_M + fix.outside_m():
        stay.away += 1
        return stay if stay.away < _AWAY_FIXES else Stay(fix.ts, at.x, at.y)
    stay.away = 0
    stay.fixes += 1
    stay.x += (at.x - stay.x) / stay.fixes
    stay.y += (at.y - stay.y) / stay.fixes
    return stay


def source_beside(stay: Stay, within_m: float, ts: int, city: City) -> Site | None:
    """The nearest source, valid at `ts`, whose fence is at most so far; None if the truck is inside another site."""
    for site, distance_m in city.geometry.sites_near(stay.place(), within_m, ts):
        if site.kind in SOURCES:
            return site
        if distance_m == 0:
            return None
    return None
