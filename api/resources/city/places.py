"""The city: its sites, approved routes and corridors, as GeoJSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any, Final

import shapely
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from shapely import LineString

from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.instants import Instant
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.problems import ProblemKind
from api.resources.devices import District, Fleet
from api.resources.geojson import Feature, FeatureCollection, GeoJSONResponse, Geometry, geo_answer, map_layer
from devices.city.model import City
from devices.city.sites import Route, Site, SiteKind, Validity
from devices.geo.geometry import XY, LatLon, LocalPlane
from devices.readings.instants import MINUTE_MS, SECOND_MS

router = APIRouter(tags=["map"], dependencies=VIEWERS)

SITE_EXAMPLE: Final = {
    "type": "Feature",
    "id": "spoil-nw",
    "geometry": {
        "type": "Polygon",
        "coordinates": [[[112.80, 35.52], [112.81, 35.52], [112.81, 35.53], [112.80, 35.52]]],
    },
    "properties": {
        "kind": "disposal_site",
        "name": "North-west spoil ground",
        "name_zh": "西北弃土场",
        "district": "zezhou",
        "may_tip": True,
        "deposit_hours": [],
        "streams": [],
        "valid_from": None,
        "valid_to": None,
    },
}
_ROUTE_EXAMPLE: Final = {
    "type": "Feature",
    "id": "r-nw@2",
    "geometry": {"type": "LineString", "coordinates": [[112.85, 35.49], [112.80, 35.52]]},
    "properties": {
        "route_id": "r-nw",
        "version": 2,
        "name": "To the north-west spoil ground",
        "name_zh": "至西北弃土场",
        "origin_site_id": "works-1",
        "destination_site_id": "spoil-nw",
        "valid_from": None,
        "valid_to": None,
    },
}

CORRIDOR_EXAMPLE: Final = {
    **_ROUTE_EXAMPLE,
    "geometry": {
        "type": "Polygon",
        "coordinates": [[[112.8495, 35.4897], [112.8505, 35.4903], [112.8, 35.5206], [112.8495, 35.4897]]],
    },
    "properties": {**_ROUTE_EXAMPLE["properties"], "half_width_m": 60.0},  # type: ignore[dict-item]
}
FRESH_S: Final = MINUTE_MS // SECOND_MS
"""Browsers may keep a layer this long: a city changes only by an import."""
_DECIMALS: Final = 6
"""Decimals of a degree in the edge of a corridor: 0.1 m."""

VehicleId = Annotated[str | None, Query(max_length=64, description="Only routes this vehicle has a permit for")]
SiteId = Annotated[str | None, Query(max_length=64, description="Only routes that begin or end at this site")]
At = Annotated[Instant | None, Query(description="Only what is valid at this time; now by default")]


class Centre(BaseModel):
    """A position in WGS-84 degrees."""

    lat: float
    lon: float


class AreaOut(BaseModel):
    """A district or a fleet, and what people call it."""

    id: str
    name: str
    name_zh: str


class CityOut(BaseModel):
    """The city this server watches."""

    id: str
    name: str
    name_zh: str
    timezone: str = Field(description="IANA name of the time zone that people of the city use")
    centre: Centre
    revision: int = Field(description="Increases with every import of the registry")
    devices: int
    vehicles: int
    sites: int
    routes: int = Field(description="Number of route versions")
    districts: list[AreaOut] = Field(description="Those that the city names; sites and devices may have others")
    fleets: list[AreaOut]


_CITY_EXAMPLE: Final = {
    "id": "jincheng",
    "name": "Jincheng",
    "name_zh": "晋城市",
    "timezone": "Asia/Shanghai",
    "centre": {"lat": 35.491, "lon": 112.852},
    "revision": 1,
    "devices": 60,
    "vehicles": 30,
    "sites": 40,
    "routes": 12,
    "districts": [{"id": "zezhou", "name": "Zezhou", "name_zh": "泽州"}],
    "fleets": [{"id": "taihang", "name": "Taihang Muck Haulage", "name_zh": "太行渣土运输"}],
}


@router.get(
    "/city",
    summary="Show the city",
    response_model=CityOut,
    responses=answer("The city", _CITY_EXAMPLE) | problems(ProblemKind.UNAUTHORIZED),
)
def show_city(parts: Parts) -> CityOut:
    """Name, time zone, centre and size of the city: what a map or a board needs first."""
    city = parts.city()
    return CityOut(
        id=city.id,
        name=city.name,
        name_zh=city.name_zh,
        timezone=city.timezone,
        centre=Centre(lat=city.centre.lat, lon=city.centre.lon),
        revision=city.revision,
        devices=len(city.devices),
        vehicles=len(city.vehicles),
        sites=len(city.sites),
        routes=len(city.routes),
        districts=[AreaOut(**asdict(area)) for area in city.districts],
        fleets=[AreaOut(**asdict(area)) for area in city.fleets],
    )


@router.get(
    "/sites",
    dependencies=LARGE,
    summary="Sites of the city",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One polygon per site", SITE_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.TOO_BUSY),
)
def sites(
    request: Request,
    parts: Parts,
    kind: Annotated[SiteKind | None, Query(description="Only sites of this kind")] = None,
    district: District = None,
    site_id: Annotated[str | None, Query(max_length=64, description="Only this site")] = None,
    at: At = None,
) -> Response:
    """Fences of the registered sites. Carries an ETag; a client may cache the layer for a minute."""
    moment = parts.now() if at is None else at
    selected = (
        site
        for site in parts.city().sites.values()
        if (kind is None or site.kind is kind)
        and (district is None or site.district == district)
        and (site_id is None or site.id == site_id)
        and site.validity.covers(moment)
    )
    return map_layer(request, map(_site, selected), fresh_s=FRESH_S)


@router.get(
    "/routes",
    dependencies=LARGE,
    summary="Approved routes of the city",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One line per route version", _ROUTE_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.TOO_BUSY),
)
def routes(
    request: Request,
    parts: Parts,
    vehicle_id: VehicleId = None,
    fleet: Fleet = None,
    site_id: SiteId = None,
    at: At = None,
) -> Response:
    """Approved routes from origin to destination; trucks drive them in both directions.

    Carries an ETag; a client may cache the layer for a minute.
    """
    selected = _routes_of(parts.city(), vehicle_id, fleet, site_id, parts.now() if at is None else at)
    return map_layer(request, map(_route, selected), fresh_s=FRESH_S)


@router.get(
    "/corridors",
    dependencies=LARGE,
    summary="Corridors around the approved routes",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One polygon per route version", CORRIDOR_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.TOO_BUSY),
)
def corridors(
    request: Request,
    parts: Parts,
    vehicle_id: VehicleId = None,
    fleet: Fleet = None,
    site_id: SiteId = None,
    at: At = None,
) -> Response:
    """The area in which a truck follows an approved route: `half_width_m` to both sides, as the judge has it, or as
    the route has it.

    Carries an ETag; a client may cache the layer for a minute.
    """
    city, half_width_m = parts.city(), parts.corridor_m()
    found = _routes_of(city, vehicle_id, fleet, site_id, parts.now() if at is None else at)
    return map_layer(
        request, (_corridor(route, city.plane, route.corridor_m or half_width_m) for route in found), fresh_s=FRESH_S
    )


def _routes_of(
    city: City, vehicle_id: str | None, fleet: str | None, site_id: str | None, moment: int
) -> Iterator[Route]:
    vehicles = _vehicles_of(city, vehicle_id, fleet)
    permitted = (
        None if vehicles is None else {route for vehicle in vehicles for route in city.routes_of(vehicle, moment)}
    )
    for route in city.routes:
        if (
            route.validity.covers(moment)
            and (permitted is None or route in permitted)
            and (site_id is None or site_id in {route.origin_site_id, route.destination_site_id})
        ):
            yield route


def _vehicles_of(city: City, vehicle_id: str | None, fleet: str | None) -> set[str] | None:
    """Ids of the vehicles whose routes are wanted; None: of all vehicles."""
    if fleet is None:
        return None if vehicle_id is None else {vehicle_id}
    of_fleet = {device.vehicle_id for device in city.devices.values() if device.fleet == fleet and device.vehicle_id}
    return of_fleet if vehicle_id is None else of_fleet & {vehicle_id}


def _site(site: Site) -> Feature:
    return Feature(
        id=site.id,
        geometry=Geometry.model_validate(site.area.__geo_interface__),
        properties={
            "kind": site.kind,
            "name": site.name,
            "name_zh": site.name_zh,
            "district": site.district,
            "may_tip": site.kind.may_tip,
            "deposit_hours": [str(hours) for hours in site.deposit_hours],
            "streams": list(site.streams),
        }
        | interval(site.validity),
    )


def _route(route: Route) -> Feature:
    return Feature(
        id=f"{route.id}@{route.version}",
        geometry=Geometry.model_validate(route.line.__geo_interface__),
        properties={
            "route_id": route.id,
            "version": route.version,
            "name": route.name,
            "name_zh": route.name_zh,
            "origin_site_id": route.origin_site_id,
            "destination_site_id": route.destination_site_id,
        }
        | interval(route.validity),
    )


def _corridor(route: Route, plane: LocalPlane, half_width_m: float) -> Feature:
    line = LineString([_metres(plane, lon, lat) for lon, lat, *_ in route.line.coords])
    band = shapely.orient_polygons(line.buffer(half_width_m, quad_segs=8))  # outside counter-clockwise: RFC 7946
    rings = [[_degrees(plane, x, y) for x, y in ring.coords] for ring in (band.exterior, *band.interiors)]
    feature = _route(route)
    return feature.model_copy(
        update={
            "geometry": Geometry(type="Polygon", coordinates=rings),
            "properties": {**feature.properties, "half_width_m": half_width_m},
        }
    )


def _metres(plane: LocalPlane, lon: float, lat: float) -> tuple[float, float]:
    xy = plane.xy(LatLon(lat=lat, lon=lon))
    return xy.x, xy.y


def _degrees(plane: LocalPlane, x: float, y: float) -> tuple[float, float]:
    position = plane.latlon(XY(x, y))
    return round(position.lon, _DECIMALS), round(position.lat, _DECIMALS)


def interval(validity: Validity) -> dict[str, Any]:
    return {"valid_from": validity.start_ms, "valid_to": validity.end_ms}
