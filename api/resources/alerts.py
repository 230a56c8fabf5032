"""Alerts: find them, read the evidence, follow them live, record what people did about them."""

import re
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse

from api.access.acting import acting_name
from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.caller import CallerKind
from api.access.roles import OFFICERS, OPERATORS, VIEWERS
from api.access.visible import Parts, seen_now, whole_city
from api.http.instants import Instant
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems, text_answer
from api.http.paging import CURSOR_HINT, Cursor
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, invalid, not_found
from api.ports import ApiParts
from api.resources.alert_stream import AlertFeed
from api.resources.alerting.examples import ALERT_EXAMPLE, DETAIL_EXAMPLE, STREAM_EXAMPLE
from api.resources.alerting.filters import box_of, subjects_of
from api.resources.devices import District, Fleet
from devices.db.page_cursor import InvalidCursor
from devices.readings.ids import DEVICE_ID_PATTERN
from ingest.alerts.rate import AlertRate
from rules.alerts.actions import (
    Acknowledge,
    AlertAction,
    AlertDetail,
    AlertFilter,
    AlertPage,
    AlertView,
    AlreadyClosed,
    Assign,
    Close,
    Comment,
    Correct,
    NotCorrected,
    Outcome,
    UnknownAlert,
)
from rules.alerts.model import Phase, Severity
from rules.alerts.shelves import as_called

router = APIRouter(prefix="/alerts", tags=["alerts"], dependencies=[*PERSONAL, *VIEWERS])

MAX_ALERTS: Final = 200
_EVENT_ID = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")
_PRINTABLE: Final = r"^[^\x00-\x1f\x7f]+$"
"""Names are shown in tables and logs: no line breaks, no NUL."""

AlertPath = Annotated[
    str, Path(pattern=r"^[0-9a-f]{16}$", description="Alert id: 16 hex digits", examples=["9f86d081884c7d65"])
]


def _feed(request: Request) -> AlertFeed:
    feed: AlertFeed = request.app.state.feed
    return feed


Actor = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=_PRINTABLE,
        description="Only with HAULWATCH_API_TOKEN: the person who acts. Else the caller's own name is taken",
    ),
]
Note = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"^[^\x00]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    actor: Actor | None = None


class AcknowledgeBody(_Body):
    """Somebody has seen the alert."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "li.wei"}]})
    note: Note | None = None


class AssignBody(_Body):
    """Somebody takes over the alert."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "li.wei", "assignee": "team-3"}]})
    assignee: Annotated[str, Field(min_length=1, max_length=64, pattern=_PRINTABLE, description="Person or team")]
    note: Note | None = None


class CommentBody(_Body):
    """A remark on the alert."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"actor": "team-3", "note": "On the way, 10 minutes."}]})
    note: Note


class CloseBody(_Body):
    """The alert is dealt with; the outcome is what people found."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"actor": "team-3", "outcome": "confirmed_violation", "note": "12 t of spoil, photographs taken."}
            ]
        }
    )
    outcome: Outcome
    note: Note | None = None


