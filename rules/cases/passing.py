"""Which trucks passed a place: from fixes to the nearest approach. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from devices.geo.geometry import XY, LatLon, LocalPlane
from devices.readings.instants import MINUTE_MS

LINKED_MS: Final = MINUTE_MS
"""Between two fixes that are no longer apart, a truck is taken to have gone straight, as judgement takes it."""


@dataclass(frozen=True, slots=True)
class Passing:
    """How a truck passed a place. Times are device time, ms."""

    nearest_m: float
    nearest_at: int
    first_at: int
    """When it was within the distance first, and last."""
    last_at: int


def passing(fixes: Sequence[tuple[int, LatLon]], place: LatLon, within_m: float) -> Passing | None:
    """How fixes, ordered by time, pass within `within_m` of a place; None if they do not."""
    plane = LocalPlane(place)
    near: list[tuple[float, int]] = []
    before: tuple[int, XY] | None = None
    for ts, fix in fixes:
        here = plane.xy(fix)
        if before is not None and ts - before[0] <= LINKED_MS:
            near.append(_nearest_between(before, (ts, here)))
        near.append((here.distance_m(XY(0.0, 0.0)), ts))
        before = (ts, here)
    within = [(off_m, ts) for off_m, ts in near if off_m <= within_m]
    if not within:
        return None
    nearest_m, nearest_at = min(within)
    times = [ts for _, ts in within]
    return Passing(nearest_m, nearest_at, min(times), max(times))


def _nearest_between(start: tuple[int, XY], end: tuple[int, XY]) -> tuple[float, int]:
    """Distance and time at which a straight drive is nearest to the origin."""
    (began, a), (ended, b) = start, end
    east, north = b.x - a.x, b.y - a.y
    squared = east * east + north * north
    share = 0.0 if squared == 0 else min(1.0, max(0.0, -(a.x * east + a.y * north) / squared))
    place = XY(a.x + share * east, a.y + share * north)
    return place.distance_m(XY(0.0, 0.0)), began + round(share * (ended - began))
