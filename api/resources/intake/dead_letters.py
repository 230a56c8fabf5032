"""Dead letters: list them, show one with its bytes, redrive one, or many at once."""

import base64
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.access.auditing import PERSONAL, note_target
from api.access.roles import OFFICERS, VIEWERS
from api.access.visible import Parts
from api.http.instants import Instant
from api.http.openapi import answer, problems
from api.http.paging import CURSOR_HINT, Cursor, Page
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, invalid, not_found
from devices.readings.refusals import Reason
from ingest.ledger.dead_letters import AlreadyRedriven, DeadLetter, NoSuchLetter, NotKept

router = APIRouter(tags=["intake"], dependencies=[*PERSONAL, *VIEWERS])

MAX_LETTERS: Final = 500

LetterPath = Annotated[int, Path(ge=1, lt=1 << 63, description="Number of the dead letter", examples=[7])]


class LetterDetail(DeadLetter):
    """A dead letter with its original bytes."""

    payload_base64: str


class RedrivenOut(BaseModel):
    """A redriven dead letter."""

    id: int
    offset: int = Field(description="Its new offset in the raw log")


class RedriveBody(BaseModel):
    """Which dead letters to redrive: of a device, of a reason, or of both."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"reason": "unknown_device", "device": "truck-9"}]}
    )

    device: str | None = Field(None, max_length=64)
    reason: Reason | None = None
    before: Instant | None = Field(
        None, description="Only those received before; by default now. A letter that is refused again is newer"
    )
    after: int = Field(0, ge=0, lt=1 << 63, description="Only those with a larger id: `next` of the answer")


class RefusedLetter(BaseModel):
    """A letter that was not redriven."""

    id: int
    why: str


class ManyRedriven(BaseModel):
    """What became of the next letters."""

    redriven: int
    refused: list[RefusedLetter]
    before: int
    next: int | None = Field(description="Repeat the request with `after` set to it, and this `before`; null: no more")


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
    "kept": True,
}
_PAYLOAD: Final = base64.b64encode(_LETTER["shown"].encode()).decode()


@router.get(
    "/deadletters",
    summary="List dead letters",
    response_model=Page[DeadLetter],
    responses=answer("Dead letters, oldest first", {"items": [_LETTER], "next_cursor": "7"})
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def list_dead_letters(  # noqa: PLR0913, PLR0917 - one filter each
    parts: Parts,
    device: Annotated[str | None, Query(max_length=64, description="Device id in the topic")] = None,
    reason: Annotated[Reason | None, Query(description="Reason of the refusal")] = None,
    start: Annotated[Instant | None, Query(description="Received at this time or later")] = None,
    end: Annotated[Instant | None, Query(description="Received before this time")] = None,
    redriven: Annotated[
        bool, Query(description="true: redriven letters; false: letters that were not redriven")
    ] = False,
    limit: Annotated[int, Query(ge=1, le=MAX_LETTERS)] = 100,
    cursor: Cursor = None,
) -> Page[DeadLetter]:
    """Refused messages and readings, with the reason. `shown` is the payload, safe to print and cut at 4 KiB."""
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise invalid("query.cursor", CURSOR_HINT)
    letters = parts.dead_letters.list(
        device=device,
        reason=reason,
        since=start,
        until=end,
        redriven=redriven,
        after_id=int(cursor or 0),
        limit=limit + 1,
    )
    items = letters[:limit]
    return Page(items=items, next_cursor=str(items[-1].id) if len(letters) > limit else None)


@router.get(
    "/deadletters/{letter_id}",
    summary="Show a dead letter",
    response_model=LetterDetail,
    responses=answer("The dead letter with its bytes", {**_LETTER, "payload_base64": _PAYLOAD})
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.NOT_FOUND, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def show_dead_letter(parts: Parts, letter_id: LetterPath) -> LetterDetail:
    """One dead letter, with its original payload in base64."""
    try:
        letter, payload = parts.dead_letters.show(letter_id), parts.dead_letters.payload(letter_id)
    except NoSuchLetter as exc:
        raise _no_such_letter(letter_id) from exc
    return LetterDetail(**letter.model_dump(), payload_base64=base64.b64encode(payload).decode())


@router.post(
    "/deadletters/{letter_id}/redrive",
    summary="Redrive a dead letter",
    status_code=202,
    response_model=RedrivenOut,
    dependencies=OFFICERS,
    responses=answer("The message was appended to the raw log again", {"id": 7, "offset": 25_021}, status=202)
    | problems(
        ProblemKind.UNAUTHORIZED,
        *WRITE_REFUSED,
        ProblemKind.NOT_FOUND,
        ProblemKind.ALREADY_REDRIVEN,
        ProblemKind.NOT_KEPT,
        ProblemKind.INVALID,
        ProblemKind.UNAVAILABLE,
    ),
)
def redrive_dead_letter(parts: Parts, letter_id: LetterPath) -> RedrivenOut:
    """Append the message to the raw log again, after its cause was fixed: for example, the device was registered.

    The recorder processes it like a new message, so it may become a new dead letter. Each letter can be redriven once:
    a second time is a 409. A letter of what a device sent beyond its limits (`kept` false) is a 409 too, because
    only the first of its readings was kept.
    """
    try:
        return RedrivenOut(id=letter_id, offset=parts.redrive(letter_id))
    except NoSuchLetter as exc:
        raise _no_such_letter(letter_id) from exc
    except AlreadyRedriven as exc:
        detail = f"Dead letter {letter_id} was redriven before; look for its reading or for a newer dead letter."
        raise RequestRefused(ProblemKind.ALREADY_REDRIVEN, detail) from exc
    except NotKept as exc:
        raise RequestRefused(ProblemKind.NOT_KEPT, str(exc)) from exc


@router.post(
    "/deadletters/redrive",
    summary="Redrive many dead letters",
    status_code=202,
    response_model=ManyRedriven,
    dependencies=OFFICERS,
    responses=answer(
        "The next of them were appended to the raw log again",
        {"redriven": 12, "refused": [], "before": 1_772_352_930_900, "next": None},
        status=202,
    )
    | problems(
        ProblemKind.UNAUTHORIZED,
        ProblemKind.BAD_REQUEST,
        *WRITE_REFUSED,
        ProblemKind.INVALID,
        ProblemKind.TOO_LARGE,
        ProblemKind.UNAVAILABLE,
    ),
)
def redrive_dead_letters(request: Request, parts: Parts, body: RedriveBody) -> ManyRedriven:
    """Redrive the next 500 letters that wait, as one action; `next` says how to go on.

    What is refused again becomes a new letter, received later than `before`, so that an end is reached.
    """
    if body.device is None and body.reason is None:
        raise invalid("body.reason", "choose dead letters: give a reason, a device, or both")
    note_target(request, " ".join(filter(None, (body.device and f"device={body.device}", body.reason))))
    before = parts.now() if body.before is None else body.before
    letters = parts.dead_letters.list(
        device=body.device, reason=body.reason, until=before, after_id=body.after, limit=MAX_LETTERS + 1
    )
    chosen = [letter.id for letter in letters[:MAX_LETTERS]]
    outcomes = parts.redrive_all(chosen)
    refused = [RefusedLetter(id=id_, why=str(one)) for id_, one in outcomes.items() if not isinstance(one, int)]
    return ManyRedriven(
        redriven=len(outcomes) - len(refused),
        refused=refused,
        before=before,
        next=chosen[-1] if len(letters) > MAX_LETTERS else None,
    )


def _no_such_letter(letter_id: int) -> RequestRefused:
    return not_found("Dead letter", str(letter_id), "GET /api/v1/deadletters lists all dead letters")
