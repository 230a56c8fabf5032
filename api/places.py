"""The city on the map: sites and approved routes as GeoJSON."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.guard import READERS
from api.instants import Instant
from api.openapi import answer, problems
from api.ports import Parts
from api.problems import ProblemKind
from api.shapes import Feature, FeatureCollection, GeoJSONResponse, Geometry, geo_answer
from devices.city import City, Route, Site, SiteKind, Validity

router = APIRouter(tags=["map"], dependencies=READERS)

_SITE_EXAMPLE: Final = {
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

At = Annotated[Instant | None, Query(description="As it is valid at this moment; now by default")]


class Centre(BaseModel):
    """WGS-84 degrees."""

    lat: float
    lon: float


class CityOut(BaseModel):
    """The city this server watches."""

    id: str
    name: str
    name_zh: str
    timezone: str = Field(description="IANA name; people read times in it")
    centre: Centre
    revision: int = Field(description="Grows with every import of the registry")
    devices: int
    vehicles: int
    sites: int
    routes: int = Field(description="Route versions")


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
}


@router.get(
    "/city",
    summary="Show the city",
    response_model=CityOut,
    responses=answer("The city", _CITY_EXAMPLE) | problems(ProblemKind.UNAUTHORIZED),
)
def show_city(parts: Parts) -> CityOut:
    """What a map or a board needs to know first."""
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
    )


@router.get(
    "/sites",
    summary="Sites of the city",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One polygon per site", _SITE_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID),
)
def sites(
    parts: Parts,
    kind: Annotated[SiteKind | None, Query(description="Only sites of this kind")] = None,
    at: At = None,
) -> FeatureCollection:
    """Fences of the registered sites."""
    city, moment = parts.city(), parts.now() if at is None else at
    found = (site for site in city.sites.values() if kind is None or site.kind is kind)
    return FeatureCollection(features=[_site(site) for site in found if site.validity.covers(moment)])


@router.get(
    "/routes",
    summary="Approved routes of the city",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One line per route version", _ROUTE_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID),
)
def routes(
    parts: Parts,
    vehicle_id: Annotated[
        str | None, Query(max_length=64, description="Only routes this vehicle has a permit for")
    ] = None,
    at: At = None,
) -> FeatureCollection:
    """Approved routes, from origin to destination; they are driven both ways."""
    city, moment = parts.city(), parts.now() if at is None else at
    return FeatureCollection(features=[_route(route) for route in _routes_of(city, vehicle_id, moment)])


def _routes_of(city: City, vehicle_id: str | None, moment: int) -> list[Route]:
    if vehicle_id is not None:
        return list(city.routes_of(vehicle_id, moment))
    return [route for route in city.routes if route.validity.covers(moment)]


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
        }
        | _interval(site.validity),
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
        | _interval(route.validity),
    )


def _interval(validity: Validity) -> dict[str, Any]:
    return {"valid_from": validity.start_ms, "valid_to": validity.end_ms}
