"""GeoJSON geometries of a city's files, checked and converted to WGS-84 polygons and lines."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from shapely import LineString, Point, Polygon, is_valid_reason

from devices.geo.gcj02 import wgs84_of
from devices.geo.geometry import XY, Datum, LatLon, LocalPlane

MAX_FROM_CENTRE_M: Final = 300_000.0
"""No city of China reaches further from its centre: then the coordinate order or the centre is wrong."""

_SAME_PLACE_M: Final = 0.01
_SWAPPED: Final = "coordinates are [lon, lat], these look swapped"


class ShapeError(Exception):
    """A geometry that cannot be used."""

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f"{field}: {fault}")
        self.field = field
        self.fault = fault
        """Says what is wrong with the field, and how to fix it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Frame of a file's coordinates: their datum, and the plane of the city."""

    plane: LocalPlane
    datum: Datum


def place_of(position: object, datum: Datum) -> LatLon:
    """Read a [lon, lat] position and convert it to WGS-84. Raises ShapeError."""
    if not isinstance(position, list) or len(position) not in {2, 3} or not all(map(_is_number, position)):
        raise ShapeError("coordinates", f"{position!r} is not a position: write [lon, lat] in degrees")
    lon, lat = position[:2]
    if abs(lat) > 90:
        raise ShapeError("coordinates", f"{position} has latitude {lat}: {_SWAPPED}")
    if abs(lon) > 180:
        raise ShapeError("coordinates", f"{position} has longitude {lon}: at most 180 degrees")
    place = LatLon(lat=float(lat), lon=float(lon))
    return wgs84_of(place) if datum is Datum.GCJ02 else place


def area_of(geometry: object, radius_m: float | None, frame: Frame) -> Polygon:
    """Read a Polygon, or a Point with a radius, as a WGS-84 polygon. Raises ShapeError."""
    kind, coordinates = _parts(geometry)
    if kind == "Point":
        if radius_m is None:
            raise ShapeError("radius_m", "a Point needs one: metres from it to the fence")
        return _circle(_near_place(coordinates, frame), radius_m, frame.plane)
    if kind != "Polygon":
        raise ShapeError("geometry.type", f"{kind!r} cannot be a site: draw a Polygon, or a Point with radius_m")
    if radius_m is not None:
        raise ShapeError("radius_m", "a Polygon has its own fence: remove it")
    rings = [_ring(ring, frame) for ring in _positions(coordinates)]
    if not rings:
        raise ShapeError("coordinates", "the polygon has no ring")
    area = Polygon(rings[0], rings[1:])
    if not area.is_valid:
        raise ShapeError("coordinates", f"{is_valid_reason(area)}: redraw the ring so that its sides do not meet")
    return area


def line_of(geometry: object, frame: Frame) -> LineString:
    """Read a LineString and convert it to WGS-84. Raises ShapeError."""
    kind, coordinates = _parts(geometry)
    if kind != "LineString":
        raise ShapeError("geometry.type", f"{kind!r} cannot be a route: draw a LineString from origin to destination")
    places = [_near_place(position, frame) for position in _positions(coordinates)]
    if len(places) < 2:
        raise ShapeError("coordinates", "a route has at least two vertices")
    return LineString(_distinct(places, frame.plane))


def _parts(geometry: object) -> tuple[object, object]:
    if not isinstance(geometry, dict) or "type" not in geometry:
        raise ShapeError("geometry", "missing: every feature needs one")
    return geometry["type"], geometry.get("coordinates")


def _positions(coordinates: object) -> list[object]:
    if not isinstance(coordinates, list):
        raise ShapeError("coordinates", f"{coordinates!r} is not an array of positions")
    return coordinates


def _near_place(position: object, frame: Frame) -> LatLon:
    place = place_of(position, frame.datum)
    away_m = _from_centre_m(place, frame.plane)
    if away_m > MAX_FROM_CENTRE_M:
        swapped_m = _from_centre_m(LatLon(lat=place.lon, lon=place.lat), frame.plane)
        hint = _SWAPPED if swapped_m < MAX_FROM_CENTRE_M else "check them, and the centre in city.yaml"
        raise ShapeError("coordinates", f"{position} is {away_m / 1000:.0f} km from the city's centre: {hint}")
    return place


def _from_centre_m(place: LatLon, plane: LocalPlane) -> float:
    return plane.xy(place).distance_m(plane.xy(plane.centre))


def _ring(ring: object, frame: Frame) -> list[tuple[float, float]]:
    places = [_near_place(position, frame) for position in _positions(ring)]
    if len(places) < 4 or places[0] != places[-1]:
        raise ShapeError("coordinates", "a ring has at least four positions and ends where it began: close it")
    return _distinct(places, frame.plane)


def _distinct(places: list[LatLon], plane: LocalPlane) -> list[tuple[float, float]]:
    for index, (before, after) in enumerate(pairwise(places), start=2):
        if plane.xy(before).distance_m(plane.xy(after)) < _SAME_PLACE_M:
            raise ShapeError("coordinates", f"vertex {index} repeats the one before it: remove it")
    return [(place.lon, place.lat) for place in places]


def _circle(middle: LatLon, radius_m: float, plane: LocalPlane) -> Polygon:
    centre = plane.xy(middle)
    corners = Point(centre.x, centre.y).buffer(radius_m, quad_segs=8).exterior.coords
    return Polygon([_lon_lat(plane, x, y) for x, y in corners])


def _lon_lat(plane: LocalPlane, x: float, y: float) -> tuple[float, float]:
    place = plane.latlon(XY(x, y))
    return place.lon, place.lat


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