class CorrectBody(_Body):
    """The outcome was wrong: what holds from now on, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"actor": "team-3", "outcome": "false_alarm", "note": "Appeal upheld: the tip was permitted."}]
        }
    )
    outcome: Outcome
    note: Note


_DETAIL: Final = answer("The alert with its whole history", DETAIL_EXAMPLE)
_READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)
_WRITE: Final = (
    *_READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.NOT_FOUND, ProblemKind.TOO_LARGE,
)  # fmt: skip
_RATE_EXAMPLE: Final = {
    "operators": 2,
    "called": 3,
    "per_operator": 1.5,
    "load": "busy",
    "day_average": 0.4,
    "day_most": 6.5,
    "day_flood_pct": 0.0,
}


@router.get(
    "",
    dependencies=LARGE,
    summary="Find alerts",
    response_model=AlertPage,
    responses=answer("Alerts, newest first", {"items": [ALERT_EXAMPLE], "next_cursor": None})
    | problems(*_READ, ProblemKind.TOO_BUSY),
)
def find_alerts(  # noqa: PLR0913, PLR0917 - one filter each
    parts: Parts,
    rule: Annotated[str | None, Query(pattern=r"^[a-z0-9_]{1,64}$", examples=["illegal_dumping"])] = None,
    severity: Annotated[Severity | None, Query()] = None,
    phase: Annotated[Phase | None, Query(description="Current phase")] = None,
    subject: Annotated[str | None, Query(pattern=DEVICE_ID_PATTERN, description="Device id")] = None,
    start: Annotated[Instant | None, Query(description="Opened at this time or later")] = None,
    end: Annotated[Instant | None, Query(description="Opened before this time")] = None,
    is_open: Annotated[
        bool | None, Query(alias="open", description="true: neither ended by judgement nor closed by a person")
    ] = None,
    handled: Annotated[bool | None, Query(description="true: closed by a person with an outcome")] = None,
    acknowledged: Annotated[bool | None, Query(description="true: a person acknowledged it")] = None,
    assigned_to: Annotated[str | None, Query(max_length=64, description="Person or team")] = None,
    district: District = None,
    fleet: Fleet = None,
    carrier: Annotated[str | None, Query(max_length=64, description="Only alerts about trucks of this haulier")] = None,
    text: Annotated[
        str | None,
        Query(
            max_length=100, description="Words of the title, in either language, or of the device id; all must match"
        ),
    ] = None,
    box: Annotated[
        str | None,
        Query(
            alias="bbox",
            max_length=100,
            description="Only alerts in this rectangle: west,south,east,north in WGS-84 degrees",
            examples=["112.84,35.48,112.86,35.50"],
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ALERTS)] = 50,
    cursor: Cursor = None,
) -> AlertPage:
    """Alerts that match every filter, sorted by the time they opened, newest first."""
    where = AlertFilter(
        rule=rule,
        severity=severity,
        phase=phase,
        subject=subject,
        start=start,
        end=end,
        open=is_open,
        handled=handled,
        acknowledged=acknowledged,
        assigned_to=assigned_to,
        subjects=subjects_of(parts.city(), district, fleet, carrier, parts.now()),
        text=text,
        box=None if box is None else box_of(box),
    )
    try:
        page = parts.journal.alerts(where, limit=limit, before=cursor)
    except InvalidCursor as exc:
        raise invalid("query.cursor", CURSOR_HINT) from exc
    return page.model_copy(update={"items": tuple(_as_called(parts, page.items))})


async def _stream_place(feed: Annotated[AlertFeed, Depends(_feed)], caller: CurrentCaller) -> AsyncIterator[None]:
    """Hold the place of a stream until its client is gone. Raises RequestRefused."""
    with feed.place(caller.name if caller.kind in {CallerKind.PERSON, CallerKind.MACHINE} else None):
        yield


@router.get(
    "/stream",
    dependencies=[Depends(_stream_place)],
    summary="Follow alerts live",
    response_class=EventSourceResponse,
    responses=text_answer("An endless stream of events; comments are heartbeats", STREAM_EXAMPLE, "text/event-stream")
    | problems(*_READ),
)
async def follow_alerts(
    request: Request,
    feed: Annotated[AlertFeed, Depends(_feed)],
    last_event_id: Annotated[
        str | None,
        Header(max_length=64, description="Id of the last event received; browsers send this header themselves"),
    ] = None,
    after: Annotated[
        str | None,
        Query(max_length=64, description="The same for the first connection; `0`: from the beginning", examples=["0"]),
    ] = None,
) -> EventSourceResponse:
    """Every change of every alert as an event `change`, and every action of a person as an event `action`, each kind in
    journal order. A change that is `shelved` is to call nobody.

    Without `Last-Event-ID` or `after` the stream begins with the next change. An event `reset` means that the given id
    is beyond the end of the journal, because the journal was created anew: read the alerts again. A client that reads
    nothing for 30 s is disconnected.
    """
    for field, text in (("header.last-event-id", last_event_id), ("query.after", after)):
        if text is None:
            continue
        found = _EVENT_ID.fullmatch(text)
        if found is None:
            raise invalid(field, "give the id of the last event received, unchanged")
        change, action = int(found[1]), None if found[2] is None else int(found[2])
        return await feed.answer(change, action, partial(seen_now, request))
    return await feed.answer(None, None, partial(seen_now, request))


@router.get(
    "/rate",
    summary="How often alerts call people",
    response_model=AlertRate,
    dependencies=[Depends(whole_city)],
    responses=answer("The rate now, and of the last 24 h", _RATE_EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.UNAVAILABLE),
)
def rate(parts: Parts) -> AlertRate:
    """Alerts published over MQTT in ten minutes for each operator, the measure of ISA-18.2 and IEC 62682.

    About 1 is acceptable, more than 10 are a flood. Shelved alerts do not count; what a shelf held counts when it is
    published. 503 while the judge, which publishes, does not run; 403 for who sees a part of the city.
    """
    found = parts.alert_rate()
    if found is None:
        detail = "The judge does not run, so no alert is published: start it, then ask again."
        raise RequestRefused(ProblemKind.UNAVAILABLE, detail, headers={"Retry-After": "10"})
    return found


@router.get(
    "/{alert_id}",
    summary="Show an alert",
    response_model=AlertDetail,
    responses=_DETAIL | problems(*_READ, ProblemKind.NOT_FOUND),
)
def show_alert(parts: Parts, alert_id: AlertPath) -> AlertDetail:
    """One alert: current state, evidence, every change by judgement, every action by people."""
    detail = parts.journal.alert(alert_id)
    if detail is None:
        raise _no_such_alert(alert_id)
    return _detail(parts, detail)


@router.post(
    "/{alert_id}/acknowledge",
    summary="Acknowledge an alert",
    response_model=AlertDetail,
    dependencies=OPERATORS,
    responses=_DETAIL | problems(*_WRITE),
)
def acknowledge(parts: Parts, caller: CurrentCaller, alert_id: AlertPath, body: AcknowledgeBody) -> AlertDetail:
    """Record that somebody has seen the alert. A second acknowledgement does not replace the first name."""
    return _act(parts, alert_id, Acknowledge(actor=acting_name(caller, body.actor), at=parts.now(), note=body.note))


@router.post(
    "/{alert_id}/assign",
    summary="Assign an alert",
    response_model=AlertDetail,
    dependencies=OPERATORS,
    responses=_DETAIL | problems(*_WRITE),
)
def assign(parts: Parts, caller: CurrentCaller, alert_id: AlertPath, body: AssignBody) -> AlertDetail:
    """Assign the alert to a person or a team. The latest assignment counts."""
    return _act(
        parts,
        alert_id,
        Assign(actor=acting_name(caller, body.actor), at=parts.now(), assignee=body.assignee, note=body.note),
    )


@router.post(
    "/{alert_id}/comment",
    summary="Comment on an alert",
    response_model=AlertDetail,
    dependencies=OPERATORS,
    responses=_DETAIL | problems(*_WRITE),
)
def comment(parts: Parts, caller: CurrentCaller, alert_id: AlertPath, body: CommentBody) -> AlertDetail:
    """Add a remark to the history of the alert."""
    return _act(parts, alert_id, Comment(actor=acting_name(caller, body.actor), at=parts.now(), note=body.note))


@router.post(
    "/{alert_id}/close",
    summary="Close an alert",
    response_model=AlertDetail,
    dependencies=OFFICERS,
    responses=_DETAIL | problems(*_WRITE, ProblemKind.ALREADY_CLOSED),
)
def close(parts: Parts, caller: CurrentCaller, alert_id: AlertPath, body: CloseBody) -> AlertDetail:
    """Record the outcome. Closing again is a 409, and the first outcome stays.

    An alert that goes on afterwards is open again (`reopened_at`), and can then be closed again.
    """
    return _act(
        parts,
        alert_id,
        Close(actor=acting_name(caller, body.actor), at=parts.now(), outcome=body.outcome, note=body.note),
    )


@router.post(
    "/{alert_id}/correct",
    summary="Correct the outcome of an alert",
    response_model=AlertDetail,
    dependencies=OFFICERS,
    responses=_DETAIL | problems(*_WRITE),
)
def correct(parts: Parts, caller: CurrentCaller, alert_id: AlertPath, body: CorrectBody) -> AlertDetail:
    """Replace the outcome of an alert that a person closed, as after an appeal. The closing and who did it stay in the
    history; assessments and boards go by the outcome that holds.
    """
    action = Correct(actor=acting_name(caller, body.actor), at=parts.now(), outcome=body.outcome, note=body.note)
    try:
        return _act(parts, alert_id, action)
    except NotCorrected as exc:
        raise invalid("body.outcome", str(exc)) from exc


def _act(parts: ApiParts, alert_id: str, action: AlertAction) -> AlertDetail:
    try:
        return _detail(parts, parts.journal.act(alert_id, action))
    except UnknownAlert as exc:
        raise _no_such_alert(alert_id) from exc
    except AlreadyClosed as exc:
        raise RequestRefused(ProblemKind.ALREADY_CLOSED, f"{exc}. Comment on it instead.") from exc


def _detail(parts: ApiParts, detail: AlertDetail) -> AlertDetail:
    [alert] = _as_called(parts, [detail.alert])
    return detail.model_copy(update={"alert": alert})


def _as_called(parts: ApiParts, alerts: Sequence[AlertView]) -> list[AlertView]:
    return as_called(alerts, parts.shelves.standing_after(parts.now()), parts.call_within_ms)


def _no_such_alert(alert_id: str) -> RequestRefused:
    return not_found("Alert", alert_id, "GET /api/v1/alerts lists all alerts")
