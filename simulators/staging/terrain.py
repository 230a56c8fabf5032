"""The city in metres: each truck's work, and places beside its route that are far from every site."""

import math
import random
from collections.abc import Iterable, Iterator
from typing import Final

import shapely
from shapely import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from devices.city.model import City, Device
from devices.city.sites import Route
from devices.geo.geometry import XY, LatLon
from simulators.vehicles.drive import Way
from simulators.vehicles.haul import Haul

_CLEAR_OF_TIPPING_M: Final = 400.0
"""A dump this far away cannot be taken for tipping at the gate."""
_CLEAR_OF_OTHERS_M: Final = 150.0
_CLEAR_OF_OWN_ROUTES_M: Final = 900.0
"""Distance of a detour's end from all routes of its truck."""
_DETOUR_M: Final = (1_500.0, 2_400.0)
_MIDDLE: Final = (0.3, 0.65)
"""Incidents happen within these shares of a route: well away from both ends."""
_USUAL_TARE_KG: Final = 12_500.0
_USUAL_PAYLOAD_KG: Final = 15_000.0


class Terrain:
    """The city on its own metric plane. `at_ms` chooses among versions of sites, routes and permits."""

    def __init__(self, city: City, at_ms: int) -> None:
        self.plane = city.plane
        self._city = city
        self._at_ms = at_ms
        sites = [site for site in city.sites.values() if site.validity.covers(at_ms)]
        self._tipping = shapely.union_all([self._metric(site.area) for site in sites if site.kind.may_tip])
        self._others = shapely.union_all([self._metric(site.area) for site in sites if not site.kind.may_tip])

    def haul_of(self, device: Device) -> Haul | None:
        """The work of a truck's terminal; None if it has no vehicle or no approved route."""
        vehicle = self._city.vehicles.get(device.vehicle_id or "")
        if vehicle is None:
            return None
        route = next(iter(self._city.routes_of(vehicle.id, self._at_ms)), None)
        if route is None:
            return None
        return Haul(
            device_id=device.id,
            plate=vehicle.plate,
            tare_kg=vehicle.tare_kg or _USUAL_TARE_KG,
            payload_kg=vehicle.payload_kg or _USUAL_PAYLOAD_KG,
            out=self._way(route),
            destination_site_id=route.destination_site_id,
            source_site_id=route.origin_site_id,
        )

    def lonely_place(self, haul: Haul, rng: random.Random) -> float | None:
        """Metres along the way out where a truck can stop far from every site; None if there is no such place."""
        places = list(self._middle(haul.out))
        rng.shuffle(places)
        for s_m in places:
            if self._is_clear(_point(haul.out.at(s_m))):
                return s_m
        return None

    def detour(self, haul: Haul, rng: random.Random) -> tuple[float, Way] | None:
        """Metres along the way out, and a road from there to nowhere; None if the terrain has none."""
        vehicle = self._city.devices[haul.device_id].vehicle_id or ""
        allowed = shapely.union_all([self._metric(r.line) for r in self._city.routes_of(vehicle, self._at_ms)])
        tries = [(s_m, side) for s_m in self._middle(haul.out) for side in (-1, 1)]
        rng.shuffle(tries)
        for s_m, side in tries:
            road = _road(haul.out, s_m, side, rng)
            if self.is_clear(road) and allowed.distance(_point(road.points[-1])) >= _CLEAR_OF_OWN_ROUTES_M:
                return s_m, road
        return None

    def is_clear(self, way: Way) -> bool:
        """Return whether all of the way is far from every site."""
        return self._is_clear(LineString([(point.x, point.y) for point in way.points]))

    def _way(self, route: Route) -> Way:
        """The approved line, extended to a point inside the site if it ends outside."""
        points = [self._xy(corner[0], corner[1]) for corner in route.line.coords]
        first = self._inside(route.origin_site_id, points[0])
        last = self._inside(route.destination_site_id, points[-1])
        return Way.along([*first, *points, *last]).rounded()

    def _inside(self, site_id: str | None, end: XY) -> list[XY]:
        site = self._city.sites.get(site_id or "")
        if site is None or (area := self._metric(site.area)).contains(_point(end)):
            return []
        inner = area.representative_point()
        return [XY(inner.x, inner.y)]

    def _middle(self, way: Way) -> Iterator[float]:
        s_m = way.length_m * _MIDDLE[0]
        while s_m < way.length_m * _MIDDLE[1]:
            yield s_m
            s_m += 50.0

    def _is_clear(self, shape: BaseGeometry) -> bool:
        needed = ((self._tipping, _CLEAR_OF_TIPPING_M), (self._others, _CLEAR_OF_OTHERS_M))
        return all(sites.is_empty or sites.distance(shape) >= clear_m for sites, clear_m in needed)

    def _metric(self, shape: Polygon | LineString) -> BaseGeometry:
        if isinstance(shape, Polygon):
            return Polygon(self._flat(shape.exterior.coords), [self._flat(ring.coords) for ring in shape.interiors])
        return LineString(self._flat(shape.coords))

    def _flat(self, lonlat: Iterable[tuple[float, ...]]) -> list[tuple[float, float]]:
        points = (self._xy(pair[0], pair[1]) for pair in lonlat)
        return [(point.x, point.y) for point in points]

    def _xy(self, lon: float, lat: float) -> XY:
        return self.plane.xy(LatLon(lat=lat, lon=lon))


def _road(way: Way, s_m: float, side: int, rng: random.Random) -> Way:
    """A road that leaves at about a right angle, with two gentle bends."""
    heading = way.heading_deg(s_m) + side * rng.uniform(70.0, 110.0)
    length_m = rng.uniform(*_DETOUR_M)
    points = [way.at(s_m)]
    for share, bend in ((0.3, 0.0), (0.4, 18.0), (0.3, -25.0)):
        heading += side * bend
        step, turn = length_m * share, math.radians(heading)
        points.append(XY(points[-1].x + step * math.sin(turn), points[-1].y + step * math.cos(turn)))
    return Way.along(points)


def _point(xy: XY) -> Point:
    return Point(xy.x, xy.y)
