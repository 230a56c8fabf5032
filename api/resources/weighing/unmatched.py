"""Weighings whose truck nobody knows: they wait for a person."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR, acting_name
from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.roles import OFFICERS, VIEWERS
from api.access.visible import Parts
from api.http.openapi import answer, problems
from api.http.paging import CURSOR_HINT, Cursor
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, invalid
from api.resources.weighing.sessions import DETAIL_EXAMPLE, EXAMPLE, MAX_LISTED, READ, SessionPath, no_such_session
from devices.db.page_cursor import InvalidCursor
from devices.readings.text import ShortText
from rules.weighing.model import (
    Decision,
    ResolveRefused,
    SessionDetail,
    SessionFilter,
    SessionOutdated,
    SessionView,
    UnknownSession,
)
from rules.weighing.truck_match import TruckMatcher

router = APIRouter(prefix="/unmatched-weighings", tags=["weighings"], dependencies=[*PERSONAL, *VIEWERS])

MAX_REASON: Final = 500
MAX_REVISION: Final = 2**31 - 1


class Candidate(BaseModel):
    """A registered vehicle whose plate is like the one on the ticket."""

    vehicle_id: str
    plate: str


class UnmatchedOut(BaseModel):
    """A session without a truck."""

    session: SessionView
    candidates: list[Candidate] = Field(description="Most alike first; empty where the ticket has no plate")


class UnmatchedPage(BaseModel):
    """One page, newest first."""

    items: list[UnmatchedOut]
    next_cursor: str | None


class ResolveBody(BaseModel):
    """Whose truck it was."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        json_schema_extra={
            "examples": [
                {"vehicle_id": "vehicle-001", "revision": 1, "reason": "Camera shows 晋E·D0101", "actor": "li.wei"}
            ]
        },
    )
    vehicle_id: ShortText | None = Field(description="Registered vehicle; null: of none that is registered")
    revision: int = Field(
        ge=1, le=MAX_REVISION, description="Of the session as you saw it; refused if it is another one now"
    )
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON, pattern=r"^[^\x00]*$")]
    actor: ShortText | None = Field(None, description=ACTOR)


_UNKNOWN: Final[dict[str, Any]] = EXAMPLE | {
    "vehicle": None,
    "vehicle_id": None,
    "plate": "晋ED01O",
    "matched_by": "nothing",
    "confidence": 0.0,
}


@router.get(
    "",
    summary="Weighings without a truck",
    response_model=UnmatchedPage,
    responses=answer(
        "Sessions that wait for a person, newest first",
        {
            "items": [{"session": _UNKNOWN, "candidates": [{"vehicle_id": "vehicle-001", "plate": "晋E·D0101"}]}],
            "next_cursor": None,
        },
    )
    | problems(*READ),
)
def find_unmatched(
    parts: Parts, limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 50, cursor: Cursor = None
) -> UnmatchedPage:
    """Sessions whose plate is missing, fits no registered vehicle, or fits several. They count in no haulier's tonnes.

    Only who sees the whole city sees them.
    """
    try:
        page = parts.weighing_sessions.sessions(SessionFilter(unmatched=True), limit=limit, before=cursor)
    except InvalidCursor as exc:
        raise invalid("query.cursor", CURSOR_HINT) from exc
    trucks = TruckMatcher(parts.city()) if page.items else None
    return UnmatchedPage(
        items=[
            UnmatchedOut(
                session=one,
                candidates=[
                    Candidate(vehicle_id=vehicle.id, plate=vehicle.plate)
                    for vehicle in (trucks.candidates(one.plate, one.weighed_at) if trucks is not None else ())
                ],
            )
            for one in page.items
        ],
        next_cursor=page.next_cursor,
    )


@router.post(
    "/{session_id}",
    summary="Say which truck a weighing is of",
    response_model=SessionDetail,
    dependencies=OFFICERS,
    responses=answer("The session with all its revisions", DETAIL_EXAMPLE)
    | problems(
        *READ,
        ProblemKind.NOT_FOUND,
        ProblemKind.BAD_REQUEST,
        *WRITE_REFUSED,
        ProblemKind.OUTDATED,
        ProblemKind.TOO_LARGE,
    ),
)
def resolve(parts: Parts, caller: CurrentCaller, session_id: SessionPath, body: ResolveBody) -> SessionDetail:
    """Name the vehicle of a session, or say that it is of none that is registered. A decision may be changed by another
    one; all of them stay. It belongs to the weighings, so it holds whenever they are read again.
    The manifest of the load moves by it within a minute.

    A session whose plate is that of a registered vehicle is not resolved: correct the ticket at the bridge.
    """
    decision = Decision(body.vehicle_id, acting_name(caller, body.actor), body.reason, parts.now(), body.revision)
    try:
        return parts.weighing_sessions.resolve(session_id, decision)
    except UnknownSession as exc:
        raise no_such_session(session_id) from exc
    except SessionOutdated as exc:
        raise RequestRefused(ProblemKind.OUTDATED, str(exc)) from exc
    except ResolveRefused as exc:
        raise invalid(f"body.{exc.field}" if exc.field == "vehicle_id" else "path.session_id", exc.hint) from exc
