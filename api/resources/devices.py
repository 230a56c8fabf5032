"""Devices, their latest readings, and their readings over time."""

import asyncio
import heapq
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from api.access.auditing import PERSONAL
from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.instants import Instant, Span
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.paging import Cursor, Page, TimeRange, read_page, read_time_range
from api.http.problems import ProblemKind, not_found
from api.resources.latest_status import latest_status
from devices.city.model import City, Device, DeviceRole, VehicleKind
from devices.geo.geometry import Datum
from devices.readings.instants import DAY_MS
from devices.readings.models import Kind
from devices.readings.series import FieldValue
from ingest.store import Row

router = APIRouter(tags=["devices"], dependencies=[*PERSONAL, *VIEWERS])

MAX_DEVICES: Final = 500
MAX_ROWS: Final = 5_000
LONGEST_MS: Final = 31 * DAY_MS
LONGEST_DOWNSAMPLED_MS: Final = 366 * DAY_MS
_NOT_AVERAGED: Final = frozenset({"seq", "session", "alarm_bits", "heading_deg", "counted"})
"""Numeric fields whose mean has no meaning."""

Fleet = Annotated[str | None, Query(max_length=64, description="Only devices of this fleet")]
District = Annotated[str | None, Query(max_length=64, description="Only devices of this district")]
DevicePath = Annotated[str, Path(max_length=64, description="Device id, as in its MQTT topic", examples=["truck-001"])]


class VehicleOut(BaseModel):
    """The truck that carries the device."""

    id: str
    plate: str
    carrier: str
    tare_kg: float | None
    payload_kg: float | None = Field(description="Permitted load")
    kind: VehicleKind = Field(description="What it is built to haul")


class DeviceOut(BaseModel):
    """A registered device."""

    id: str
    role: DeviceRole
    name: str
    vehicle: VehicleOut | None
    site_id: str | None
    fleet: str | None
    district: str | None
    report_interval_s: int = Field(description="Interval of regular reports, s")
    datum: Datum = Field(description="Datum of the positions it sends; stored readings have them as sent")
    clock_correction_s: int = Field(description="Added to every time it sends, s; stored readings have corrected times")
    overflow_at_pct: float | None = Field(
        description="Level, %, at which its compartments are full; null: as the rule bin_overflow has it"
    )
    dialect: str = Field(description="Dialect that it speaks")
    profile: str = Field(description="Profile by which its messages are read; empty: the default of the dialect")
    depth_mm: float | None = Field(description="Depth of a bin from its sensor to its floor, mm; null: not registered")


class ReadingOut(BaseModel):
    """A stored reading, or the means over a window."""

    ts: int = Field(description="Device time, ms since 1970 UTC; with `every`, the start of the window")
    part: str | None = Field(description="Compartment (fill only)")
    fields: dict[str, FieldValue] = Field(description="Measured fields, with the unit in the name")


class LatestOut(BaseModel):
    """The newest reading of each kind that the device has reported; for fill one per compartment."""

    device_id: str
    last_seen_at: int | None = Field(description="Newest device time of all kinds; null if nothing is stored")
    readings: dict[Kind, list[ReadingOut]]


class SeenOut(DeviceOut):
    """A device and the time of its last message."""

    last_seen_at: int | None = Field(description="Receive time of its last new reading; null if there was none")


class SeenList(BaseModel):
    """Devices by last message, newest first."""

    items: list[SeenOut]


class DeviceDetail(DeviceOut):
    """A device with its latest readings."""

    latest: LatestOut


_DEVICE_EXAMPLE: Final = {
    "id": "truck-001",
    "role": "truck",
    "name": "Truck 1",
    "vehicle": {
        "id": "v-001",
        "plate": "晋E10001",
        "carrier": "Jincheng Haulage",
        "tare_kg": 12500,
        "payload_kg": 16000,
        "kind": "construction_waste",
    },
    "site_id": None,
    "fleet": "north",
    "district": "zezhou",
    "report_interval_s": 10,
    "datum": "wgs84",
    "clock_correction_s": 0,
    "overflow_at_pct": None,
    "dialect": "native",
    "profile": "",
    "depth_mm": None,
}
_READING_EXAMPLE: Final = {
    "ts": 1_772_352_930_250,
    "part": None,
    "fields": {"lat": 35.491, "lon": 112.852, "speed_kmh": 41.5, "lift_up": False},
}
_LATEST_EXAMPLE: Final = {
    "device_id": "truck-001",
    "last_seen_at": 1_772_352_930_250,
    "readings": {"position": [_READING_EXAMPLE]},
}


