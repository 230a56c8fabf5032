"""Cases: list them, read one, open one; the closing rate."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from api.access.acting import acting_name
from api.access.auditing import PERSONAL, note_target
from api.access.authentication import CurrentCaller
from api.access.roles import OFFICERS, VIEWERS
from api.access.visible import Parts
from api.cases.answers import (
    CASE_EXAMPLE,
    DETAIL_EXAMPLE,
    CaseAnswer,
    NumberPath,
    case_answer,
    no_such_case,
    refusals,
)
from api.cases.bodies import CaseOpenBody
from api.http.instants import Instant
from api.http.openapi import answer, problems
from api.http.paging import CURSOR_HINT, Cursor
from api.http.problems import WRITE_REFUSED, ProblemKind, invalid
from api.ports import ApiParts
from api.resources.devices import District
from devices.db.page_cursor import InvalidCursor
from devices.people.model import Language
from devices.readings.instants import DAY_MS
from rules.alerts.actions import AlertView, UnknownAlert
from rules.cases.indicators import Indicators
from rules.cases.model import CaseFilter, CaseKind, CasePage, CaseState, NewCase

router = APIRouter(prefix="/cases", tags=["cases"], dependencies=[*PERSONAL, *VIEWERS])

MAX_CASES: Final = 200
_SPAN_MS: Final = 90 * DAY_MS
"""A quarter: plans report by quarters."""
_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)
WRITE: Final = (*_READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.NOT_FOUND, ProblemKind.TOO_LARGE)
_FIGURES: Final = {
    "opened": 40,
    "closed": 38,
    "closed_in_time": 37,
    "overdue": 1,
    "duplicates": 2,
    "closing_rate_pct": 95.0,
    "in_time_rate_pct": 94.9,
}
_INDICATORS: Final = _FIGURES | {
    "start": 1_767_196_800_000,
    "end": 1_774_972_800_000,
    "at": 1_774_972_800_000,
    "by_kind": dict.fromkeys(CaseKind, _FIGURES),
}


@router.get(
    "",
    summary="Find cases",
    response_model=CasePage,
    responses=answer("Cases, newest first", {"items": [CASE_EXAMPLE], "next_cursor": None}) | problems(*_READ),
)
def find_cases(  # noqa: PLR0913, PLR0917 - one filter each
    parts: Parts,
    state: Annotated[CaseState | None, Query()] = None,
    is_open: Annotated[bool | None, Query(alias="open", description="true: not closed")] = None,
    overdue: Annotated[bool | None, Query(description="true: not closed, and the deadline is past")] = None,
    kind: Annotated[CaseKind | None, Query()] = None,
    assignee: Annotated[str | None, Query(max_length=64, description="Person or team")] = None,
    district: District = None,
    alert: Annotated[
        str | None, Query(pattern=r"^[0-9a-f]{16}$", description="Only cases that hold this alert")
    ] = None,
    text: Annotated[
        str | None, Query(max_length=100, description="Words of number, title or address; all must match")
    ] = None,
    start: Annotated[Instant | None, Query(description="Opened at this time or later")] = None,
    end: Annotated[Instant | None, Query(description="Opened before this time")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_CASES)] = 50,
    cursor: Cursor = None,
) -> CasePage:
    """Cases that match every filter, newest first. Those are shown all of whose alerts the caller may see; a case
    without alerts to those who may see its district. Cases of reports are for operators and above who may see their
    district.
    """
    now = parts.now()
    where = CaseFilter(
        state=state,
        is_open=is_open,
        kind=kind,
        overdue_at=now if overdue else None,
        assignee=assignee,
        district=district,
        alert_id=alert,
        text=text,
        start=start,
        end=end,
    )
    try:
        return parts.cases.cases(where, now, limit=limit, before=cursor)
    except InvalidCursor as exc:
        raise invalid("query.cursor", CURSOR_HINT) from exc


@router.get(
    "/indicators",
    summary="Closing rate",
    response_model=Indicators,
    responses=answer("Figures of all cases, and by kind", _INDICATORS) | problems(*_READ),
)
def show_indicators(
    parts: Parts,
    start: Annotated[
        Instant | None, Query(alias="from", description="Opened at this time or later; 90 days before `to` by default")
    ] = None,
    end: Annotated[Instant | None, Query(alias="to", description="Opened before this time; now by default")] = None,
) -> Indicators:
    """The closing rate 办结率 of the cases that were opened in a span, as they stand now: closed / opened · 100 %, and
    of those that are closed or overdue the share that was closed in time 按期办结率. A rate is null where there is
    nothing to divide by. Who may not see all cases gets the figures of those that
    he may see.
    """
    now = parts.now()
    until = now + 1 if end is None else end
    since = until - _SPAN_MS if start is None else start
    if since >= until:
        raise invalid("query.from", "must be before `to`")
    return parts.cases.indicators(since, until, now)


@router.get(
    "/{case_number}",
    summary="Show a case",
    response_model=CaseAnswer,
    responses=answer("The case with its events and alerts", DETAIL_EXAMPLE) | problems(*_READ, ProblemKind.NOT_FOUND),
)
def show_case(parts: Parts, number: NumberPath) -> CaseAnswer:
    """One case: present state, every event, and the alerts that it holds."""
    detail = parts.cases.case(number, parts.now())
    if detail is None:
        raise no_such_case(number)
    return case_answer(parts, detail)


@router.post(
    "",
    summary="Open a case",
    status_code=201,
    response_model=CaseAnswer,
    dependencies=OFFICERS,
    responses=answer("The case", DETAIL_EXAMPLE, status=201) | problems(*WRITE, ProblemKind.ALERT_TAKEN),
)
def open_case(
    request: Request, parts: Parts, caller: CurrentCaller, response: Response, body: CaseOpenBody
) -> CaseAnswer:
    """Take up alerts as a case, or open one without alerts. Alerts that are taken up count as acknowledged.

    An alert belongs to one open case at most; a second one is a 409.
    """
    first = _first_alert(parts, body.alerts)
    district = body.district
    if first is not None and district is None:
        device = parts.city().devices.get(first.subject)
        district = None if device is None else device.district
    elif district is not None:
        check_district(parts, district)
    title = body.title
    if title is None:
        if first is None:
            raise invalid("body.title", "say what it is about: there is no alert that has a title")
        title = first.title.zh if caller.language is Language.ZH else first.title.en
    new = NewCase(
        kind=CaseKind.MANUAL if first is None else CaseKind.ALERT,
        title=title[:200],
        district=district,
        **body.model_dump(exclude={"actor", "title", "district"}),
    )
    with refusals():
        detail = parts.cases.open_case(new, acting_name(caller, body.actor), parts.now())
    note_target(request, detail.case.number)
    response.headers["Location"] = f"/api/v1/cases/{detail.case.number}"
    return case_answer(parts, detail)


def check_district(parts: ApiParts, district: str) -> None:
    """Raise RequestRefused for a district that the city, as the caller may see it, does not have."""
    city = parts.city()
    if district not in {*(area.id for area in city.districts), *(one.district for one in city.devices.values())}:
        raise invalid("body.district", "give the id of a district of this city")


def _first_alert(parts: ApiParts, alerts: tuple[str, ...]) -> AlertView | None:
    if not alerts:
        return None
    with refusals():
        detail = parts.journal.alert(alerts[0])
        if detail is None:
            raise UnknownAlert(f"no alert {alerts[0]!r}")
    return detail.alert
