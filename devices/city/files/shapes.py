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

MAX_POSITIONS: Final = 20_000
"""Of one line or ring: a vertex each ten metres of a route of 200 km."""
_SAME_PLACE_M: Final = 0.01
_SHOWN_FAULTS: Final = 3
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

    plane: LocalPlane | None
    """None: the centre of the city could not be read, so that no distance from it can be checked."""
    datum: Datum

    def plane_at(self, place: LatLon) -> LocalPlane:
        return self.plane or LocalPlane(place)


def place_of(position: object, datum: Datum) -> LatLon:
    """Read a [lon, lat] position and convert it to WGS-84. Raises ShapeError."""
    if not isinstance(position, list) or len(position) not in {2, 3} or not all(map(_is_number, position)):
        raise ShapeError("coordinates", f"{position!r:.60} is not a position: write [lon, lat] in degrees")
    lon, lat = position[:2]
    if abs(lat) > 90:
        raise ShapeError("coordinates", f"{position} has latitude {lat}: {_SWAPPED}")
    if abs(lon) > 180:
        raise ShapeError("coordinates", f"{position} has longitude {lon}: write [lon, lat] in degrees")
    place = LatLon(lat=float(lat), lon=float(lon))
    return wgs84_of(place) if datum is Datum.GCJ02 else place


def area_of(geometry: object, radius_m: float | None, frame: Frame) -> Polygon:
    """Read a Polygon, or a Point with a radius, as a WGS-84 polygon. Raises ShapeError."""
    kind, coordinates = _parts(geometry)
    if kind == "Point":
        if radius_m is None:
            raise ShapeError("radius_m", "a Point needs one: metres from it to the fence")
        middle = _near_place(coordinates, frame)
        return _circle(middle, radius_m, frame.plane_at(middle))
    if kind != "Polygon":
        raise ShapeError("geometry.type", f"{kind!r} cannot be a site: draw a Polygon, or a Point with radius_m")
    if radius_m is not None:
        raise ShapeError("radius_m", "a Polygon has its own fence: remove it")
    rings = [_ring(ring, frame) for ring in _positions(coordinates)]
    if not rings:
        raise ShapeError("coordinates", "the polygon has no ring: draw its fence")
    area = Polygon(rings[0], rings[1:])
    if not area.is_valid:
        raise ShapeError("coordinates", f"{is_valid_reason(area)}: redraw the ring so that its sides do not meet")
    return area


def point_of(geometry: object, frame: Frame) -> LatLon:
    """Read a Point and convert it to WGS-84. Raises ShapeError."""
    kind, coordinates = _parts(geometry)
    if kind != "Point":
        raise ShapeError("geometry.type", f"{kind!r} cannot be a gate: draw a Point")
    return _near_place(coordinates, frame)


def line_of(geometry: object, frame: Frame) -> LineString:
    """Read a LineString and convert it to WGS-84. Raises ShapeError."""
    kind, coordinates = _parts(geometry)
    if kind != "LineString":
        raise ShapeError("geometry.type", f"{kind!r} cannot be a route: draw a LineString from origin to destination")
    places = _places(coordinates, frame)
    if len(places) < 2:
        raise ShapeError("coordinates", "a route has at least two vertices: draw it from origin to destination")
    return LineString(_distinct(places, frame))


def _parts(geometry: object) -> tuple[object, object]:
    if not isinstance(geometry, dict) or "type" not in geometry:
        raise ShapeError("geometry", "missing: draw it, a Polygon or Point for a site, a LineString for a route")
    return geometry["type"], geometry.get("coordinates")


def _positions(coordinates: object) -> list[object]:
    if not isinstance(coordinates, list):
        raise ShapeError("coordinates", f"{coordinates!r:.60} is not an array of positions: draw the shape again")
    if len(coordinates) > MAX_POSITIONS:
        fault = f"has {len(coordinates):,} positions, more than {MAX_POSITIONS:,}: simplify the shape"
        raise ShapeError("coordinates", fault)
    return coordinates


def _near_place(position: object, frame: Frame) -> LatLon:
    place = place_of(position, frame.datum)
    if frame.plane is None:
        return place
    away_m = _from_centre_m(place, frame.plane)
    if away_m > MAX_FROM_CENTRE_M:
        swapped_m = _from_centre_m(LatLon(lat=place.lon, lon=place.lat), frame.plane)
        hint = _SWAPPED if swapped_m < MAX_FROM_CENTRE_M else "check them, and the centre in city.yaml"
        raise ShapeError("coordinates", f"{position} is {away_m / 1000:.0f} km from the city's centre: {hint}")
    return place


def _from_centre_m(place: LatLon, plane: LocalPlane) -> float:
    return plane.xy(place).distance_m(plane.xy(plane.centre))


def _ring(ring: object, frame: Frame) -> list[tuple[float, float]]:
    places = _places(ring, frame)
    if len(places) < 4 or places[0] != places[-1]:
        raise ShapeError("coordinates", "a ring has at least four positions and ends where it began: close it")
    return _distinct(places, frame)


def _places(coordinates: object, frame: Frame) -> list[LatLon]:
    """Read every vertex. Raises ShapeError, which names each that is faulty."""
    places, faults = [], []
    for number, position in enumerate(_positions(coordinates), start=1):
        try:
            places.append(_near_place(position, frame))
        except ShapeError as exc:
            faults.append(f"vertex {number}: {exc.fault}")
    if faults:
        more = f"; and {len(faults) - _SHOWN_FAULTS} more vertices" if len(faults) > _SHOWN_FAULTS else ""
        raise ShapeError("coordinates", "; ".join(faults[:_SHOWN_FAULTS]) + more)
    return places


def _distinct(places: list[LatLon], frame: Frame) -> list[tuple[float, float]]:
    plane = frame.plane_at(places[0])
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
