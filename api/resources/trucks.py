"""The live map of trucks: position, state, last message and most severe open alert of each."""

import asyncio
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.large_answers import LARGE
from api.http.openapi import problems
from api.http.problems import ProblemKind, invalid
from api.http.shared_answers import SharedAnswers
from api.ports import ApiParts
from api.resources.devices import District, Fleet
from api.resources.geojson import (
    EXAMPLE_POINT,
    EncodedLayer,
    Feature,
    FeatureCollection,
    GeoJSONResponse,
    Geometry,
    encode_layer,
    geo_answer,
    layer_answer,
)
from api.resources.latest_status import latest_status
from api.resources.located import has_fix, last_located, place_of
from api.resources.tracks import device_properties
from devices.city.model import Device, DeviceRole
from devices.readings.instants import SECOND_MS
from devices.readings.models import Kind
from devices.readings.motion import STILL_KMH
from ingest.store import Row
from rules.alerts.actions import AlertFilter, AlertView

router = APIRouter(tags=["map"], dependencies=[*PERSONAL, *VIEWERS, *LARGE])

MAX_TRUCKS: Final = 5_000
"""Maximum in one layer: 3 MB."""
_MAX_ALERTS: Final = 500
"""Number of newest open alerts that are read. Older ones do not appear on the map."""


class TruckState(StrEnum):
    """State of a truck, as far as it is known."""

    MOVING = "moving"
    STANDING = "standing"
    SILENT = "silent"
    """No new reading for longer than rule `silent_device` allows, or shut down; the position is the last one."""
    UNKNOWN = "unknown"
    """Messages arrive, but without a fix or a speed."""


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
        "located_at": 1_772_352_930_250,
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
    responses=geo_answer("One point per truck that ever reported a position", _TRUCK_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.TOO_BUSY, ProblemKind.UNAVAILABLE),
)
async def trucks(
    request: Request,
    parts: Parts,
    caller: CurrentCaller,
    fleet: Fleet = None,
    district: District = None,
    site_id: Annotated[
        str | None, Query(max_length=64, description="Only trucks inside the fence of this site")
    ] = None,
) -> Response:
    """Newest position of every truck, its state (`moving`, `standing`, `silent`, `unknown`) and most severe open alert.

    A truck without a fix stands where it was last located, and its state is `unknown`; a place outside the city's
    region is no fix. `located_at` is the device time of the fix, `ts` that of the newest position; `heard_at` is the
    time of the truck's last new reading by the server's clock. Every property is always present, null if it is not
    known. At most 5,000 trucks. Carries an ETag. Callers who may see the same get the same answer for a second or two.
    """
    shared: SharedAnswers[EncodedLayer] = request.app.state.shared_trucks
    asked = (caller.visibility, fleet, district, site_id)
    return layer_answer(request, await shared.get(asked, lambda: _layer(parts, fleet, district, site_id)))


async def _layer(parts: ApiParts, fleet: str | None, district: str | None, site_id: str | None) -> EncodedLayer:
    city, now = parts.city(), parts.now()
    if site_id is not None and site_id not in city.sites:
        raise invalid("query.site_id", "there is no such site: GET /api/v1/sites lists all sites")
    requested = {
        device.id: device
        for device in city.devices.values()
        if device.role is DeviceRole.TRUCK
        and (fleet is None or device.fleet == fleet)
        and (district is None or device.district == district)
        and device.validity.covers(now)
    }
    if len(requested) > MAX_TRUCKS:
        raise invalid(
            "query.fleet", f"{len(requested):,} trucks match, but a layer has at most {MAX_TRUCKS:,}: name one fleet"
        )
    newest, heard_at, alerts = await asyncio.gather(
        parts.history.latest_of(Kind.POSITION, requested),
        asyncio.to_thread(_last_heard, parts),
        asyncio.to_thread(_open_alerts, parts),
    )
    located = await last_located(parts, newest)
    heard = [device for device in requested.values() if not _is_silent(parts, device, heard_at.get(device.id), now)]
    ended_at = await _shut_down_at(parts, [device.id for device in heard])
    features = []
    for row in newest:
        device = requested[row.device_id]
        place = place_of(located[device.id], device, city)
        if place is None:
            continue
        if site_id is None or city.geometry.distance_to_site_m(site_id, city.plane.xy(place)) == 0:
            is_on = ended_at.get(device.id, 0) < row.ts
            properties = _truck_properties(parts, device, row, heard_at.get(device.id), now, is_on=is_on)
            properties |= {"located_at": located[device.id].ts} | _alert_properties(alerts.get(device.id, []))
            point = Geometry(type="Point", coordinates=[place.lon, place.lat])
            features.append(Feature(id=device.id, geometry=point, properties=properties))
    return await asyncio.to_thread(encode_layer, features, compress=True)


