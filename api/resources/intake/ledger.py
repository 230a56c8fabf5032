"""The ledger: the disposition of every received reading, in total and by device."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.access.auditing import PERSONAL
from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.paging import Cursor, Page
from api.http.problems import ProblemKind
from ingest.ledger.report import DeviceLedgerLine, LedgerLine

router = APIRouter(tags=["intake"], dependencies=VIEWERS)

MAX_LINES: Final = 1_000


class LedgerOut(BaseModel):
    """received = stored + duplicate + quarantined + queued; each reading counts in exactly one of them."""

    total: LedgerLine
    exact: bool = Field(
        description="false: the backlog is too long to decode for this response, so received and queued are estimates"
    )
    balanced: bool = Field(description="true: the equation holds, in total and for every device")
    since: int | None = Field(
        description="Wall clock at which this server first saw the equation hold, or not hold, as now; null where you "
        "see a part of the city"
    )
    backlog: dict[str, int] = Field(
        description="Unread messages in the raw log, by consumer; empty for a caller who sees a part of the city"
    )
    lag_s: dict[str, float | None] = Field(
        description="Age of the oldest unread message, s, by consumer; 0 if there is none, null if it cannot be read, "
        "empty as `backlog`"
    )


_LINE: Final = {
    "received": 25_020,
    "stored": 2_559,
    "duplicate": 22_019,
    "quarantined": {"conflict": 442},
    "queued": 0,
    "gaps": 3,
    "dropped_fields": {"temperature_c": 12},
    "clamped_fields": {"fill_pct": 3},
    "outside_region": 0,
    "clock_corrected": 0,
    "not_judged": {"too_late": 12},
}
_DEVICE_LINE: Final = {
    "device": "truck-001",
    **_LINE,
    "first_seen": 1_772_352_000_000,
    "last_seen": 1_772_352_930_900,
    "heard_at": 1_772_352_930_900,
    "resets": 1,
    "clock_offset_ms": 640,
    "clock_drift_ms_per_h": 72.0,
}
_NO_LAG: Final = {"backlog": {"recorder": 0, "judge": 0}, "lag_s": {"recorder": 0.0, "judge": 0.0}}


@router.get(
    "/ledger",
    summary="Show the ledger",
    response_model=LedgerOut,
    responses=answer(
        "The totals", {"total": _LINE, "exact": True, "balanced": True, "since": 1_772_352_000_000, **_NO_LAG}
    )
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.UNAVAILABLE),
)
def show_ledger(parts: Parts) -> LedgerOut:
    """The disposition of every reading received so far. A message that cannot be decoded counts as one reading.

    `dropped_fields` and `clamped_fields`: faulty values that accepted readings lost, and levels above 100 % that count
    as 100 %. `outside_region`: positions that are stored as no fix. `clock_corrected`:
    readings whose time has the correction of their device's clock in it. None of them takes part in the equation.
    """
    ledger, lag = parts.ledger(), parts.lag()
    return LedgerOut(
        total=ledger.total,
        exact=ledger.exact,
        balanced=bool(ledger.balanced),
        since=ledger.since,
        backlog={consumer: one.messages for consumer, one in lag.items()},
        lag_s={consumer: one.oldest_age_s for consumer, one in lag.items()},
    )


@router.get(
    "/ledger/devices",
    dependencies=[*PERSONAL, *LARGE],
    summary="Show the ledger by device",
    response_model=Page[DeviceLedgerLine],
    responses=answer(
        "Lines by device id",
        {"items": [_DEVICE_LINE], "next_cursor": None},
    )
    | problems(ProblemKind.TOO_BUSY, ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def show_ledger_by_device(
    parts: Parts, limit: Annotated[int, Query(ge=1, le=MAX_LINES)] = 200, cursor: Cursor = None
) -> Page[DeviceLedgerLine]:
    """One line per device that ever sent a message. `(unknown)` is the line of messages without a readable device id.

    `gaps`: readings that never arrived, counted by missing sequence numbers. `clock_offset_ms`: receive time minus
    device time, as a running median that buffered uploads do not change.
    """
    lines = [line for line in parts.ledger().devices if cursor is None or line.device > cursor]
    lines.sort(key=lambda line: line.device)
    items = lines[:limit]
    return Page(items=items, next_cursor=items[-1].device if len(lines) > limit else None)
