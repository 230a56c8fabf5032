"""Sites and routes of a city on its metric plane: which fences are near a place, how far a place is from a route.

Everything is projected and indexed once per City; every fix of every truck asks here. Pure and without batches.
The two questions of every fix, `sites_near` and `route_offset`, are answered from what the fix's square of the plane
can see (`plane_grid`): two microseconds for ten to twenty through GEOS, with the same result. Where the square does not
decide, GEOS does. Distances are metres on the city's plane, which holds its stated error.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, chain, groupby, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from shapely import (
    LineString,
    Point,
    Polygon,
    STRtree,
    contains_properly,
    distance,
    intersects,
    line_locate_point,
    prepare,
)
from shapely.coords import CoordinateSequence

from devices.geo.geometry import XY, LatLon, LocalPlane
from devices.geo.plane_grid import (
    CELL_M,
    GRID_REACH_M,
    CellMemo,
    Edge,
    Side,
    cell_box,
    cell_centre,
    edges_of,
    edges_seen,
    encloses,
    nearest,
)

if TYPE_CHECKING:
    from devices.city.model import City, Route, Site


_GRID_WITHIN_M: Final = 1_000.0
"""A wider search (a landmark for an alert's text) is rare, and finds too many sites to remember them by the square."""
_TIE_M: Final = 1e-6
"""A fence no further than this from where the search ends is left to GEOS, so that rounding never decides."""


class NearSite(NamedTuple):
    """A site and how far its fence is; 0 inside."""

    site: "Site"
    distance_m: float


@dataclass(init=False, order=True, slots=True)
class RouteOffset:
    """Where a place lies in relation to a route. Never changed; made for every fix, as `XY` is."""

    distance_m: float
    """From the nearest point of the route; never negative."""
    along_m: float
    """From the route's origin to that nearest point, along the line; decides between routes that are equally near."""

    def __init__(self, distance_m: float, along_m: float) -> None:
        self.distance_m = distance_m
        self.along_m = along_m


@dataclass(frozen=True)
class _PlaneRoute:
    line: LineString
    vertices: tuple[XY, ...]
    along_m: tuple[float, ...]
    edges: tuple[Edge, ...]


class _SeenSite(NamedTuple):
    """A site as one square of the plane sees it."""

    site: "Site"
    edges: tuple[Edge, ...]
    """Those of its fence that can be nearest; none inside the fence."""
    fence: tuple[Side, ...]
    """All of it, where it runs through the square; else none."""


class CityGeometry:
    """Spatial questions about one City. Build it once per City (`City.geometry` does)."""

    def __init__(self, city: "City") -> None:
        self._plane = city.plane
        self._sites = (*city.sites.values(), *city.past_sites)
        self._areas = [_plane_polygon(site.area, city.plane) for site in self._sites]
        for area in self._areas:
            prepare(area)
        self._fences = [_fence(area) for area in self._areas]
        self._sides = [_sides(area) for area in self._areas]
        self._tree = STRtree(self._areas)
        self._area_of = dict(zip(city.sites, self._areas, strict=False))
        self._routes = {(route.id, route.version): _plane_route(route.line, city.plane) for route in city.routes}
        self._sites_seen: CellMemo[tuple[float, float, float], tuple[_SeenSite, ...]] = CellMemo()
        self._edges_seen: CellMemo[tuple[str, int, float, float], tuple[Edge, ...]] = CellMemo()

    def sites_near(self, place: XY, within_m: float, ts: int) -> list[NearSite]:
        """Sites valid at `ts` (device time, ms) whose fence is at most `within_m` away, nearest first."""
        x, y = place.x, place.y
        if not (within_m <= _GRID_WITHIN_M and -GRID_REACH_M < x < GRID_REACH_M and -GRID_REACH_M < y < GRID_REACH_M):
            return self._near(Point(x, y), within_m, ts)
        key = (x // CELL_M, y // CELL_M, within_m)
        seen = self._sites_seen.get(key)
        if seen is None:
            seen = self._sites_seen.remember(key, self._see_sites(*key))
        found: list[NearSite] = []
        for site, edges, fence in seen:
            if not site.validity.covers(ts):
                continue
            off_m = nearest(edges, x, y)[0] if edges else 0.0
            on_fence = off_m < _TIE_M
            if fence and not on_fence and encloses(fence, x, y):
                off_m = 0.0
            if (fence and on_fence) or -_TIE_M < off_m - within_m < _TIE_M:
                return self._near(Point(x, y), within_m, ts)
            if off_m < within_m:
                found.append(NearSite(site, off_m))
        return _nearest_first(found)

    def sites_crossed(self, start: XY, end: XY, ts: int, within_m: float = 0.0) -> list[NearSite]:
        """As `sites_near`, for the straight run between two fixes: a fence cut between them is seen."""
        return self._near(LineString(((start.x, start.y), (end.x, end.y))), within_m, ts)

    def distance_to_site_m(self, site_id: str, place: XY) -> float:
        """To its newest fence, 0 inside. Raises KeyError for a site the city does not have."""
        return float(distance(self._area_of[site_id], Point(place.x, place.y)))

    def route_offset(self, route: "Route", place: XY) -> RouteOffset:
        """How far a place is from this version of a route, and how far along it the nearest point lies."""
        x, y = place.x, place.y
        if not (-GRID_REACH_M < x < GRID_REACH_M and -GRID_REACH_M < y < GRID_REACH_M):
            return self._far_offset(route, Point(x, y))
        key = (route.id, route.version, x // CELL_M, y // CELL_M)
        edges = self._edges_seen.get(key)
        if edges is None:
            every_edge = self._routes[route.id, route.version].edges
            edges = self._edges_seen.remember(key, edges_seen(every_edge, cell_centre(x // CELL_M, y // CELL_M)))
        distance_m, along_m = nearest(edges, x, y)
        return RouteOffset(distance_m, along_m)

    def segment_route_distance_m(self, route: "Route", start: XY, end: XY) -> float:
        """The least distance between a route and the straight run between two fixes; 0 when they cross."""
        run = LineString(((start.x, start.y), (end.x, end.y)))
        return float(distance(self._routes[route.id, route.version].line, run))

    def route_length_m(self, route: "Route") -> float:
        return self._routes[route.id, route.version].along_m[-1]

    def route_place(self, route: "Route", along_m: float) -> XY:
        """The place this far along a route; its ends for less than 0 and more than its length."""
        projected = self._routes[route.id, route.version]
        along = min(max(along_m, 0.0), projected.along_m[-1])
        index = min(bisect_right(projected.along_m, along), len(projected.vertices) - 1)
        start, end = projected.vertices[index - 1], projected.vertices[index]
        share = (along - projected.along_m[index - 1]) / (projected.along_m[index] - projected.along_m[index - 1])
        return XY(start.x + share * (end.x - start.x), start.y + share * (end.y - start.y))

    def _near(self, shape: Point | LineString, within_m: float, ts: int) -> list[NearSite]:
        found = []
        for index in self._tree.query(shape, predicate="dwithin", distance=within_m).tolist():
            site = self._sites[index]
            if site.validity.covers(ts):
                found.append(NearSite(site, float(distance(self._areas[index], shape))))
        return _nearest_first(found)

    def _far_offset(self, route: "Route", point: Point) -> RouteOffset:
        line = self._routes[route.id, route.version].line
        return RouteOffset(float(distance(line, point)), float(line_locate_point(line, point)))

    def _see_sites(self, column: float, row: float, within_m: float) -> tuple[_SeenSite, ...]:
        square = cell_box(column, row)
        indices = sorted(self._tree.query(square, predicate="dwithin", distance=max(within_m, 0.0)).tolist())
        centre = cell_centre(column, row)
        return tuple(self._see_site(index, square, centre) for index in indices)

    def _see_site(self, index: int, square: Polygon, centre: XY) -> _SeenSite:
        site, area, fence = self._sites[index], self._areas[index], self._fences[index]
        if contains_properly(area, square):
            return _SeenSite(site, (), ())
        return _SeenSite(site, edges_seen(fence, centre), self._sides[index] if intersects(area, square) else ())


def _fence(area: Polygon) -> tuple[Edge, ...]:
    rings = (area.exterior, *area.interiors)
    return tuple(chain.from_iterable(edges_of(XY(x, y) for x, y in ring.coords) for ring in rings))


def _sides(area: Polygon) -> tuple[Side, ...]:
    rings = (area.exterior, *area.interiors)
    return tuple((*start, *end) for ring in rings for start, end in pairwise(ring.coords))


def _nearest_first(found: list[NearSite]) -> list[NearSite]:
    return sorted(found, key=lambda near: (near.distance_m, near.site.id)) if len(found) > 1 else found


def _plane_route(line: LineString, plane: LocalPlane) -> _PlaneRoute:
    vertices = tuple(vertex for vertex, _ in groupby(_projected(line.coords, plane)))  # a repeated one has no direction
    along = accumulate((start.distance_m(end) for start, end in pairwise(vertices)), initial=0.0)
    return _PlaneRoute(
        LineString([(vertex.x, vertex.y) for vertex in vertices]), vertices, tuple(along), edges_of(vertices)
    )


def _plane_polygon(area: Polygon, plane: LocalPlane) -> Polygon:
    rings = [
        [(corner.x, corner.y) for corner in _projected(ring.coords, plane)] for ring in (area.exterior, *area.interiors)
    ]
    return Polygon(rings[0], rings[1:])


def _projected(coords: CoordinateSequence, plane: LocalPlane) -> list[XY]:
    return [plane.xy(LatLon(lat=lat, lon=lon)) for lon, lat, *_ in coords]
