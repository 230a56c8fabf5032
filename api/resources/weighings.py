"""Weighings: what weighbridges measured of trucks, and which of it counts."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.instants import Instant
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.paging import TimeRange, read_time_range
from api.http.problems import ProblemKind, invalid, not_found
from devices.city.model import City, Device
from devices.readings.instants import DAY_MS
from devices.readings.models import Kind
from devices.readings.tickets import TicketState
from ingest.store import Row

router = APIRouter(tags=["devices"], dependencies=[*PERSONAL, *VIEWERS])

MAX_LISTED: Final = 500
LONGEST_MS: Final = 7 * DAY_MS
MAX_ROWS: Final = 20_000
"""Weighings of all bridges that are read for one answer; a busy bridge has some 500 a day."""


class WeighingOut(BaseModel):
    """One weighing: a whole ticket, or its gross or tare half."""

    ts: int = Field(description="Device time of the bridge, ms since 1970 UTC")
    weighbridge: str = Field(description="Its device id")
    site_id: str | None
    plate: str | None = Field(description="As the bridge wrote it")
    vehicle_id: str | None = Field(description="The registered vehicle of this plate; null: none or several")
    ticket: str
    direction: str | None = Field(description="`in` or `out`")
    gross_kg: float | None
    tare_kg: float | None
    net_kg: float | None = Field(description="As sent, else gross less tare")
    material: str | None
    manifest: str | None
    manual_entry: bool = Field(description="true: typed by a person")
    counted: bool = Field(description="true: it stands for its ticket in the sums")
    state: TicketState | None = Field(
        description="`counted`, or why not; null: stored by a version that did not decide"
    )


class WeighingList(BaseModel):
    """The newest weighings of the time that was asked for."""

    items: list[WeighingOut] = Field(description="Newest first")
    more: bool = Field(description="true: older ones are left out; ask with a smaller `end`")


_EXAMPLE: Final[dict[str, Any]] = {
    "ts": 1_772_352_930_250,
    "weighbridge": "bridge-001",
    "site_id": "spoil-001",
    "plate": "晋E10001",
    "vehicle_id": "v-001",
    "ticket": "20260301-0042",
    "direction": "in",
    "gross_kg": 27_840.0,
    "tare_kg": 12_500.0,
    "net_kg": 15_340.0,
    "material": "spoil",
    "manifest": None,
    "manual_entry": False,
    "counted": True,
    "state": "counted",
}


@router.get(
    "/weighings",
    dependencies=LARGE,
    summary="Weighings of trucks",
    response_model=WeighingList,
    responses=answer("Weighings, newest first", {"items": [_EXAMPLE], "more": False})
    | problems(
        ProblemKind.TOO_BUSY,
        ProblemKind.UNAUTHORIZED,
        ProblemKind.NOT_FOUND,
        ProblemKind.INVALID,
        ProblemKind.UNAVAILABLE,
    ),
)
async def weighings(  # noqa: PLR0913, PLR0917 - one filter each
    parts: Parts,
    caller: CurrentCaller,
    vehicle_id: Annotated[str | None, Query(max_length=64, description="Only of this vehicle, by its plate")] = None,
    site_id: Annotated[str | None, Query(max_length=64, description="Only at this site")] = None,
    weighbridge: Annotated[str | None, Query(max_length=64, description="Only on this one, by device id")] = None,
    start: Annotated[Instant | None, Query(description="Start, inclusive; 24 h before `end` by default")] = None,
    end: Annotated[Instant | None, Query(description="End, exclusive; now by default")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 100,
) -> WeighingList:
    """Weighings with start <= ts < end, at most 7 days.

    A weighing belongs to its truck: who may see some trucks only sees the weighings of these, on every bridge.
    """
    requested = read_time_range(start, end, None, now=parts.now(), default_ms=DAY_MS, longest_ms=LONGEST_MS)
    city = parts.city()
    is_shown = _shown_plates(city, vehicle_id, sees_all=caller.visibility.is_whole)
    bridges = [
        bridge
        for bridge in parts.weighbridges()
        if site_id in {None, bridge.site_id} and weighbridge in {None, bridge.id}
    ]
    found = [
        (row, bridge)
        for bridge, rows in zip(bridges, await _rows(parts, bridges, requested), strict=True)
        for row in rows
        if is_shown(str(row.fields.get("plate") or ""), row.ts)
    ]
    found.sort(key=lambda one: (-one[0].ts, one[1].id))
    return WeighingList(items=[_out(row, bridge, city) for row, bridge in found[:limit]], more=len(found) > limit)


def _shown_plates(city: City, vehicle_id: str | None, *, sees_all: bool) -> Callable[[str, int], bool]:
    """Which plates are asked for and may be seen, at which time: those of versions that hold at it. `city`: as the
    caller may see it. Raises RequestRefused.
    """
    if vehicle_id is not None and vehicle_id not in city.vehicles:
        raise not_found("Vehicle", vehicle_id, "GET /api/v1/devices names the vehicle of each truck")

    def is_shown(plate: str, ts: int) -> bool:
        if vehicle_id is None and sees_all:
            return True
        holders = _holders(city, plate, ts)
        return bool(holders) if vehicle_id is None else vehicle_id in holders

    return is_shown


def _holders(city: City, plate: str, ts: int) -> set[str]:
    """Ids of the vehicles that had the plate at a time, ms."""
    return {one.id for one in (city.vehicles_of_plate(plate) if plate else ()) if one.validity.covers(ts)}


async def _rows(parts: Parts, bridges: list[Device], requested: TimeRange) -> list[list[Row]]:
    """Raises RequestRefused: there are too many."""
    left, found = MAX_ROWS, []
    for bridge in bridges:
        rows = await parts.history.rows(Kind.WEIGHING, bridge.id, requested.start, requested.end, limit=left + 1)
        left -= len(rows)
        if left < 0:
            hint = f"the time has more than {MAX_ROWS:,} weighings: choose a shorter one, a site or a weighbridge"
            raise invalid("query.start", hint)
        found.append(rows)
    return found


def _out(row: Row, bridge: Device, city: City) -> WeighingOut:
    fields = row.fields
    plate = fields.get("plate")
    vehicles = _holders(city, str(plate or ""), row.ts)
    gross, tare, net = fields.get("gross_kg"), fields.get("tare_kg"), fields.get("net_kg")
    if net is None and isinstance(gross, float | int) and isinstance(tare, float | int) and tare:
        net = gross - tare
    return WeighingOut.model_validate(
        {name: fields.get(name) for name in ("ticket", "direction", "gross_kg", "tare_kg", "material", "manifest")}
        | {
            "ts": row.ts,
            "weighbridge": bridge.id,
            "site_id": bridge.site_id,
            "plate": plate,
            "vehicle_id": next(iter(vehicles)) if len(vehicles) == 1 else None,
            "net_kg": net,
            "manual_entry": bool(fields.get("manual_entry")),
            "counted": bool(fields.get("counted")),
            "state": fields.get("ticket_state"),
        }
    )
