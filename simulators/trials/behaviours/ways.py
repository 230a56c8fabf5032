"""Trucks where they should not be: beside their route, in a forbidden zone, across the border, standing loaded."""

import math
from typing import Final

from shapely import LineString, Point

from devices.city.sites import ZoneKind
from devices.geo.geometry import XY, LatLon
from simulators.trials.behaviours.behaviour import Behaviour, concerns
from simulators.trials.behaviours.roads import bypass, side_road
from simulators.trials.town import forbidden_zone_of
from simulators.trials.truck_day import TruckDay
from simulators.vehicles.drive import Way

_OFF: Final = concerns("route_deviation")
_OFF_AND_STOPPED: Final = concerns("route_deviation", "stopped_loaded")
_ASIDE_M: Final = (90.0, 1_200.0)
_ALONG_M: Final = (500.0, 3_000.0)


def take_another_road(day: TruckDay) -> bool:
    """Loaded, drive 90 m to 1.2 km beside the route (small detours are as common as large ones) for 0.5 to 3 km."""
    return _bypass(day, loaded=True)


def take_another_road_empty(day: TruckDay) -> bool:
    """The same on the way home."""
    return _bypass(day, loaded=False)


def visit_a_side_road(day: TruckDay) -> bool:
    """Loaded, turn off for 0.3 to 2.4 km, stand there for 1 to 25 min, and come back."""
    found = side_road(day, (300.0, 2_400.0))
    if found is None:
        return False
    at_m, road = found
    day.load()
    started_ms = day.now_ms
    day.drive(day.out.part(0.0, at_m).then(road).rounded())
    day.stand(day.rng.uniform(60.0, 1_500.0))
    day.drive(road.reverse().then(day.out.part(at_m, day.out.length_m)).rounded())
    day.unusual("visit_a_side_road", started_ms)
    day.tip()
    day.go_home()
    return True


def stand_loaded_on_the_route(day: TruckDay) -> bool:
    """Loaded, stand at the roadside for 11 to 45 min."""
    at_m = day.terrain.lonely_place(day.haul, day.rng)
    if at_m is None:
        return False
    day.load()
    started_ms = day.now_ms
    day.drive(day.out.part(0.0, at_m))
    day.stand(day.rng.uniform(660.0, 2_700.0), ignition_on=day.rng.random() < 0.5)
    day.unusual("stand_loaded_on_the_route", started_ms)
    day.finish_round(at_m)
    return True


def cross_a_forbidden_zone(day: TruckDay) -> bool:
    """Loaded or empty, drive through a forbidden zone beside the route."""
    zone = next((zone for zone in day.city.zones if zone.id == forbidden_zone_of(day.haul)), None)
    if zone is None:
        return False
    centre = zone.area.centroid
    middle = day.city.plane.xy(LatLon(lat=centre.y, lon=centre.x))
    at_m = float(LineString([(point.x, point.y) for point in day.out.points]).project(Point(middle.x, middle.y)))
    reach_m = day.rng.uniform(500.0, 900.0)
    from_m, to_m = max(at_m - reach_m, 50.0), min(at_m + reach_m, day.out.length_m - 50.0)
    road = Way.along([day.out.at(from_m), _shifted(middle, day.rng.uniform(-60, 60)), day.out.at(to_m)])
    return _drive_round(day, "cross_a_forbidden_zone", from_m, to_m, road, loaded=day.rng.random() < 0.6)


def cross_the_border(day: TruckDay) -> bool:
    """Drive out of the area of jurisdiction and back, down a road that leaves the route outwards."""
    border = next((zone for zone in day.city.zones if zone.kind is ZoneKind.JURISDICTION), None)
    if border is None:
        return False
    best: tuple[float, float, float] | None = None
    for share in (0.3, 0.4, 0.5, 0.6, 0.7):
        at_m = day.out.length_m * share
        for side in (-90.0, 90.0):
            heading = day.out.heading_deg(at_m) + side
            for step in range(3, 31):
                far = 200.0 * step
                there = _onwards(day.out.at(at_m), heading, far)
                depth = day.city.zone_geometry.jurisdiction_at(there, day.now_ms)
                if depth is not None and depth.depth_m < -200:
                    if best is None or far < best[2]:
                        best = at_m, heading, far
                    break
    if best is None:
        return False
    at_m, heading, far_m = best
    end = _onwards(day.out.at(at_m), heading, far_m + day.rng.uniform(500.0, 1_500.0))
    road = Way.along([day.out.at(at_m), end])
    day.load()
    started_ms = day.now_ms
    day.drive(day.out.part(0.0, at_m).then(road).rounded())
    day.stand(day.rng.uniform(20.0, 400.0))
    day.drive(road.reverse().then(day.out.part(at_m, day.out.length_m)).rounded())
    day.unusual("cross_the_border", started_ms)
    day.tip()
    day.go_home()
    return True


def _bypass(day: TruckDay, *, loaded: bool) -> bool:
    aside_m = math.exp(day.rng.uniform(math.log(_ASIDE_M[0]), math.log(_ASIDE_M[1])))
    found = bypass(day, aside_m, day.rng.uniform(*_ALONG_M))
    if found is None:
        return False
    from_m, to_m, road = found
    name = "take_another_road" if loaded else "take_another_road_empty"
    return _drive_round(day, name, from_m, to_m, road, loaded=loaded)


def _drive_round(day: TruckDay, name: str, from_m: float, to_m: float, road: Way, *, loaded: bool) -> bool:
    """A round that takes `road` in place of a part of the route, on the loaded way or on the way home."""
    there = day.out.part(0.0, from_m).then(road).then(day.out.part(to_m, day.out.length_m)).rounded()
    day.load()
    if not loaded:
        day.drive(day.out)
        day.tip()
    started_ms = day.now_ms
    day.drive(there if loaded else there.reverse())
    day.unusual(name, started_ms)
    if loaded:
        day.tip()
        day.go_home()
    return True


def _onwards(start: XY, heading_deg: float, metres: float) -> XY:
    turn = math.radians(heading_deg)
    return XY(start.x + metres * math.sin(turn), start.y + metres * math.cos(turn))


def _shifted(place: XY, by_m: float) -> XY:
    return XY(place.x + by_m, place.y - by_m)


BEHAVIOURS: Final = (
    Behaviour(take_another_road, _OFF, 1.5),
    Behaviour(take_another_road_empty, _OFF, 1.0),
    Behaviour(visit_a_side_road, _OFF_AND_STOPPED, 1.0),
    Behaviour(stand_loaded_on_the_route, concerns("stopped_loaded"), 1.0),
    Behaviour(cross_a_forbidden_zone, concerns("forbidden_zone", "route_deviation"), 1.0),
    Behaviour(cross_the_border, concerns("left_jurisdiction", "route_deviation"), 1.0),
)
