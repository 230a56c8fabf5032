"""Tracks and newest positions of vehicles, as GeoJSON."""

import asyncio
import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from api.access.auditing import PERSONAL
from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.instants import Instant
from api.http.large_answers import LARGE
from api.http.openapi import problems
from api.http.paging import Cursor, TimeRange, read_page, read_time_range
from api.http.problems import ProblemKind, invalid, not_found
from api.ports import ApiParts
from api.resources.devices import MAX_DEVICES, MAX_ROWS, DevicePath, District, Fleet, registered_device
from api.resources.geojson import (
    EXAMPLE_POINT,
    Feature,
    FeatureCollection,
    GeoJSONResponse,
    Geometry,
    geo_answer,
    map_layer,
)
from api.resources.located import has_fix, last_located, place_of
from devices.city.model import City, Device, DeviceRole
from devices.city.sites import Validity
from devices.readings.instants import DAY_MS, HOUR_MS, MINUTE_MS
from devices.readings.models import Kind
from ingest.store import Row

router = APIRouter(tags=["map"], dependencies=[*PERSONAL, *VIEWERS, *LARGE])

GAP_MS: Final = 5 * MINUTE_MS
"""A longer gap without a fix ends a line: where the truck went meanwhile is unknown."""
LONGEST_MS: Final = 7 * DAY_MS
MAX_FIXES: Final = 50_000
"""Maximum for all trucks in one layer: 3 MB, which a browser still draws. 30 trucks reporting every 10 s reach it in
4.6 hours."""
_QUERIES_AT_ONCE: Final = 4

_MANY: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.TOO_BUSY, ProblemKind.UNAVAILABLE)
_PROBLEMS: Final = (*_MANY, ProblemKind.NOT_FOUND)
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
    "properties": {
        "device_id": "truck-001",
        "plate": "晋E10001",
        "ts": 1_772_352_930_250,
        "located_at": 1_772_352_930_250,
        "speed_kmh": 41.5,
    },
}
_TRACK_ANSWER: Final = geo_answer("One feature per unbroken piece of the track", _TRACK_EXAMPLE)

Start = Annotated[Instant | None, Query(description="Start, inclusive; 24 h before `end` by default")]
End = Annotated[Instant | None, Query(description="End, exclusive; now by default")]
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
    """Fixes of a device as lines; a request covers at most 7 days.

    A gap of more than 5 minutes ends a line; a single fix is a Point. `times` (device time, ms) and `speeds_kmh` have
    one value per coordinate. Positions without a fix, or outside the city's region, are left out. A line may continue
    on the next page.
    """
    return await _track(parts, registered_device(parts.city(), device_id), start, end, limit=limit, cursor=cursor)


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
    """The track of the device that this vehicle carries, in the form of the track of a device."""
    city = parts.city()
    terminals = [d for d in city.devices.values() if d.vehicle_id == vehicle_id and d.role is DeviceRole.TRUCK]
    if not terminals:
        raise not_found("Vehicle", vehicle_id, "no registered truck device names this vehicle")
    # Devices are replaced: the vehicle carries the one whose validity ends last.
    device = max(terminals, key=lambda d: (d.validity.end_ms is None, d.validity.end_ms or 0, d.validity.start_ms or 0))
    return await _track(parts, device, start, end, limit=limit, cursor=cursor)


@router.get(
    "/positions",
    summary="Newest position of every truck",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=geo_answer("One point per truck that ever reported a fix", _POSITION_EXAMPLE) | problems(*_MANY),
)
async def positions(
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=MAX_DEVICES, description="Trucks per page")] = 200,
    cursor: Cursor = None,
) -> FeatureCollection:
    """Points for a live map, sorted by device id. Properties are the fields of the newest position reading.

    A truck without a fix stands where it was last located, at `located_at`; a place outside the city's region is no
    fix. Coordinates are WGS-84, also of a device that sends GCJ-02.
    """
    devices = parts.city().devices.values()
    trucks = (d for d in devices if d.role is DeviceRole.TRUCK and (cursor is None or d.id > cursor))
    selected = heapq.nsmallest(limit + 1, trucks, key=lambda d: d.id)
    page = selected[:limit]
    rows = await parts.history.latest_of(Kind.POSITION, [device.id for device in page])
    newest, located = {row.device_id: row for row in rows}, await last_located(parts, rows)
    features = (_point(parts, device, newest[device.id], located[device.id]) for device in page if device.id in newest)
    return FeatureCollection(
        features=[feature for feature in features if feature is not None],
        next_cursor=page[-1].id if len(selected) > limit else None,
    )


