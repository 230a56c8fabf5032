"""The live map of recycling points: the levels of their compartments."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.large_answers import LARGE
from api.http.openapi import problems
from api.http.problems import ProblemKind
from api.resources.devices import District
from api.resources.geojson import (
    EXAMPLE_POINT,
    Feature,
    FeatureCollection,
    GeoJSONResponse,
    Geometry,
    geo_answer,
    map_layer,
)
from devices.city.model import City, Device, DeviceRole
from devices.readings.models import Kind
from ingest.store import Row

router = APIRouter(tags=["map"], dependencies=[*VIEWERS, *LARGE])

_SHOWN: Final = ("fill_pct", "weight_kg", "temperature_c", "smoke")
_EXAMPLE: Final = {
    "type": "Feature",
    "id": "point-007",
    "geometry": EXAMPLE_POINT,
    "properties": {
        "device_id": "point-007",
        "site_id": "rp-7",
        "name": "Fengming Road",
        "name_zh": "凤鸣路",
        "district": "urban",
        "fullest_pct": 92.5,
        "overflow_at_pct": None,
        "compartments": [
            {
                "compartment": "paper",
                "ts": 1_772_352_930_250,
                "fill_pct": 92.5,
                "weight_kg": None,
                "temperature_c": 21.0,
                "smoke": False,
            }
        ],
    },
}


@router.get(
    "/bins",
    summary="Recycling points with their levels",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One point per recycling point that stands on a site", _EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.TOO_BUSY, ProblemKind.UNAVAILABLE),
)
async def bins(request: Request, parts: Parts, district: District = None) -> Response:
    """The newest reading of every compartment, and `fullest_pct`, the highest level among them, null before the first
    reading. `overflow_at_pct` is the level at which this point is full, null where the rule's holds for it.

    Sorted by device id. Carries an ETag.
    """
    city, now = parts.city(), parts.now()
    points = {
        device.id: device
        for device in city.devices.values()
        if device.role is DeviceRole.RECYCLING_POINT
        and (district is None or device.district == district)
        and device.validity.covers(now)
    }
    rows: dict[str, list[Row]] = {}
    for row in await parts.history.latest_of(Kind.FILL, points):
        rows.setdefault(row.device_id, []).append(row)
    features = (_feature(city, points[device_id], rows.get(device_id, []), now) for device_id in sorted(points))
    return map_layer(request, (feature for feature in features if feature is not None))


def _feature(city: City, device: Device, rows: list[Row], now: int) -> Feature | None:
    place, site = city.site_centre(device, now), city.site_of(device, now)
    if place is None or site is None:
        return None
    levels = [level for row in rows if isinstance(level := row.fields.get("fill_pct"), int | float)]
    compartments: list[dict[str, Any]] = [
        {"compartment": row.part, "ts": row.ts} | {name: row.fields.get(name) for name in _SHOWN} for row in rows
    ]
    return Feature(
        id=device.id,
        geometry=Geometry(type="Point", coordinates=[place.lon, place.lat]),
        properties={
            "device_id": device.id,
            "site_id": site.id,
            "name": device.name or site.name,
            "name_zh": device.name or site.name_zh,
            "district": device.district,
            "fullest_pct": max(levels, default=None),
            "overflow_at_pct": device.overflow_at_pct,
            "compartments": sorted(compartments, key=lambda one: one["compartment"]),
        },
    )
