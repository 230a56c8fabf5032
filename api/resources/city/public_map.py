"""Sites, corridors and zones at `/geo/…`, for maps on other pages, whose viewers' browsers send no token."""

from fastapi import APIRouter, Request, Response

from api.access.roles import MAP_VIEWERS
from api.access.visible import MapParts
from api.http.large_answers import LARGE
from api.http.openapi import problems
from api.http.problems import ProblemKind
from api.resources.city import places
from api.resources.city import zones as zone_layer
from api.resources.geojson import FeatureCollection, GeoJSONResponse, geo_answer

router = APIRouter(prefix="/geo", tags=["map"], dependencies=[*MAP_VIEWERS, *LARGE])


@router.get(
    "/sites.geojson",
    summary="Sites of the city, for maps on other pages",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One polygon per site", places.SITE_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.TOO_BUSY),
)
def sites(request: Request, parts: MapParts) -> Response:
    """The current layer of `/api/v1/sites`. Needs no token if HAULWATCH_API_PUBLIC_MAP is on."""
    return places.sites(request, parts)


@router.get(
    "/corridors.geojson",
    summary="Corridors of the approved routes, for maps on other pages",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One polygon per route version", places.CORRIDOR_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.TOO_BUSY),
)
def corridors(request: Request, parts: MapParts) -> Response:
    """The current layer of `/api/v1/corridors`. Needs no token if HAULWATCH_API_PUBLIC_MAP is on."""
    return places.corridors(request, parts)


@router.get(
    "/zones.geojson",
    summary="Zones of the city, for maps on other pages",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One polygon per zone", zone_layer.ZONE_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.TOO_BUSY),
)
def zones(request: Request, parts: MapParts) -> Response:
    """The current layer of `/api/v1/zones`. Needs no token if HAULWATCH_API_PUBLIC_MAP is on."""
    return zone_layer.zones(request, parts)
