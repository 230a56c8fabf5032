"""What became of every reading received: the ledger, and the dead letters that can be driven again."""

import base64
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from api.http.guard import READERS, WRITERS
from api.http.instants import Instant
from api.http.openapi import answer, problems
from api.http.paging import Cursor, Page
from api.http.problems import ProblemKind, RequestRefused, invalid, not_found
from api.ports import Parts
from devices.readings.refusals import Reason
from ingest.ledger.dead_letters import AlreadyRedriven, DeadLetter, NoSuchLetter, NotKept
from ingest.ledger.report import DeviceLedgerLine, LedgerLine

router = APIRouter(tags=["intake"], dependencies=READERS)

MAX_LINES: Final = 1_000
MAX_LETTERS: Final = 500

LetterPath = Annotated[int, Path(ge=1, lt=1 << 63, description="Number of the dead letter", examples=[7])]


class LedgerOut(BaseModel):
    """received = stored + duplicate + quarantined + queued, each reading in exactly one."""

    total: LedgerLine
    exact: bool = Field(
        description="false: the backlog is too long to decode now, so received and queued are estimates"
    )
    balanced: bool = Field(description="The sum holds, in total and for every device")
    backlog: dict[str, int] = Field(description="Messages in the raw log each consumer has still to read")
    lag_s: dict[str, float | None] = Field(
        description="How long ago the oldest of them was received; 0 where there is none, null where it cannot be read"
    )


class LetterDetail(DeadLetter):
    """A dead letter with its bytes as they came."""

    payload_base64: str


class Redriven(BaseModel):
    """A dead letter on its way again."""

    id: int
    offset: int = Field(description="Its new place in the raw log")


_LINE: Final = {
    "received": 25_020,
    "stored": 2_559,
    "duplicate": 22_019,
    "quarantined": {"conflict": 442},
    "queued": 0,
    "gaps": 3,
}
_DEVICE_LINE: Final = {
    "device": "truck-001",
    **_LINE,
    "first_seen": 1_772_352_000_000,
    "last_seen": 1_772_352_930_900,
    "resets": 1,
    "clock_offset_ms": 640,
    "clock_drift_ms_per_h": 72.0,
}
_NO_LAG: Final = {"backlog": {"recorder": 0, "judge": 0}, "lag_s": {"recorder": 0.0, "judge": 0.0}}
_LETTER: Final[dict[str, Any]] = {
    "id": 7,
    "device": "truck-001",
    "reason": "out_of_bounds",
    "detail": "lat: should be a number from -90 to 90 (found 135.491)",
    "field": "lat",
    "topic": "haulwatch/v1/truck-001/position",
    "shown": '{"ts":1772352930250,"lat":135.491,"lon":112.852}',
    "size_bytes": 48,
    "received_at": 1_772_352_930_900,
    "redriven_at": None,
    "redriven_offset": None,
    "stands_for": 1,
}
_PAYLOAD: Final = base64.b64encode(_LETTER["shown"].encode()).decode()


@router.get(
    "/ledger",
    summary="Show the ledger",
    response_model=LedgerOut,
    responses=answer("The sums", {"total": _LINE, "exact": True, "balanced": True, **_NO_LAG})
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.UNAVAILABLE),
)
def show_ledger(parts: Parts) -> LedgerOut:
    """What became of every reading received so far. A message that cannot be decoded counts as one reading."""
    ledger, lag = parts.ledger(), parts.lag()
    return LedgerOut(
        total=ledger.total,
        exact=ledger.exact,
        balanced=bool(ledger.balanced),
        backlog={consumer: behind.messages for consumer, behind in lag.items()},
        lag_s={consumer: behind.oldest_age_s for consumer, behind in lag.items()},
    )


