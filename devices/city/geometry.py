"""Sites and routes on the metric plane: the fences near a place, and the distance of a place from a route.

Everything is projected and indexed once per City; rules query it for every fix of every truck. Pure, one fix at a time.
`sites_near` and `route_offset`, which every fix needs, use the edges that can be nearest to any place of the fix's grid
square (`devices.geo.plane_grid`): two microseconds instead of ten to twenty through GEOS, with the same result. GEOS
answers where the square cannot decide. Distances are metres on the city's plane, within its stated error.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, groupby, pairwise
from typing import Final, NamedTuple

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

from devices.city.sites import Route, Site
from devices.geo.geometry import XY, LatLon, LocalPlane
from devices.geo.plane_grid import (
    CELL_M,
    GRID_REACH_M,
    CellMemo,
    Edge,
    Side,
    cell_box,
    cell_centre,
    edges_near_square,
    edges_of,
    encloses,
    nearest,
)

_GRID_WITHIN_M: Final = 1_000.0
"""Wider searches (a landmark for an alert's text) are rare, and return too many sites to keep them for each square."""
_TIE_M: Final = 1e-6
"""This close to a fence, or to the end of the search, GEOS decides, so that rounding never does."""


class NearSite(NamedTuple):
    """A site and the distance to its fence; 0 inside."""

    site: Site
    distance_m: float


@dataclass(init=False, order=True, slots=True)
class RouteOffset:
    """Position of a place relative to a route. Never changed; one is made for every fix, as for `XY`."""

    distance_m: float
    """Distance to the nearest point of the route; never negative."""
    along_m: float
    """Length along the line from the route's origin to that point; decides between routes that are equally near."""

    def __init__(self, distance_m: float, along_m: float) -> None:
        self.distance_m = distance_m
        self.along_m = along_m


@dataclass(frozen=True)
class _PlaneRoute:
    line: LineString
    vertices: tuple[XY, ...]
    along_m: tuple[float, ...]
    edges: tuple[Edge, ...]


class _SquareSite(NamedTuple):
    """The part of a site's fence that matters to the places of one grid square."""

    site: Site
    edges: tuple[Edge, ...]
    """Edges of the fence that can be nearest; empty if the whole square is inside."""
    fence: tuple[Side, ...]
    """All sides of the fence if it runs through the square; else empty."""


class CityGeometry:
    """Spatial queries over one city's sites and routes. `City.geometry` builds it once per City."""

    def __init__(
        self, plane: LocalPlane, sites: Mapping[str, Site], past_sites: Sequence[Site], routes: Sequence[Route]
    ) -> None:
        self._sites = (*sites.values(), *past_sites)
        self._areas = [plane_polygon(site.area, plane) for site in self._sites]
        for area in self._areas:
            prepare(area)
        self._fences = [fence_of(area) for area in self._areas]
        self._sides = [sides_of(area) for area in self._areas]
        self._tree = STRtree(self._areas)
        self._newest_area = dict(zip(sites, self._areas, strict=False))  # past sites come after the newest ones
        self._routes = {(route.id, route.version): _plane_route(route.line, plane) for route in routes}
        self._square_sites: CellMemo[tuple[float, float, float], tuple[_SquareSite, ...]] = CellMemo()
        self._square_edges: CellMemo[tuple[str, int, float, float], tuple[Edge, ...]] = CellMemo()
        # Trackers and rules ask the same about one fix.
        self._last_near: tuple[XY, float, int, list[NearSite]] | None = None
        self._last_offset: tuple[Route, XY, RouteOffset] | None = None

    def sites_near(self, place: XY, within_m: float, ts: int) -> list[NearSite]:
        """Return sites valid at `ts` (device time, ms) whose fence is at most `within_m` away, nearest first.

        Asked again about the same `XY` at once, it answers with the same list: read only.
        """
        last = self._last_near
        if last is not None and last[0] is place and last[1] == within_m and last[2] == ts:
            return last[3]
        near = self._sites_near(place, within_m, ts)
        self._last_near = (place, within_m, ts, near)
        return near

    def _sites_near(self, place: XY, within_m: float, ts: int) -> list[NearSite]:
        x, y = place.x, place.y
        if not (within_m <= _GRID_WITHIN_M and -GRID_REACH_M < x < GRID_REACH_M and -GRID_REACH_M < y < GRID_REACH_M):
            return self._near(Point(x, y), within_m, ts)
        key = (x // CELL_M, y // CELL_M, within_m)
        square_sites = self._square_sites.get(key)
        if square_sites is None:
            square_sites = self._square_sites.remember(key, self._sites_of_square(*key))
        near: list[NearSite] = []
        for site, edges, fence in square_sites:
            if not site.validity.covers(ts):
                continue
            off_m = nearest(edges, x, y)[0] if edges else 0.0
            on_fence = off_m < _TIE_M
            if fence and not on_fence and encloses(fence, x, y):
                off_m = 0.0
            if (fence and on_fence) or -_TIE_M < off_m - within_m < _TIE_M:
                return self._near(Point(x, y), within_m, ts)
            if off_m < within_m:
                near.append(NearSite(site, off_m))
        return _nearest_first(near)

    def distance_to_site_m(self, site_id: str, place: XY) -> float:
        """Return the distance to a site's newest fence, 0 inside. Raises KeyError if the city has no such site."""
        return float(distance(self._newest_area[site_id], Point(place.x, place.y)))

    def route_offset(self, route: Route, place: XY) -> RouteOffset:
        """Return the distance from this version of a route, and how far along it the nearest point lies."""
        last = self._last_offset
        if last is not None and last[1] is place and last[0] is route:
            return last[2]
        offset = self._route_offset(route, place)
        self._last_offset = (route, place, offset)
        return offset

    def _route_offset(self, route: Route, place: XY) -> RouteOffset:
        x, y = place.x, place.y
        if not (-GRID_REACH_M < x < GRID_REACH_M and -GRID_REACH_M < y < GRID_REACH_M):
            return self._far_offset(route, Point(x, y))
        key = (route.id, route.version, x // CELL_M, y // CELL_M)
        edges = self._square_edges.get(key)
        if edges is None:
            centre = cell_centre(x // CELL_M, y // CELL_M)
            edges = edges_near_square(self._routes[route.id, route.version].edges, centre)
            self._square_edges.remember(key, edges)
        distance_m, along_m = nearest(edges, x, y)
        return RouteOffset(distance_m, along_m)

    def route_length_m(self, route: Route) -> float:
        return self._routes[route.id, route.version].along_m[-1]

    def route_place(self, route: Route, along_m: float) -> XY:
        """Return the place this far along a route: its start for less than 0, its end beyond its length."""
        projected = self._routes[route.id, route.version]
        along = min(max(along_m, 0.0), projected.along_m[-1])
        index = min(bisect_right(projected.along_m, along), len(projected.vertices) - 1)
        start, end = projected.vertices[index - 1], projected.vertices[index]
        share = (along - projected.along_m[index - 1]) / (projected.along_m[index] - projected.along_m[index - 1])
        return XY(start.x + share * (end.x - start.x), start.y + share * (end.y - start.y))

    def _near(self, point: Point, within_m: float, ts: int) -> list[NearSite]:
        near = []
        for index in self._tree.query(point, predicate="dwithin", distance=within_m).tolist():
            site = self._sites[index]
            if site.validity.covers(ts):
                near.append(NearSite(site, float(distance(self._areas[index], point))))
        return _nearest_first(near)

    def _far_offset(self, route: Route, point: Point) -> RouteOffset:
        line = self._routes[route.id, route.version].line
        return RouteOffset(float(distance(line, point)), float(line_locate_point(line, point)))

    def _sites_of_square(self, column: float, row: float, within_m: float) -> tuple[_SquareSite, ...]:
        square = cell_box(column, row)
        indices = sorted(self._tree.query(square, predicate="dwithin", distance=max(within_m, 0.0)).tolist())
        centre = cell_centre(column, row)
        return tuple(self._site_of_square(index, square, centre) for index in indices)

    def _site_of_square(self, index: int, square: Polygon, centre: XY) -> _SquareSite:
        site, area, fence = self._sites[index], self._areas[index], self._fences[index]
        if contains_properly(area, square):
            return _SquareSite(site, (), ())
        sides = self._sides[index] if intersects(area, square) else ()
        return _SquareSite(site, edges_near_square(fence, centre), sides)


def fence_of(area: Polygon) -> tuple[Edge, ...]:
    """Return the edges of all rings of an area on the plane."""
    rings = (area.exterior, *area.interiors)
    return tuple(chain.from_iterable(edges_of(XY(x, y) for x, y in ring.coords) for ring in rings))


def sides_of(area: Polygon) -> tuple[Side, ...]:
    """Return the sides of all rings of an area on the plane."""
    rings = (area.exterior, *area.interiors)
    return tuple((*start, *end) for ring in rings for start, end in pairwise(ring.coords))


def _nearest_first(sites: list[NearSite]) -> list[NearSite]:
    return sorted(sites, key=lambda near: (near.distance_m, near.site.id)) if len(sites) > 1 else sites


def _plane_route(line: LineString, plane: LocalPlane) -> _PlaneRoute:
    # A repeated vertex has no direction.
    vertices = tuple(vertex for vertex, _ in groupby(_projected(line.coords, plane)))
    along = accumulate((start.distance_m(end) for start, end in pairwise(vertices)), initial=0.0)
    return _PlaneRoute(
        LineString([(vertex.x, vertex.y) for vertex in vertices]), vertices, tuple(along), edges_of(vertices)
    )


def plane_polygon(area: Polygon, plane: LocalPlane) -> Polygon:
    """Project an area of WGS-84."""
    rings = [
        [(corner.x, corner.y) for corner in _projected(ring.coords, plane)] for ring in (area.exterior, *area.interiors)
    ]
    return Polygon(rings[0], rings[1:])


def _projected(coords: CoordinateSequence, plane: LocalPlane) -> list[XY]:
    return [plane.xy(LatLon(lat=lat, lon=lon)) for lon, lat, *_ in coords]
