"""Roads beside a route, made where the terrain has no site."""

import math
from random import Random
from typing import Final

from devices.geo.geometry import XY
from simulators.trials.truck_day import TruckDay
from simulators.vehicles.drive import Way

_TRIES: Final = 12
_MIDDLE: Final = (0.25, 0.7)


def haul_to_a_lonely_place(day: TruckDay) -> float | None:
    """Load, and drive to a place on the route far from every site: metres along the route. None, and nothing was added,
    where there is no such place.
    """
    at_m = day.terrain.lonely_place(day.haul, day.rng)
    if at_m is not None:
        day.load()
        day.drive(day.out.part(0.0, at_m))
    return at_m


def side_road(day: TruckDay, length_m: tuple[float, float]) -> tuple[float, Way] | None:
    """A road that leaves the route at 60 to 120 degrees, and the metres along the route where it does."""
    length = day.rng.uniform(*length_m)
    for _ in range(_TRIES):
        at_m = day.out.length_m * day.rng.uniform(*_MIDDLE)
        heading = day.out.heading_deg(at_m) + day.rng.choice((-1, 1)) * day.rng.uniform(60.0, 120.0)
        points = [day.out.at(at_m)]
        for bend_deg in (0.0, day.rng.uniform(-25.0, 25.0), day.rng.uniform(-25.0, 25.0)):
            heading += bend_deg
            points.append(_onwards(points[-1], heading, length / 3))
        road = Way.along(points)
        if day.terrain.is_clear(road):
            return at_m, road
    return None


def bypass(day: TruckDay, aside_m: float, along_m: float) -> tuple[float, float, Way] | None:
    """A road `aside_m` beside the route over `along_m`: from there, to there (metres along the route), and the road."""
    if along_m > 0.5 * day.out.length_m:
        return None
    for _ in range(_TRIES):
        from_m = day.out.length_m * day.rng.uniform(0.15, 0.8) - along_m / 2
        to_m = from_m + along_m
        if from_m < 0.1 * day.out.length_m or to_m > 0.9 * day.out.length_m:
            continue
        road = beside(day.out, from_m, to_m, aside_m, day.rng)
        if day.terrain.is_clear(road):
            return from_m, to_m, road
    return None


def beside(way: Way, from_m: float, to_m: float, aside_m: float, rng: Random) -> Way:
    """A road from one place of a way to another, `aside_m` beside it."""
    side = rng.choice((-1, 1))
    ramp_m = min(aside_m * rng.uniform(0.2, 0.8), 0.25 * (to_m - from_m))
    count = max(2, round((to_m - from_m - 2 * ramp_m) / 200))
    points = [way.at(from_m)]
    for n in range(count + 1):
        s_m = from_m + ramp_m + (to_m - from_m - 2 * ramp_m) * n / count
        points.append(_onwards(way.at(s_m), way.heading_deg(s_m) + 90 * side, aside_m))
    return Way.along([*points, way.at(to_m)])


def before_gate(day: TruckDay, outside_m: float) -> float | None:
    """Metres along the route of the last place that is `outside_m` outside the fence of its destination."""
    geometry, s_m = day.city.geometry, day.out.length_m
    while s_m > 0.5 * day.out.length_m:
        near = {site.site.id: site.distance_m for site in geometry.sites_near(day.out.at(s_m), 1_000.0, day.now_ms)}
        if near.get(day.haul.destination_site_id or "", 0.0) >= outside_m:
            return s_m
        s_m -= 5.0
    return None


def _onwards(start: XY, heading_deg: float, metres: float) -> XY:
    turn = math.radians(heading_deg)
    return XY(start.x + metres * math.sin(turn), start.y + metres * math.cos(turn))
