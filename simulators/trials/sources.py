"""Sources of waste beside the routes of a trial, and the areas in which its trucks may collect."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Final

from shapely import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from devices.city.model import City, Permit, Vehicle
from devices.city.sites import Site, SiteKind, Zone, ZoneKind
from devices.geo.geometry import XY, LatLon
from simulators.vehicles.haul import Haul

_OTHER_STREAMS: Final = (
    (SiteKind.RECYCLING_POINT, ("kitchen",)),
    (SiteKind.RECYCLING_POINT, ("residual",)),
    (SiteKind.RECYCLING_POINT, ("kitchen", "residual")),
    (SiteKind.RECYCLING_POINT, ("hazardous",)),
    (SiteKind.CONSTRUCTION_SITE, ("decoration",)),
)
"""None of them may share a haul with spoil, demolition or site waste."""
_OTHER_AT: Final = (0.18, 0.28)
_SAME_AT: Final = (0.68, 0.8)
"""Shares of the route: before and behind its middle, where other things happen."""
_RADIUS_M: Final = 15.0
_FROM_ROAD_M: Final = (8.0, 20.0)
"""Between the middle of the road and the fence."""
_AREA_HALF_WIDTH_M: Final = 500.0
_CORNERS_M: Final = 60.0
_BORDER_NEAR: Final = 0.2
_NEAR_M: Final = (20.0, 90.0)
_FAR_M: Final = (150.0, 1_200.0)
"""How far outside the area the second source of a route is: in a fifth of the routes on the other side of the road."""


class Beside(StrEnum):
    """What a source beside a route has to give."""

    OTHER = "other"
    """A stream that may not be mixed with that of the route's own source."""
    SAME = "same"
    """The same stream, outside the area that the routes' source lies in."""


@dataclass(frozen=True, slots=True)
class Roadside:
    """A source beside a route: trucks stand on the road to collect."""

    at_m: float
    """Along the route."""
    site: Site


def roadside(city: City, haul: Haul, beside: Beside) -> Roadside:
    """The source of this sort beside the route of a haul."""
    site = city.sites[_source_id(haul, beside)]
    centre = site.area.centroid
    place = city.plane.xy(LatLon(lat=centre.y, lon=centre.x))
    way = LineString([(point.x, point.y) for point in haul.out.points])
    return Roadside(float(way.project(Point(place.x, place.y))), site)


def with_sources(city: City, hauls: Sequence[Haul], at_ms: int, rng: Random) -> City:
    """The city with two sources beside each route, areas and permits that name them, and trucks of two compartments.

    `at_ms` chooses among versions of sites.

    Of four trucks of a route two may collect in its area only, one in that and in another one that reaches further,
    and one anywhere. Every second one of these has two compartments.
    """
    routes = _by_route(hauls)
    sites, zones = dict(city.sites), list(city.zones)
    permits: dict[str, tuple[str, ...]] = {}
    vehicles = dict(city.vehicles)
    for number, crew in enumerate(routes.values()):
        sources = _sources(city, crew[0], at_ms, rng)
        sites |= sources
        areas = _areas(city, crew[0], sources, rng)
        zones += areas
        for place, haul in enumerate(crew):
            vehicle = vehicles[city.devices[haul.device_id].vehicle_id or ""]
            permits[vehicle.id] = ((areas[0].id,), (), (areas[0].id,), tuple(area.id for area in areas))[place % 4]
            if place % 4 == 1 and number % 2 == 0:
                vehicles[vehicle.id] = replace(vehicle, compartments=2)
    return replace(city, sites=sites, zones=tuple(zones), vehicles=vehicles, permits=_named(city.permits, permits))


def vehicle_of(city: City, haul: Haul) -> Vehicle:
    return city.vehicles[city.devices[haul.device_id].vehicle_id or ""]


def _named(permits: Sequence[Permit], areas: Mapping[str, tuple[str, ...]]) -> tuple[Permit, ...]:
    return tuple(replace(permit, area_ids=areas.get(permit.vehicle_id, ())) for permit in permits)


