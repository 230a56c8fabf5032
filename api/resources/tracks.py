"""Where vehicles were and are: tracks and newest positions as GeoJSON."""

import asyncio
import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from api.http.guard import READERS
from api.http.instants import DAY_MS, HOUR_MS, MINUTE_MS, Instant
from api.http.openapi import problems
from api.http.paging import Cursor, Stretch, read_page, read_stretch
from api.http.problems import ProblemKind, invalid, not_found
from api.ports import ApiParts, Parts
from api.resources.devices import MAX_DEVICES, MAX_ROWS, DevicePath, District, Fleet, known_device
from api.resources.shapes import (
    EXAMPLE_POINT,
    Feature,
    FeatureCollection,
    GeoJSONResponse,
    Geometry,
    geo_answer,
    map_layer,
)
from devices.city.model import City, Device, DeviceRole
from devices.city.sites import Validity
from devices.readings.models import Kind
from ingest.store import Row

router = APIRouter(tags=["map"], dependencies=READERS)

GAP_MS: Final = 5 * MINUTE_MS
"""Longer without a fix is no line: nobody knows where the truck went meanwhile."""
LONGEST_MS: Final = 7 * DAY_MS
MAX_FIXES: Final = 50_000
"""Of all trucks in one layer: 3 MB, which a browser still draws. 30 trucks at 10 s fill it in 4.6 hours."""
_QUESTIONS_AT_ONCE: Final = 4

_PROBLEMS: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.NOT_FOUND, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)
_TRACK_EXAMPLE: Final = {
    "type": "Feature",
    "id": None,
    "geometry": {"type": "LineString", "coordinates": [[112.852, 35.491], [112.853, 35.492]]},
    "properties": {
        "device_id": "truck-001",
        "vehicle_id": "v-001",
        "plate": "晋E10001",
        "fleet": "north",
        "district": "zezhou",
        "times": [1_772_352_930_250, 1_772_352_940_250],
        "speeds_kmh": [41.5, None],
    },
}
_POSITION_EXAMPLE: Final = {
    "type": "Feature",
    "id": "truck-001",
    "geometry": EXAMPLE_POINT,
    "properties": {"device_id": "truck-001", "plate": "晋E10001", "ts": 1_772_352_930_250, "speed_kmh": 41.5},
}
_TRACK_ANSWER: Final = geo_answer("One feature per unbroken piece of the track", _TRACK_EXAMPLE)

Start = Annotated[Instant | None, Query(description="From here (included); 24 h before `end` by default")]
End = Annotated[Instant | None, Query(description="Up to here (excluded); now by default")]
Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="Fixes per page")]


@router.get(
    "/devices/{device_id}/track",
    summary="Track of a device",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=_TRACK_ANSWER | problems(*_PROBLEMS),
)
async def device_track(
    parts: Parts,
    device_id: DevicePath,
    start: Start = None,
    end: End = None,
    limit: Limit = 2_000,
    cursor: Cursor = None,
) -> FeatureCollection:
    """Fixes of a device as lines, at most 7 days at once.

    A gap of more than 5 minutes ends a line; a lone fix is a Point. `times` (device time, ms) and `speeds_kmh` run
    along the coordinates. Positions without a fix are left out. A page may break a line that goes on in the next.
    """
    return await _track(parts, known_device(parts.city(), device_id), start, end, limit=limit, cursor=cursor)


@router.get(
    "/vehicles/{vehicle_id}/track",
    summary="Track of a vehicle",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=_TRACK_ANSWER | problems(*_PROBLEMS),
)
async def vehicle_track(
    parts: Parts,
    vehicle_id: Annotated[str, Path(max_length=64, description="Vehicle id, as registered", examples=["v-001"])],
    start: Start = None,
    end: End = None,
    limit: Limit = 2_000,
    cursor: Cursor = None,
) -> FeatureCollection:
    """The track of the terminal this vehicle carries; see the track of a device."""
    city = parts.city()
    carried = [d for d in city.devices.values() if d.vehicle_id == vehicle_id and d.role is DeviceRole.TRUCK]
    if not carried:
        raise not_found("Vehicle", vehicle_id, "no registered truck terminal names it")
    # Terminals are exchanged: the one valid last is the one the vehicle carries.
    device = max(carried, key=lambda d: (d.validity.end_ms is None, d.validity.end_ms or 0, d.validity.start_ms or 0))
    return await _track(parts, device, start, end, limit=limit, cursor=cursor)


@router.get(
    "/positions",
    summary="Newest position of every truck",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One point per truck that has ever had a fix", _POSITION_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
async def positions(
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=MAX_DEVICES, description="Trucks per page")] = 200,
    cursor: Cursor = None,
) -> FeatureCollection:
    """Points for a live map, in the order of device ids. Properties are the fields of the newest position reading."""
    devices = parts.city().devices.values()
    trucks = (d for d in devices if d.role is DeviceRole.TRUCK and (cursor is None or d.id > cursor))
    found = heapq.nsmallest(limit + 1, trucks, key=lambda d: d.id)
    page = found[:limit]
    rows = await parts.history.latest_of(Kind.POSITION, [device.id for device in page])
    newest = {row.device_id: row for row in rows}
    features = (_point(parts, device, newest[device.id]) for device in page if device.id in newest)
    return FeatureCollection(
        features=[feature for feature in features if feature is not None],
        next_cursor=page[-1].id if len(found) > limit else None,
    )