async def _shut_down_at(parts: ApiParts, device_ids: Collection[str]) -> dict[str, int]:
    """Device time, ms, at which a device reported that it shuts down, for those of which that is the latest status."""
    if not device_ids:
        return {}
    rows: dict[str, list[Row]] = {}
    for row in await parts.history.latest_of(Kind.STATUS, device_ids):
        rows.setdefault(row.device_id, []).append(row)
    latest = (latest_status(found) for found in rows.values())
    return {row.device_id: row.ts for row in latest if row is not None and row.fields.get("cause") == "shutdown"}


def _last_heard(parts: ApiParts) -> dict[str, int | None]:
    """Receive time of the last new reading by device, ms; what is repeated, replayed or refused is no sign of life."""
    return {line.device: line.heard_at for line in parts.ledger().devices}


def _open_alerts(parts: ApiParts) -> dict[str, list[AlertView]]:
    by_device: dict[str, list[AlertView]] = {}
    for alert in parts.journal.alerts(AlertFilter(open=True), limit=_MAX_ALERTS).items:
        by_device.setdefault(alert.subject, []).append(alert)
    return by_device


def _truck_properties(
    parts: ApiParts, device: Device, row: Row, heard_at: int | None, now: int, *, is_on: bool
) -> dict[str, Any]:
    state = _state(parts, device, row, heard_at, now) if is_on else TruckState.SILENT
    return {
        **device_properties(parts, device),
        "name": device.name,
        "state": state,
        "state_zh": _STATE_ZH[state],
        "ts": row.ts,
        "heard_at": heard_at,
        **{name: row.fields.get(name) for name in _SHOWN},
    }


def _state(parts: ApiParts, device: Device, row: Row, heard_at: int | None, now: int) -> TruckState:
    """Silence is measured by the clock of the server: device time may run ahead of it or behind it, as in a demo."""
    speed_kmh = row.fields.get("speed_kmh")
    if _is_silent(parts, device, heard_at, now):
        return TruckState.SILENT
    if not has_fix(row, parts.city()) or not isinstance(speed_kmh, float):
        return TruckState.UNKNOWN
    return TruckState.MOVING if speed_kmh >= STILL_KMH else TruckState.STANDING


def _is_silent(parts: ApiParts, device: Device, heard_at: int | None, now: int) -> bool:
    silent_after_ms = parts.silent_after_s(device.report_interval_s) * SECOND_MS
    return heard_at is None or now - heard_at > silent_after_ms


def _alert_properties(alerts: list[AlertView]) -> dict[str, Any]:
    """The number of alerts and the most severe one; of equals, the newest."""
    worst = min(alerts, key=lambda alert: (alert.severity, -alert.opened_at), default=None)
    return {
        "open_alerts": len(alerts),
        "alert_id": worst and worst.alert_id,
        "alert_rule": worst and worst.rule,
        "alert_severity": worst and worst.severity,
        "alert_title": worst and worst.title.en,
        "alert_title_zh": worst and worst.title.zh,
    }