@router.get(
    "/ledger/devices",
    summary="Show the ledger by device",
    response_model=Page[DeviceLedgerLine],
    responses=answer(
        "Lines by device id",
        {"items": [_DEVICE_LINE], "next_cursor": None},
    )
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def show_ledger_by_device(
    parts: Parts, limit: Annotated[int, Query(ge=1, le=MAX_LINES)] = 200, cursor: Cursor = None
) -> Page[DeviceLedgerLine]:
    """One line per device that was ever heard; `(unknown)` is the line of messages whose device cannot be told.

    `gaps`: sequence numbers the device has given to readings that never arrived. `clock_offset_ms`: receive time less
    device time, a running median; buffered uploads do not move it.
    """
    lines = [line for line in parts.ledger().devices if cursor is None or line.device > cursor]
    lines.sort(key=lambda line: line.device)
    items = lines[:limit]
    return Page(items=items, next_cursor=items[-1].device if len(lines) > limit else None)


@router.get(
    "/deadletters",
    summary="List dead letters",
    response_model=Page[DeadLetter],
    responses=answer("Dead letters, oldest first", {"items": [_LETTER], "next_cursor": "7"})
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def list_dead_letters(  # noqa: PLR0913, PLR0917 - one filter each
    parts: Parts,
    device: Annotated[str | None, Query(max_length=64, description="Device, as the topic says")] = None,
    reason: Annotated[Reason | None, Query(description="Why it was refused")] = None,
    start: Annotated[Instant | None, Query(description="Received from here on (included)")] = None,
    end: Annotated[Instant | None, Query(description="Received before here (excluded)")] = None,
    redriven: Annotated[bool, Query(description="true: those driven again; false: those that wait")] = False,
    limit: Annotated[int, Query(ge=1, le=MAX_LETTERS)] = 100,
    cursor: Cursor = None,
) -> Page[DeadLetter]:
    """What was refused and why. `shown` is the payload, made safe to print and cut at 4 KiB."""
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise invalid("query.cursor", "give the next_cursor of the page before, unchanged, or leave it out")
    found = parts.dead_letters.list(
        device=device,
        reason=reason,
        since=start,
        until=end,
        redriven=redriven,
        after_id=int(cursor or 0),
        limit=limit + 1,
    )
    items = found[:limit]
    return Page(items=items, next_cursor=str(items[-1].id) if len(found) > limit else None)


@router.get(
    "/deadletters/{letter_id}",
    summary="Show a dead letter",
    response_model=LetterDetail,
    responses=answer("The letter with its bytes", {**_LETTER, "payload_base64": _PAYLOAD})
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.NOT_FOUND, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def show_dead_letter(parts: Parts, letter_id: LetterPath) -> LetterDetail:
    """One dead letter, with its payload as it came (base64)."""
    try:
        letter, payload = parts.dead_letters.show(letter_id), parts.dead_letters.payload(letter_id)
    except NoSuchLetter as exc:
        raise _unknown(letter_id) from exc
    return LetterDetail(**letter.model_dump(), payload_base64=base64.b64encode(payload).decode())


@router.post(
    "/deadletters/{letter_id}/redrive",
    summary="Drive a dead letter again",
    status_code=202,
    response_model=Redriven,
    dependencies=WRITERS,
    responses=answer("It is in the raw log again", {"id": 7, "offset": 25_021}, status=202)
    | problems(
        ProblemKind.UNAUTHORIZED,
        ProblemKind.WRITES_OFF,
        ProblemKind.NOT_FOUND,
        ProblemKind.ALREADY_REDRIVEN,
        ProblemKind.NOT_KEPT,
        ProblemKind.INVALID,
        ProblemKind.UNAVAILABLE,
    ),
)
def redrive_dead_letter(parts: Parts, letter_id: LetterPath) -> Redriven:
    """Send it through the path again, after its cause was mended (the device registered, say).

    It is settled anew, and may come back as a new dead letter. Once per letter: a second time is a 409, as is a letter
    that stands for a flood's messages (`stands_for` above 1), of which only the first is kept.
    """
    try:
        return Redriven(id=letter_id, offset=parts.redrive(letter_id))
    except NoSuchLetter as exc:
        raise _unknown(letter_id) from exc
    except AlreadyRedriven as exc:
        detail = f"Dead letter {letter_id} was driven again before; look for its reading or its newer dead letter."
        raise RequestRefused(ProblemKind.ALREADY_REDRIVEN, detail) from exc
    except NotKept as exc:
        raise RequestRefused(ProblemKind.NOT_KEPT, str(exc)) from exc


def _unknown(letter_id: int) -> RequestRefused:
    return not_found("Dead letter", str(letter_id), "GET /api/v1/deadletters lists those that wait")
