"""Emptyings of a recycling point, as judgement found them."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.instants import Instant
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.paging import Cursor, Page, read_page, read_time_range
from api.http.problems import ProblemKind
from api.resources.devices import MAX_ROWS, DevicePath, registered_device
from devices.readings.instants import DAY_MS
from devices.readings.series import EMPTYING_MEASUREMENT
from ingest.store import Row

router = APIRouter(tags=["devices"], dependencies=VIEWERS)

_LONGEST_MS: Final = 366 * DAY_MS


class EmptyingOut(BaseModel):
    """One emptying of a compartment, between two readings."""

    ts: int = Field(description="Device time of the first reading after it, ms since 1970 UTC")
    after: int = Field(description="Device time of the last reading before it")
    compartment: str
    from_pct: float = Field(description="Level before it, %")
    to_pct: float = Field(description="Level after it, %")


_EXAMPLE: Final = {
    "ts": 1_772_352_930_250,
    "after": 1_772_352_630_250,
    "compartment": "paper",
    "from_pct": 86.5,
    "to_pct": 4.0,
}


@router.get(
    "/devices/{device_id}/emptyings",
    dependencies=LARGE,
    summary="Emptyings of a recycling point over time",
    response_model=Page[EmptyingOut],
    responses=answer("Emptyings, oldest first", {"items": [_EXAMPLE], "next_cursor": None})
    | problems(
        ProblemKind.TOO_BUSY,
        ProblemKind.UNAUTHORIZED,
        ProblemKind.NOT_FOUND,
        ProblemKind.INVALID,
        ProblemKind.UNAVAILABLE,
    ),
)
async def emptyings(
    parts: Parts,
    device_id: DevicePath,
    start: Annotated[Instant | None, Query(description="Start, inclusive; 24 h before `end` by default")] = None,
    end: Annotated[Instant | None, Query(description="End, exclusive; now by default")] = None,
    compartment: Annotated[str | None, Query(max_length=64, description="Only of this compartment")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS, description="Emptyings per page")] = 500,
    cursor: Cursor = None,
) -> Page[EmptyingOut]:
    """When compartments were emptied, with start <= ts < end, at most 366 days: the level fell by 30 points or more
    within a short time, and more than one reading shows it.

    A device without compartments has none. One that late readings refuted is not listed, so a page may be shorter
    than `limit`. New ones come with a delay of up to five minutes.
    """
    device = registered_device(parts.city(), device_id)
    requested = read_time_range(start, end, cursor, now=parts.now(), default_ms=DAY_MS, longest_ms=_LONGEST_MS)
    rows, rest = await read_page(
        lambda time_range, most: parts.history.rows(
            EMPTYING_MEASUREMENT, device.id, time_range.start, time_range.end, limit=most, part=compartment
        ),
        requested,
        limit,
    )
    return Page(items=[_out(row) for row in rows if row.fields.get("counted")], next_cursor=rest and rest.cursor())


def _out(row: Row) -> EmptyingOut:
    return EmptyingOut.model_validate({**row.fields, "ts": row.ts, "compartment": row.part})