@router.get(
    "/devices",
    summary="List devices",
    response_model=Page[DeviceOut],
    responses=answer("Devices by id", {"items": [_DEVICE_EXAMPLE], "next_cursor": None})
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID),
)
def list_devices(
    parts: Parts,
    role: Annotated[DeviceRole | None, Query(description="Only devices of this role")] = None,
    district: District = None,
    fleet: Fleet = None,
    limit: Annotated[int, Query(ge=1, le=MAX_DEVICES)] = 100,
    cursor: Cursor = None,
) -> Page[DeviceOut]:
    """Registered devices, sorted by id."""
    city = parts.city()
    devices = heapq.nsmallest(
        limit + 1,
        (
            device
            for device in city.devices.values()
            if (role is None or device.role is role)
            and (district is None or device.district == district)
            and (fleet is None or device.fleet == fleet)
            and (cursor is None or device.id > cursor)
        ),
        key=lambda device: device.id,
    )
    items = [_device_out(device, city, parts.now()) for device in devices[:limit]]
    return Page(items=items, next_cursor=items[-1].id if len(devices) > limit else None)


@router.get(
    "/last-seen",
    dependencies=LARGE,
    summary="Devices by last new reading",
    response_model=SeenList,
    responses=answer(
        "Devices, the last heard first", {"items": [{**_DEVICE_EXAMPLE, "last_seen_at": 1_772_352_930_900}]}
    )
    | problems(ProblemKind.TOO_BUSY, ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def last_seen(parts: Parts, limit: Annotated[int, Query(ge=1, le=MAX_DEVICES)] = 100) -> SeenList:
    """Registered devices by receive time of their last new reading, newest first; devices never heard come last.

    What is repeated, replayed by the broker or refused is no sign of life.
    """
    city = parts.city()
    last_seen_at = {line.device: line.heard_at for line in parts.ledger().devices}
    devices = heapq.nsmallest(
        limit, city.devices.values(), key=lambda device: (-(last_seen_at.get(device.id) or 0), device.id)
    )
    items = [
        SeenOut(**_device_out(device, city, parts.now()).model_dump(), last_seen_at=last_seen_at.get(device.id))
        for device in devices
    ]
    return SeenList(items=items)


@router.get(
    "/devices/{device_id}",
    summary="Show a device",
    response_model=DeviceDetail,
    responses=answer("The device and its latest readings", {**_DEVICE_EXAMPLE, "latest": _LATEST_EXAMPLE})
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.NOT_FOUND, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
async def show_device(parts: Parts, device_id: DevicePath) -> DeviceDetail:
    """A registered device with its newest reading of each kind."""
    city = parts.city()
    device = registered_device(city, device_id)
    latest = await read_latest(parts, device.id)
    return DeviceDetail(**_device_out(device, city, parts.now()).model_dump(), latest=latest)


@router.get(
    "/devices/{device_id}/latest",
    summary="Latest readings of a device",
    response_model=LatestOut,
    responses=answer("The newest reading of each kind", _LATEST_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.NOT_FOUND, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
async def latest_readings(parts: Parts, device_id: DevicePath) -> LatestOut:
    """The newest reading of each kind that the device has reported; for fill one per compartment."""
    return await read_latest(parts, registered_device(parts.city(), device_id).id)


@router.get(
    "/devices/{device_id}/readings/{kind}",
    dependencies=LARGE,
    summary="Readings of a device over time",
    response_model=Page[ReadingOut],
    responses=answer(
        "Readings, oldest first", {"items": [_READING_EXAMPLE], "next_cursor": "1772352930251-1772356530000"}
    )
    | problems(
        ProblemKind.TOO_BUSY,
        ProblemKind.UNAUTHORIZED,
        ProblemKind.NOT_FOUND,
        ProblemKind.INVALID,
        ProblemKind.UNAVAILABLE,
    ),
)
async def readings(  # noqa: PLR0913, PLR0917 - one filter each
    parts: Parts,
    device_id: DevicePath,
    kind: Annotated[Kind, Path(description="Kind of reading")],
    start: Annotated[Instant | None, Query(description="Start, inclusive; 24 h before `end` by default")] = None,
    end: Annotated[Instant | None, Query(description="End, exclusive; now by default")] = None,
    every: Annotated[
        Span | None,
        Query(
            description="Return means over windows of this length (`60s`, `5m`, `1h`) instead of single readings",
            examples=["5m"],
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description="Readings or windows per page")] = 500,
    cursor: Cursor = None,
) -> Page[ReadingOut]:
    """Stored readings with start <= ts < end, or their means.

    A request covers at most 31 days, with `every` at most 366. Windows are aligned to 1970 UTC; `start` and `end` are
    moved outwards to the edges of windows. Windows without readings are left out. Readings of one instant are never
    split over two pages, so a page may be slightly shorter than `limit`.
    """
    device = registered_device(parts.city(), device_id)
    longest_ms = LONGEST_MS if every is None else LONGEST_DOWNSAMPLED_MS + every
    requested = read_time_range(start, end, cursor, now=parts.now(), default_ms=DAY_MS, longest_ms=longest_ms)
    if every is None:
        rows, rest = await read_page(
            lambda time_range, most: parts.history.rows(kind, device.id, time_range.start, time_range.end, limit=most),
            requested,
            limit,
        )
        return Page(items=[reading_out(row) for row in rows], next_cursor=rest and rest.cursor())
    windows = TimeRange(requested.start - requested.start % every, requested.end + -requested.end % every)
    rows, rest = await read_page(
        lambda time_range, most: parts.history.downsampled(
            kind, device.id, time_range.start, time_range.end, every_ms=every, limit=most
        ),
        windows,
        limit,
        step_ms=every,
    )
    means = [reading_out(row._replace(fields=_averaged_fields(row))) for row in rows]
    return Page(items=means, next_cursor=rest and rest.cursor())


def registered_device(city: City, device_id: str) -> Device:
    """The device with this id. Raises RequestRefused (404)."""
    device = city.devices.get(device_id)
    if device is None:
        raise not_found("Device", device_id, "GET /api/v1/devices lists all devices")
    return device


async def read_latest(parts: Parts, device_id: str) -> LatestOut:
    """The newest readings of every kind, for status the one that holds. Raises StoreUnavailable."""
    answers = await asyncio.gather(*(parts.history.latest(kind, device_id) for kind in Kind))
    found = dict(zip(Kind, answers, strict=True))
    status = latest_status(found[Kind.STATUS])
    found[Kind.STATUS] = [status] if status is not None else []
    readings = {kind: [reading_out(row) for row in rows] for kind, rows in found.items() if rows}
    times = [reading.ts for rows in readings.values() for reading in rows]
    return LatestOut(device_id=device_id, last_seen_at=max(times, default=None), readings=readings)


def reading_out(row: Row) -> ReadingOut:
    return ReadingOut(ts=row.ts, part=row.part or None, fields=dict(row.fields))


def _averaged_fields(row: Row) -> dict[str, FieldValue]:
    return {name: value for name, value in row.fields.items() if name not in _NOT_AVERAGED}


def _device_out(device: Device, city: City, now: int) -> DeviceOut:
    vehicle = city.vehicle_of(device, now)
    return DeviceOut(
        id=device.id,
        role=device.role,
        name=device.name,
        vehicle=None
        if vehicle is None
        else VehicleOut(
            id=vehicle.id,
            plate=vehicle.plate,
            carrier=vehicle.carrier,
            tare_kg=vehicle.tare_kg,
            payload_kg=vehicle.payload_kg,
            kind=vehicle.kind,
        ),
        site_id=device.site_id,
        fleet=device.fleet,
        district=device.district,
        report_interval_s=device.report_interval_s,
        datum=device.datum,
        clock_correction_s=device.clock_correction_s,
        overflow_at_pct=device.overflow_at_pct,
        dialect=device.dialect,
        profile=device.profile,
        depth_mm=device.depth_mm,
    )
