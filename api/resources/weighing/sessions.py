"""Weighing sessions: what one visit of one truck to one site weighed."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query

from api.access.auditing import PERSONAL
from api.access.roles import VIEWERS
from api.access.visible import Parts
from api.http.instants import Instant
from api.http.openapi import answer, problems
from api.http.paging import CURSOR_HINT, Cursor
from api.http.problems import ProblemKind, RequestRefused, invalid, not_found
from devices.db.page_cursor import InvalidCursor
from rules.weighing.model import SessionDetail, SessionFilter, SessionPage
from rules.weighing.session import Flow

router = APIRouter(prefix="/weighing-sessions", tags=["weighings"], dependencies=[*PERSONAL, *VIEWERS])

MAX_LISTED: Final = 500
READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)

SessionPath = Annotated[
    str, Path(pattern=r"^[0-9a-f]{16}$", description="Id of a session: 16 hex digits", examples=["3f0a9c51be7d2846"])
]

EXAMPLE: Final[dict[str, Any]] = {
    "id": "3f0a9c51be7d2846",
    "revision": 2,
    "withdrawn": False,
    "site": "spoil-nw-1",
    "bridge": "weighbridge-02",
    "vehicle": "truck-001",
    "vehicle_id": "vehicle-001",
    "plate": "晋ED0101",
    "entered_at": 1_772_352_930_250,
    "left_at": 1_772_353_065_000,
    "weighed_at": 1_772_353_065_000,
    "gross_kg": 27_840.0,
    "tare_kg": 12_500.0,
    "net_kg": 15_340.0,
    "tare_source": "weighed",
    "flow": "in",
    "matched_by": "plate",
    "confidence": 1.0,
    "material": "spoil",
    "manifest": None,
    "tickets": ["20260301-0042"],
    "weighings": [["weighbridge-02", 1_772_352_930_250], ["weighbridge-02", 1_772_353_065_000]],
    "dismissed": False,
    "updated_at": 1_772_353_070_000,
}
DETAIL_EXAMPLE: Final[dict[str, Any]] = {
    "session": EXAMPLE,
    "changes": [
        {
            "no": 814,
            "id": "3f0a9c51be7d2846",
            "revision": 1,
            "at": 1_772_352_935_000,
            "before": None,
            "after": {"site": "spoil-nw-1", "weighed_at": 1_772_352_930_250, "net_kg": 15_040.0},
        }
    ],
}


def no_such_session(session_id: str) -> RequestRefused:
    return not_found("Weighing session", session_id, "`GET /api/v1/weighing-sessions` lists them")


@router.get(
    "",
    summary="Weighing sessions",
    response_model=SessionPage,
    responses=answer("Sessions, newest first", {"items": [EXAMPLE], "next_cursor": None}) | problems(*READ),
)
def find_sessions(  # noqa: PLR0913, PLR0917 - one filter each
    parts: Parts,
    vehicle_id: Annotated[str | None, Query(max_length=64, description="Only of this registered vehicle")] = None,
    site_id: Annotated[str | None, Query(max_length=64, description="Only at this site")] = None,
    flow: Annotated[Flow | None, Query(description="`in`: a load came to the site; `out`: one left it")] = None,
    start: Annotated[Instant | None, Query(description="Weighed at this time or later")] = None,
    end: Annotated[Instant | None, Query(description="Weighed before this time")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 100,
    cursor: Cursor = None,
) -> SessionPage:
    """Visits of trucks to weighbridges, newest first, each with gross, tare and net, the source of its tare, how the
    truck was found, and how sure that is. Times are device time of the bridge, weights kilograms.

    Late, repeated and corrected tickets change the session that they belong to, as a new revision. Who may see some
    trucks only sees the sessions of these.
    """
    where = SessionFilter(vehicle_id=vehicle_id, site=site_id, flow=flow, start=start, end=end)
    try:
        return parts.weighing_sessions.sessions(where, limit=limit, before=cursor)
    except InvalidCursor as exc:
        raise invalid("query.cursor", CURSOR_HINT) from exc


@router.get(
    "/{session_id}",
    summary="Show a weighing session",
    response_model=SessionDetail,
    responses=answer("The session with all its revisions", DETAIL_EXAMPLE) | problems(*READ, ProblemKind.NOT_FOUND),
)
def show_session(parts: Parts, session_id: SessionPath) -> SessionDetail:
    """One session as it is now, and what each revision changed. One that was `withdrawn` stays to be seen."""
    detail = parts.weighing_sessions.session(session_id)
    if detail is None:
        raise no_such_session(session_id)
    return detail
