"""What lies near a case in place and time: alerts, and trucks that passed. Candidates: a person joins them."""

import asyncio
import math
from itertools import groupby
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.access.auditing import PERSONAL
from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.cases.answers import NumberPath, no_such_case
from api.http.instants import Instant
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.problems import ProblemKind, RequestRefused, invalid
from api.ports import ApiParts
from api.resources.alerting.examples import ALERT_EXAMPLE
from api.resources.located import has_fix, place_of
from devices.city.model import DeviceRole
from devices.city.sites import Validity
from devices.geo.geometry import LatLon
from devices.geo.sphere import distance_m
from devices.readings.instants import DAY_MS, MINUTE_MS
from ingest.store import Bounds
from rules.alerts.actions import AlertFilter, AlertView, Box
from rules.alerts.shelves import as_called
from rules.cases.model import CaseView
from rules.cases.passing import passing

router = APIRouter(prefix="/cases/{case_number}", tags=["cases"], dependencies=[*PERSONAL, *VIEWERS])

MAX_DISTANCE_M: Final = 5_000
LONGEST_MS: Final = 3 * DAY_MS
MAX_ALERTS: Final = 200
MAX_FIXES: Final = 20_000
"""Read from the store at most: 100 trucks that stand there for half an hour and report every 10 s."""
_MARGIN_M: Final = 2_000.0
"""Further than the distance, fixes are read within so much: a terminal may send GCJ-02, up to 700 m away, and a truck
that passes between two fixes a minute apart is 1.2 km away at 72 km/h."""
_M_PER_DEGREE: Final = 111_195.0


class NearAlert(BaseModel):
    """An alert near a case."""

    model_config = ConfigDict(frozen=True)

    distance_m: float
    alert: AlertView


class NearTruck(BaseModel):
    """A truck that passed near a case. Times are device time, ms."""

    model_config = ConfigDict(frozen=True)

    device_id: str
    vehicle_id: str | None
    plate: str | None
    fleet: str | None
    district: str | None
    nearest_m: float
    nearest_at: int
    first_at: int = Field(description="When it was within the distance first")
    last_at: int = Field(description="When it was within the distance last")


class Near(BaseModel):
    """Candidates that may have to do with a case, the nearest first."""

    model_config = ConfigDict(frozen=True)

    lat: float
    lon: float
    start: int
    end: int
    distance_m: int
    alerts: list[NearAlert]
    alerts_complete: bool = Field(description="false: there are more. Narrow the time or the distance")
    trucks: list[NearTruck]
    trucks_complete: bool = Field(
        description="false: more positions lie there than are read, so that trucks may be missing, those later in the "
        "order of ids first. Narrow the time or the distance"
    )


_EXAMPLE: Final = {
    "lat": 35.491,
    "lon": 112.852,
    "start": 1_772_349_330_250,
    "end": 1_772_356_650_250,
    "distance_m": 500,
    "alerts": [{"distance_m": 12.4, "alert": ALERT_EXAMPLE}],
    "alerts_complete": True,
    "trucks": [
        {
            "device_id": "truck-001",
            "vehicle_id": "v-001",
            "plate": "晋E10001",
            "fleet": "north",
            "district": "zezhou",
            "nearest_m": 8.1,
            "nearest_at": 1_772_352_930_250,
            "first_at": 1_772_352_810_250,
            "last_at": 1_772_353_110_250,
        }
    ],
    "trucks_complete": True,
}


@router.get(
    "/near",
    summary="What lies near a case",
    response_model=Near,
    dependencies=LARGE,
    responses=answer("Alerts and trucks, the nearest first", _EXAMPLE)
    | problems(
        ProblemKind.UNAUTHORIZED,
        ProblemKind.INVALID,
        ProblemKind.NOT_FOUND,
        ProblemKind.NO_PLACE,
        ProblemKind.TOO_BUSY,
        ProblemKind.UNAVAILABLE,
    ),
)
async def near(
    parts: Parts,
    number: NumberPath,
    distance: Annotated[int, Query(alias="distance_m", ge=10, le=MAX_DISTANCE_M, description="Metres")] = 500,
    minutes: Annotated[
        int, Query(ge=0, le=1_440, description="So long before and after the stretch of the case as well")
    ] = 60,
    start: Annotated[Instant | None, Query(description="Device time; in place of the stretch of the case")] = None,
    end: Annotated[Instant | None, Query(description="Device time, exclusive; likewise")] = None,
) -> Near:
    """Alerts that opened near the place of a case within its time, without those that it holds, and trucks that passed
    within the distance. Nothing is joined by itself: add alerts with `POST …/alerts`.

    At most 3 days; up to 200 alerts and 20,000 positions are looked at. A case without place or time is a 409.
    """
    detail = await asyncio.to_thread(parts.cases.case, number, parts.now())
    if detail is None:
        raise no_such_case(number)
    place = _place_of(detail.case)
    since, until = _stretch_of(detail.case, minutes * MINUTE_MS, start, end)
    alerts, alerts_complete = await asyncio.to_thread(_alerts, parts, detail.case, place, distance, (since, until))
    trucks, trucks_complete = await _trucks(parts, place, distance, (since, until))
    return Near(
        lat=place.lat,
        lon=place.lon,
        start=since,
        end=until,
        distance_m=distance,
        alerts=alerts,
        alerts_complete=alerts_complete,
        trucks=trucks,
        trucks_complete=trucks_complete,
    )