@router.get(
    "/tracks",
    summary="Tracks of many trucks",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=_TRACK_ANSWER | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
async def tracks(
    request: Request,
    parts: Parts,
    start: Annotated[Instant | None, Query(description="From here (included); an hour before `end` by default")] = None,
    end: End = None,
    fleet: Fleet = None,
    district: District = None,
) -> Response:
    """Every truck's fixes of a period as one map layer, split at gaps as the track of a device; at most a day.

    It comes whole or not at all: more than 50,000 fixes are refused, with what to narrow. Carries an ETag.
    """
    asked = read_stretch(start, end, None, now=parts.now(), default_ms=HOUR_MS, longest_ms=DAY_MS)
    within, left = Validity(asked.start, asked.end), MAX_FIXES
    features: list[Feature] = []
    for some in batched_trucks(parts.city(), within, fleet, district):
        answers = await asyncio.gather(
            *(parts.history.rows(Kind.POSITION, d.id, asked.start, asked.end, limit=left + 1) for d in some)
        )
        left -= sum(map(len, answers))
        if left < 0:
            raise invalid(
                "query.start",
                f"the period holds more than {MAX_FIXES:,} fixes: ask for a shorter one, a fleet or a district",
            )
        for device, rows in zip(some, answers, strict=True):
            features += (_line(parts, device, piece) for piece in split_at_gaps(rows))
    return map_layer(request, features)


def batched_trucks(city: City, within: Validity, fleet: str | None, district: str | None) -> Iterator[list[Device]]:
    """A few at a time, by id: what they answer is in memory at once."""
    found = (
        device
        for device in city.devices.values()
        if device.role is DeviceRole.TRUCK
        and (fleet is None or device.fleet == fleet)
        and (district is None or device.district == district)
        and device.validity.overlaps(within)
    )
    ordered = iter(sorted(found, key=lambda device: device.id))
    while some := list(islice(ordered, _QUESTIONS_AT_ONCE)):
        yield some


async def _track(
    parts: ApiParts, device: Device, start: int | None, end: int | None, *, limit: int, cursor: str | None
) -> FeatureCollection:
    asked = read_stretch(start, end, cursor, now=parts.now(), default_ms=DAY_MS, longest_ms=LONGEST_MS)

    async def read(stretch: Stretch, most: int) -> list[Row]:
        return await parts.history.rows(Kind.POSITION, device.id, stretch.start, stretch.end, limit=most)

    rows, left = await read_page(read, asked, limit)
    features = [_line(parts, device, piece) for piece in split_at_gaps(rows)]
    return FeatureCollection(features=features, next_cursor=left and left.cursor())


def split_at_gaps(rows: Iterable[Row], gap_ms: int = GAP_MS) -> Iterator[list[Row]]:
    """Unbroken pieces, each at least one row, of the rows that have a fix."""
    piece: list[Row] = []
    for row in rows:
        if not _has_fix(row):
            continue
        if piece and row.ts - piece[-1].ts > gap_ms:
            yield piece
            piece = []
        piece.append(row)
    if piece:
        yield piece


def _has_fix(row: Row) -> bool:
    return row.fields.get("located") is not False and "lat" in row.fields and "lon" in row.fields


def _line(parts: ApiParts, device: Device, rows: list[Row]) -> Feature:
    places = [[row.fields["lon"], row.fields["lat"]] for row in rows]
    geometry = (
        Geometry(type="LineString", coordinates=places)
        if len(places) > 1
        else Geometry(type="Point", coordinates=places[0])
    )
    along = {"times": [row.ts for row in rows], "speeds_kmh": [row.fields.get("speed_kmh") for row in rows]}
    return Feature(geometry=geometry, properties=who(parts, device) | along)


def _point(parts: ApiParts, device: Device, row: Row) -> Feature | None:
    if "lat" not in row.fields or "lon" not in row.fields:
        return None
    fields = {name: value for name, value in row.fields.items() if name not in {"lat", "lon"}}
    return Feature(
        id=device.id,
        geometry=Geometry(type="Point", coordinates=[row.fields["lon"], row.fields["lat"]]),
        properties=fields | who(parts, device) | {"ts": row.ts},
    )


def who(parts: ApiParts, device: Device) -> dict[str, str | None]:
    vehicle = parts.city().vehicles.get(device.vehicle_id) if device.vehicle_id is not None else None
    return {
        "device_id": device.id,
        "vehicle_id": device.vehicle_id,
        "plate": vehicle.plate if vehicle else None,
        "fleet": device.fleet,
        "district": device.district,
    }
