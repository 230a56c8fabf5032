"""All trucks on the live map: where each is, what it does, whether it is heard, and its gravest open alert."""

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from api.http.guard import READERS
from api.http.instants import SECOND_MS
from api.http.openapi import problems
from api.http.problems import ProblemKind, invalid
from api.ports import ApiParts, Parts
from api.resources.devices import District, Fleet
from api.resources.shapes import (
    EXAMPLE_POINT,
    Feature,
    FeatureCollection,
    GeoJSONResponse,
    Geometry,
    geo_answer,
    map_layer,
)
from api.resources.tracks import who
from devices.city.model import Device, DeviceRole
from devices.geo.geometry import LatLon
from devices.readings.models import Kind
from ingest.store import Row
from rules.alerts.actions import AlertFilter, AlertView
from rules.tracking.motion import STILL_KMH

router = APIRouter(tags=["map"], dependencies=READERS)

MAX_TRUCKS: Final = 5_000
"""In one layer: 3 MB."""
_MAX_ALERTS: Final = 500
"""The newest open alerts that are looked through; a city with more has other worries than its map."""


class TruckState(StrEnum):
    """What a truck is doing, as far as can be told."""

    MOVING = "moving"
    STANDING = "standing"
    SILENT = "silent"
    """Not heard for longer than the judge allows; it is where it was last."""
    UNKNOWN = "unknown"
    """Heard, but without a fix or a speed."""


_STATE_ZH: Final[Mapping[TruckState, str]] = {
    TruckState.MOVING: "行驶",
    TruckState.STANDING: "停车",
    TruckState.SILENT: "离线",
    TruckState.UNKNOWN: "未知",
}
_SHOWN: Final = ("speed_kmh", "heading_deg", "lift_up", "cover_open", "load", "load_kg", "manifest", "ignition_on")
_TRUCK_EXAMPLE: Final = {
    "type": "Feature",
    "id": "truck-001",
    "geometry": EXAMPLE_POINT,
    "properties": {
        "device_id": "truck-001",
        "vehicle_id": "v-001",
        "plate": "晋E10001",
        "fleet": "north",
        "district": "zezhou",
        "name": "Truck 1",
        "state": "moving",
        "state_zh": "行驶",
        "ts": 1_772_352_930_250,
        "heard_at": 1_772_352_930_900,
        "speed_kmh": 41.5,
        "heading_deg": 271.0,
        "lift_up": False,
        "cover_open": None,
        "load": "loaded",
        "load_kg": None,
        "manifest": None,
        "ignition_on": True,
        "open_alerts": 1,
        "alert_id": "9f86d081884c7d65",
        "alert_rule": "route_deviation",
        "alert_severity": "P2",
        "alert_title": "Truck 晋E10001 has left its approved route",
        "alert_title_zh": "车辆晋E10001偏离核准路线",
    },
}


@router.get(
    "/trucks",
    summary="All trucks on the live map",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One point per truck that has ever had a place", _TRUCK_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
async def trucks(
    request: Request,
    parts: Parts,
    fleet: Fleet = None,
    district: District = None,
    site_id: Annotated[str | None, Query(max_length=64, description="Only those inside this site's fence")] = None,
) -> Response:
    """Newest place of every truck, with its state (`moving`, `standing`, `silent`, `unknown`) and gravest open alert.

    `ts` is device time of the fix, `heard_at` when the truck was heard last, on the server's clock. Every property is
    always there, null where it is not known. At most 5,000 trucks. Carries an ETag.
    """
    city, now = parts.city(), parts.now()
    if site_id is not None and site_id not in city.sites:
        raise invalid("query.site_id", "no such site: GET /api/v1/sites lists them")
    asked = {
        device.id: device
        for device in city.devices.values()
        if device.role is DeviceRole.TRUCK
        and (fleet is None or device.fleet == fleet)
        and (district is None or device.district == district)
        and device.validity.covers(now)
    }
    if len(asked) > MAX_TRUCKS:
        raise invalid("query.fleet", f"{len(asked):,} trucks, at most {MAX_TRUCKS:,} in one layer: name one")
    newest, heard, alerts = await asyncio.gather(
        parts.history.latest_of(Kind.POSITION, asked),
        asyncio.to_thread(_heard, parts),
        asyncio.to_thread(_open_alerts, parts),
    )
    features = []
    for row in newest:
        lat, lon = row.fields.get("lat"), row.fields.get("lon")
        if not isinstance(lat, float) or not isinstance(lon, float):
            continue
        place = city.plane.xy(LatLon(lat=lat, lon=lon))
        if site_id is None or city.geometry.distance_to_site_m(site_id, place) == 0:
            device = asked[row.device_id]
            said = _said(parts, device, row, heard.get(device.id), now) | _told(alerts.get(device.id, []))
            features.append(
                Feature(id=device.id, geometry=Geometry(type="Point", coordinates=[lon, lat]), properties=said)
            )
    return map_layer(request, features)


def _heard(parts: ApiParts) -> dict[str, int | None]:
    return {line.device: line.last_seen for line in parts.ledger().devices}


def _open_alerts(parts: ApiParts) -> dict[str, list[AlertView]]:
    found: dict[str, list[AlertView]] = {}
    for alert in parts.journal.alerts(AlertFilter(open=True), limit=_MAX_ALERTS).items:
        found.setdefault(alert.subject, []).append(alert)
    return found


def _said(parts: ApiParts, device: Device, row: Row, heard_at: int | None, now: int) -> dict[str, Any]:
    state = _state(parts, device, row, heard_at, now)
    return {
        **who(parts, device),
        "name": device.name,
        "state": state,
        "state_zh": _STATE_ZH[state],
        "ts": row.ts,
        "heard_at": heard_at,
        **{name: row.fields.get(name) for name in _SHOWN},
    }


def _state(parts: ApiParts, device: Device, row: Row, heard_at: int | None, now: int) -> TruckState:
    """Silence is told by the server's clock: device time runs ahead of it, and behind, in a demo."""
    patience_ms = parts.silent_after_s(device.report_interval_s) * SECOND_MS
    speed_kmh = row.fields.get("speed_kmh")
    if heard_at is None or now - heard_at > patience_ms:
        return TruckState.SILENT
    if row.fields.get("located") is False or not isinstance(speed_kmh, float):
        return TruckState.UNKNOWN
    return TruckState.MOVING if speed_kmh >= STILL_KMH else TruckState.STANDING


def _told(alerts: list[AlertView]) -> dict[str, Any]:
    """The gravest, the newest of equals."""
    gravest = min(alerts, key=lambda alert: (alert.severity, -alert.opened_at), default=None)
    return {
        "open_alerts": len(alerts),
        "alert_id": gravest and gravest.alert_id,
        "alert_rule": gravest and gravest.rule,
        "alert_severity": gravest and gravest.severity,
        "alert_title": gravest and gravest.title.en,
        "alert_title_zh": gravest and gravest.title.zh,
    }
