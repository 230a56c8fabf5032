"""Zones of the city, as GeoJSON: where trucks may not drive, which area they may not leave, where they may collect."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.large_answers import LARGE
from api.http.openapi import problems
from api.http.problems import ProblemKind
from api.resources.city.places import FRESH_S, At, interval
from api.resources.geojson import Feature, FeatureCollection, GeoJSONResponse, Geometry, geo_answer, map_layer
from devices.city.sites import Zone, ZoneKind

router = APIRouter(tags=["map"], dependencies=VIEWERS)

ZONE_EXAMPLE: Final = {
    "type": "Feature",
    "id": "old-town",
    "geometry": {
        "type": "Polygon",
        "coordinates": [[[112.84, 35.48], [112.86, 35.48], [112.86, 35.50], [112.84, 35.48]]],
    },
    "properties": {
        "kind": "forbidden",
        "version": 1,
        "name": "Old town",
        "name_zh": "老城区",
        "valid_from": None,
        "valid_to": None,
    },
}


@router.get(
    "/zones",
    dependencies=LARGE,
    summary="Zones of the city",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One polygon per zone", ZONE_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.TOO_BUSY),
)
def zones(
    request: Request,
    parts: Parts,
    kind: Annotated[ZoneKind | None, Query(description="Only zones of this kind")] = None,
    zone_id: Annotated[str | None, Query(max_length=64, description="Only this zone")] = None,
    vehicle_id: Annotated[
        str | None, Query(max_length=64, description="Only permitted areas that a permit of this vehicle names")
    ] = None,
    at: At = None,
) -> Response:
    """Areas of the city's zones.geojson: `forbidden` 禁行区, `jurisdiction` 辖区, `permitted_area` 许可区域.

    Rules judge by them: `forbidden_zone`, `left_jurisdiction`, `outside_permitted_area`.

    Carries an ETag; a client may cache the layer for a minute.
    """
    moment, city = parts.now() if at is None else at, parts.city()
    named = {
        area
        for permit in city.permits
        if permit.vehicle_id == vehicle_id and permit.validity.covers(moment)
        for area in permit.area_ids
    }
    selected = (
        zone
        for zone in city.zones
        if zone.validity.covers(moment)
        and (kind is None or zone.kind is kind)
        and (zone_id is None or zone.id == zone_id)
        and (vehicle_id is None or zone.id in named)
    )
    return map_layer(request, map(_zone, selected), fresh_s=FRESH_S)


def _zone(zone: Zone) -> Feature:
    return Feature(
        id=zone.id,
        geometry=Geometry.model_validate(zone.area.__geo_interface__),
        properties={"kind": zone.kind, "version": zone.version, "name": zone.name, "name_zh": zone.name_zh}
        | interval(zone.validity),
    )
