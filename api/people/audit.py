"""The audit trail: who did what, and who looked at personal data."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from api.access.auditing import PERSONAL
from api.access.roles import ADMINISTRATORS
from api.http.instants import Instant
from api.http.openapi import answer, problems
from api.http.paging import CURSOR_HINT, Cursor, Page
from api.http.problems import ProblemKind, invalid
from api.ports import WholeParts
from devices.people.audit import MAX_TARGET, AuditEntry, AuditFilter

router = APIRouter(prefix="/audit", tags=["people"], dependencies=[*PERSONAL, *ADMINISTRATORS])

MAX_ENTRIES: Final = 1_000
_EXAMPLE: Final = {
    "no": 4711,
    "at": 1_772_353_100_000,
    "actor": "li.wei",
    "kind": "person",
    "address": "10.0.0.7",
    "action": "POST /api/v1/alerts/{alert_id}/close",
    "target": "9f86d081884c7d65",
    "status": 200,
}


@router.get(
    "",
    summary="Read the audit trail",
    response_model=Page[AuditEntry],
    responses=answer("Entries, newest first", {"items": [_EXAMPLE], "next_cursor": None})
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def read_audit_trail(
    parts: WholeParts,
    actor: Annotated[str | None, Query(max_length=64, description="Name of a person or a token")] = None,
    target: Annotated[str | None, Query(max_length=MAX_TARGET, description="What it concerned: an id")] = None,
    start: Annotated[Instant | None, Query(description="At this time or later")] = None,
    end: Annotated[Instant | None, Query(description="Before this time")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = 100,
    cursor: Cursor = None,
) -> Page[AuditEntry]:
    """Every action with its status, every sign-in that failed, and who looked at what: equal looks of an hour are one.

    Looks: devices, positions, tracks, readings, alerts, commands, dead letters, suspected sites, people, this trail.
    """
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise invalid("query.cursor", CURSOR_HINT)
    where = AuditFilter(actor=actor, target=target, start=start, end=end)
    found = parts.people.audit.entries(where, limit=limit + 1, before=None if cursor is None else int(cursor))
    items = list(found[:limit])
    return Page(items=items, next_cursor=str(items[-1].no) if len(found) > limit else None)
