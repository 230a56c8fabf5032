"""Trucks that stood at the site of a weighing then: who may have been on the scale. Candidates: a person decides."""

import asyncio
from itertools import groupby
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.access.auditing import PERSONAL
from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.problems import ProblemKind
from api.ports import ApiParts
from api.resources.located import has_fix, place_of
from api.resources.weighing.sessions import READ, SessionPath, no_such_session
from devices.city.model import DeviceRole
from devices.city.sites import Site, Validity
from devices.readings.instants import MINUTE_MS
from ingest.store import Bounds

router = APIRouter(prefix="/weighing-sessions", tags=["weighings"], dependencies=[*PERSONAL, *VIEWERS])

WITHIN_M: Final = 50.0
"""Of the fence: the scale often lies before it, and fixes err."""
AROUND_MS: Final = 3 * MINUTE_MS
"""Before and after the weighings: trucks report every minute, and the clock of the bridge may be off by two."""
ALONE: Final = 0.6
"""Confidence in a truck that was there alone: one without a terminal may have been weighed."""
MAX_FIXES: Final = 20_000
_MARGIN_DEG: Final = 0.01
"""Fixes are read within some 1 km of the site: a terminal may send GCJ-02."""


class PresentTruck(BaseModel):
    """A truck that was at the site."""

    model_config = ConfigDict(frozen=True)

    device_id: str
    vehicle_id: str | None
    plate: str | None
    nearest_m: float = Field(description="To the fence; 0 inside")
    first_at: int = Field(description="First fix there, device time, ms")
    last_at: int
    confidence: float = Field(description="0.6, divided by the number of trucks that were there")


class Presence(BaseModel):
    """Who was there, the nearest first."""

    model_config = ConfigDict(frozen=True)

    session_id: str
    start: int
    end: int
    trucks: list[PresentTruck]
    complete: bool = Field(description="false: more positions lie there than are read")


_EXAMPLE: Final = {
    "session_id": "3f0a9c51be7d2846",
    "start": 1_772_352_750_250,
    "end": 1_772_353_245_000,
    "trucks": [
        {
            "device_id": "truck-001",
            "vehicle_id": "vehicle-001",
            "plate": "晋E·D0101",
            "nearest_m": 0.0,
            "first_at": 1_772_352_810_250,
            "last_at": 1_772_353_110_250,
            "confidence": 0.6,
        }
    ],
    "complete": True,
}


@router.get(
    "/{session_id}/trucks",
    summary="Trucks that were at a weighing",
    response_model=Presence,
    dependencies=LARGE,
    responses=answer("Trucks at the site then", _EXAMPLE)
    | problems(*READ, ProblemKind.NOT_FOUND, ProblemKind.TOO_BUSY),
)
async def present(parts: Parts, session_id: SessionPath) -> Presence:
    """Trucks with a fix within 50 m of the site, from 3 min before the first weighing of a session to 3 min after the
    last one. Presence alone names no truck: it helps a person to resolve a ticket whose plate fits none.
    """
    detail = await asyncio.to_thread(parts.weighing_sessions.session, session_id)
    if detail is None:
        raise no_such_session(session_id)
    session = detail.session
    times = [session.entered_at, session.weighed_at]
    start, end = min(times) - AROUND_MS, max(times) + AROUND_MS
    site = parts.city().sites.get(session.site)
    trucks, complete = ([], True) if site is None else await _trucks(parts, site, (start, end))
    return Presence(session_id=session.id, start=start, end=end, trucks=trucks, complete=complete)


async def _trucks(parts: ApiParts, site: Site, stretch: tuple[int, int]) -> tuple[list[PresentTruck], bool]:
    city, validity = parts.city(), Validity(*stretch)
    trucks = [
        device.id
        for device in city.devices.values()
        if device.role is DeviceRole.TRUCK and device.validity.overlaps(validity)
    ]
    west, south, east, north = site.area.bounds
    box = Bounds(west - _MARGIN_DEG, south - _MARGIN_DEG, east + _MARGIN_DEG, north + _MARGIN_DEG)
    rows = await parts.history.positions_within(trucks, *stretch, box, limit=MAX_FIXES)
    there: dict[str, list[tuple[int, float]]] = {}
    for device_id, its_rows in groupby(rows[:MAX_FIXES], key=lambda row: row.device_id):
        for row in its_rows:
            place = place_of(row, city.devices[device_id], city) if has_fix(row, city) else None
            if place is not None:
                off_m = city.geometry.distance_to_site_m(site.id, city.plane.xy(place))
                if off_m <= WITHIN_M:
                    there.setdefault(device_id, []).append((row.ts, off_m))
    found = []
    for device_id, fixes in there.items():
        device = city.devices[device_id]
        vehicle = city.vehicle_of(device, stretch[0])
        found.append(
            PresentTruck(
                device_id=device_id,
                vehicle_id=device.vehicle_id,
                plate=vehicle.plate if vehicle else None,
                nearest_m=round(min(off_m for _, off_m in fixes), 1),
                first_at=min(ts for ts, _ in fixes),
                last_at=max(ts for ts, _ in fixes),
                confidence=round(ALONE / len(there), 2),
            )
        )
    return sorted(found, key=lambda one: (one.nearest_m, one.device_id)), len(rows) <= MAX_FIXES