def _place_of(case: CaseView) -> LatLon:
    if case.lat is None or case.lon is None:
        detail = f"Case {case.number} has no place: give it one with POST /api/v1/cases/{case.number}/change."
        raise RequestRefused(ProblemKind.NO_PLACE, detail)
    return LatLon(lat=case.lat, lon=case.lon)


def _stretch_of(case: CaseView, margin_ms: int, start: int | None, end: int | None) -> tuple[int, int]:
    since = start if start is not None else case.happened_from and case.happened_from - margin_ms
    until = end if end is not None else case.happened_until and case.happened_until + margin_ms + 1
    if since is None or until is None:
        detail = f"Case {case.number} has no time: give `start` and `end`, or correct the case with POST …/change."
        raise RequestRefused(ProblemKind.NO_PLACE, detail)
    if since >= until:
        raise invalid("query.start", "must be before end")
    if until - since > LONGEST_MS:
        raise invalid("query.start", f"at most {LONGEST_MS // DAY_MS} days: give start and end, or fewer minutes")
    return since, until


def _alerts(
    parts: ApiParts, case: CaseView, place: LatLon, within_m: float, stretch: tuple[int, int]
) -> tuple[list[NearAlert], bool]:
    box = Box(*_box(place, within_m))
    page = parts.journal.alerts(AlertFilter(start=stretch[0], end=stretch[1], box=box), limit=MAX_ALERTS)
    others = [one for one in page.items if one.alert_id not in case.alerts and one.lat is not None]
    called = as_called(others, parts.shelves.standing_after(parts.now()), parts.call_within_ms)
    found = [NearAlert(distance_m=round(_off(place, one), 1), alert=one) for one in called]
    near = sorted((one for one in found if one.distance_m <= within_m), key=lambda one: one.distance_m)
    return near, page.next_cursor is None


def _off(place: LatLon, alert: AlertView) -> float:
    if alert.lat is None or alert.lon is None:
        return math.inf
    return distance_m(place, LatLon(lat=alert.lat, lon=alert.lon))


async def _trucks(
    parts: ApiParts, place: LatLon, within_m: float, stretch: tuple[int, int]
) -> tuple[list[NearTruck], bool]:
    city, validity = parts.city(), Validity(*stretch)
    trucks = [
        device.id
        for device in city.devices.values()
        if device.role is DeviceRole.TRUCK and device.validity.overlaps(validity)
    ]
    bounds = Bounds(*_box(place, within_m + _MARGIN_M))
    rows = await parts.history.positions_within(trucks, *stretch, bounds, limit=MAX_FIXES)
    found: list[NearTruck] = []
    for device_id, its_rows in groupby(rows[:MAX_FIXES], key=lambda row: row.device_id):
        device = city.devices[device_id]
        fixes = [
            (row.ts, at) for row in its_rows if has_fix(row, city) and (at := place_of(row, device, city)) is not None
        ]
        passed = passing(fixes, place, within_m)
        if passed is None:
            continue
        vehicle = city.vehicle_of(device, stretch[0])
        found.append(
            NearTruck(
                device_id=device_id,
                vehicle_id=device.vehicle_id,
                plate=vehicle.plate if vehicle else None,
                fleet=device.fleet,
                district=device.district,
                nearest_m=round(passed.nearest_m, 1),
                nearest_at=passed.nearest_at,
                first_at=passed.first_at,
                last_at=passed.last_at,
            )
        )
    return sorted(found, key=lambda one: (one.nearest_m, one.device_id)), len(rows) <= MAX_FIXES


def _box(place: LatLon, within_m: float) -> tuple[float, float, float, float]:
    """West, south, east, north of a square around a place."""
    north = within_m / _M_PER_DEGREE
    east = north / max(0.01, math.cos(math.radians(place.lat)))
    return place.lon - east, place.lat - north, place.lon + east, place.lat + north