def _by_route(hauls: Sequence[Haul]) -> dict[str, list[Haul]]:
    routes: dict[str, list[Haul]] = {}
    for haul in hauls:
        routes.setdefault(_route_of(haul), []).append(haul)
    return routes


def _route_of(haul: Haul) -> str:
    return f"{haul.destination_site_id}-{round(haul.out.length_m)}"


def _source_id(haul: Haul, beside: Beside) -> str:
    return f"{beside}-{_route_of(haul)}"


def _sources(city: City, haul: Haul, at_ms: int, rng: Random) -> dict[str, Site]:
    kind, streams = rng.choice(_OTHER_STREAMS)
    own = city.geometry.sites_near(haul.source, 0.0, at_ms)
    of_own = next((near.site.streams for near in own if near.site.streams), ("spoil",))
    other = _site(city, haul, Beside.OTHER, rng.uniform(*_OTHER_AT), kind, streams, rng)
    same = _site(city, haul, Beside.SAME, rng.uniform(*_SAME_AT), SiteKind.CONSTRUCTION_SITE, of_own, rng)
    return {other.id: other, same.id: same}


def _site(
    city: City, haul: Haul, beside: Beside, share: float, kind: SiteKind, streams: tuple[str, ...], rng: Random
) -> Site:
    at_m = haul.out.length_m * share
    across = math.radians(haul.out.heading_deg(at_m) + rng.choice((-90.0, 90.0)))
    off_m = _RADIUS_M + rng.uniform(*_FROM_ROAD_M)
    on_road = haul.out.at(at_m)
    fence = Point(on_road.x + off_m * math.sin(across), on_road.y + off_m * math.cos(across)).buffer(
        _RADIUS_M, quad_segs=2
    )
    site_id = _source_id(haul, beside)
    return Site(site_id, kind, f"Source {site_id}", f"收集点{site_id}", _degrees(city, fence), streams=streams)


def _areas(city: City, haul: Haul, sources: Mapping[str, Site], rng: Random) -> list[Zone]:
    """The area around the beginning of the route, that ends before its second source; and one around all of it."""
    stops = roadside(replace(city, sites={**city.sites, **sources}), haul, Beside.SAME)
    outside_m = rng.uniform(*(_NEAR_M if rng.random() < _BORDER_NEAR else _FAR_M))
    until_m = max(stops.at_m - outside_m - _AREA_HALF_WIDTH_M, 0.3 * haul.out.length_m)
    stop = haul.out.at(stops.at_m)
    first = _around(haul.out.part(0.0, until_m).points)
    area = _with(first.difference(Point(stop.x, stop.y).buffer(outside_m, quad_segs=4)), haul.source)
    whole = _around(haul.out.points)
    name = _route_of(haul)
    return [
        Zone(f"area-{name}", 1, ZoneKind.PERMITTED_AREA, f"Area {name}", f"许可片区{name}", _degrees(city, area)),
        Zone(f"wide-{name}", 1, ZoneKind.PERMITTED_AREA, f"District {name}", f"许可大区{name}", _degrees(city, whole)),
    ]


def _with(shape: BaseGeometry, place: XY) -> BaseGeometry:
    """The part of a shape that holds a place."""
    parts: list[BaseGeometry] = list(shape.geoms) if hasattr(shape, "geoms") else [shape]
    return min(parts, key=lambda part: float(part.distance(Point(place.x, place.y))))


def _around(points: Sequence[XY]) -> BaseGeometry:
    """The area around a way, with as few corners as a map has: each costs time in every square of the city."""
    way = LineString([(point.x, point.y) for point in points]).simplify(_CORNERS_M)
    return way.buffer(_AREA_HALF_WIDTH_M, quad_segs=2).simplify(_CORNERS_M)


def _degrees(city: City, area: BaseGeometry) -> Polygon:
    if not isinstance(area, Polygon):
        raise TypeError(f"no polygon: {area.geom_type}")
    places = [city.plane.latlon(XY(x, y)) for x, y in area.exterior.coords]
    return Polygon([(place.lon, place.lat) for place in places])