@router.get(
    "/tracks",
    summary="Tracks of many trucks",
    response_model=FeatureCollection,
    response_class=GeoJSONResponse,
    responses=_TRACK_ANSWER | problems(*_MANY),
)
async def tracks(
    request: Request,
    parts: Parts,
    start: Annotated[Instant | None, Query(description="Start, inclusive; an hour before `end` by default")] = None,
    end: End = None,
    fleet: Fleet = None,
    district: District = None,
) -> Response:
    """Fixes of all trucks in a time range of at most a day, as one map layer; lines end at gaps as in a device's track.

    The layer is complete or refused: with more than 50,000 fixes, the error says what to narrow. Carries an ETag.
    """
    requested = read_time_range(start, end, None, now=parts.now(), default_ms=HOUR_MS, longest_ms=DAY_MS)
    within, fixes_left = Validity(requested.start, requested.end), MAX_FIXES
    features: list[Feature] = []
    for batch in batched_trucks(parts.city(), within, fleet, district):
        answers = await asyncio.gather(
            *(
                parts.history.rows(Kind.POSITION, d.id, requested.start, requested.end, limit=fixes_left + 1)
                for d in batch
            )
        )
        fixes_left -= sum(map(len, answers))
        if fixes_left < 0:
            raise invalid(
                "query.start",
                f"the time range has more than {MAX_FIXES:,} fixes: choose a shorter one, a fleet or a district",
            )
        # In threads, since 50,000 fixes take a second, in which others want an answer.
        features += await asyncio.to_thread(_all_lines, parts, batch, answers)
    return await asyncio.to_thread(map_layer, request, features)


def batched_trucks(city: City, within: Validity, fleet: str | None, district: str | None) -> Iterator[list[Device]]:
    """Trucks sorted by id, a few at a time, since the rows of one batch are in memory together."""
    trucks = (
        device
        for device in city.devices.values()
        if device.role is DeviceRole.TRUCK
        and (fleet is None or device.fleet == fleet)
        and (district is None or device.district == district)
        and device.validity.overlaps(within)
    )
    ordered = iter(sorted(trucks, key=lambda device: device.id))
    while batch := list(islice(ordered, _QUERIES_AT_ONCE)):
        yield batch


async def _track(
    parts: ApiParts, device: Device, start: int | None, end: int | None, *, limit: int, cursor: str | None
) -> FeatureCollection:
    requested = read_time_range(start, end, cursor, now=parts.now(), default_ms=DAY_MS, longest_ms=LONGEST_MS)

    async def read(time_range: TimeRange, most: int) -> list[Row]:
        return await parts.history.rows(Kind.POSITION, device.id, time_range.start, time_range.end, limit=most)

    rows, rest = await read_page(read, requested, limit)
    return FeatureCollection(features=_lines(parts, device, rows), next_cursor=rest and rest.cursor())


def _all_lines(parts: ApiParts, devices: list[Device], rows: list[list[Row]]) -> list[Feature]:
    return [line for device, its_rows in zip(devices, rows, strict=True) for line in _lines(parts, device, its_rows)]


def _lines(parts: ApiParts, device: Device, rows: Iterable[Row]) -> list[Feature]:
    city = parts.city()
    return [_line(parts, device, piece) for piece in split_at_gaps(row for row in rows if has_fix(row, city))]


def split_at_gaps(rows: Iterable[Row], gap_ms: int = GAP_MS) -> Iterator[list[Row]]:
    """Pieces without gaps; each has at least one row."""
    piece: list[Row] = []
    for row in rows:
        if piece and row.ts - piece[-1].ts > gap_ms:
            yield piece
            piece = []
        piece.append(row)
    if piece:
        yield piece


def _line(parts: ApiParts, device: Device, rows: list[Row]) -> Feature:
    places = [place_of(row, device, parts.city()) for row in rows]
    coordinates = [[place.lon, place.lat] for place in places if place is not None]
    geometry = (
        Geometry(type="LineString", coordinates=coordinates)
        if len(coordinates) > 1
        else Geometry(type="Point", coordinates=coordinates[0])
    )
    per_fix = {"times": [row.ts for row in rows], "speeds_kmh": [row.fields.get("speed_kmh") for row in rows]}
    return Feature(geometry=geometry, properties=device_properties(parts, device) | per_fix)


def _point(parts: ApiParts, device: Device, row: Row, located: Row) -> Feature | None:
    place = place_of(located, device, parts.city())
    if place is None:
        return None
    fields = {name: value for name, value in row.fields.items() if name not in {"lat", "lon"}}
    return Feature(
        id=device.id,
        geometry=Geometry(type="Point", coordinates=[place.lon, place.lat]),
        properties=fields | device_properties(parts, device) | {"ts": row.ts, "located_at": located.ts},
    )


def device_properties(parts: ApiParts, device: Device) -> dict[str, str | None]:
    vehicle = parts.city().vehicle_of(device, parts.now())
    return {
        "device_id": device.id,
        "vehicle_id": device.vehicle_id,
        "plate": vehicle.plate if vehicle else None,
        "fleet": device.fleet,
        "district": device.district,
    }
