"""Actions on a case: each is an event that stays."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path

from api.access.acting import acting_name
from api.access.auditing import PERSONAL
from api.access.authentication import CurrentCaller
from api.access.caller import Caller
from api.access.roles import OFFICERS, VIEWERS
from api.access.visible import Parts
from api.cases.answers import DETAIL_EXAMPLE, CaseAnswer, NumberPath, case_answer, refusals
from api.cases.bodies import (
    CaseAddBody,
    CaseAssignBody,
    CaseBeginBody,
    CaseChangeBody,
    CaseCloseBody,
    CaseCommentBody,
    CaseDeadlineBody,
    CaseReasonBody,
    CaseReopenBody,
)
from api.cases.cases import WRITE, check_district
from api.http.openapi import answer, problems
from api.http.problems import ProblemKind
from api.ports import ApiParts
from rules.cases.actions import (
    AddAlerts,
    Assign,
    Begin,
    CaseAction,
    Change,
    Close,
    Comment,
    RemoveAlert,
    Reopen,
    SetDeadline,
)
from rules.cases.model import CaseChange

router = APIRouter(prefix="/cases/{case_number}", tags=["cases"], dependencies=[*PERSONAL, *VIEWERS])

_AlertPath = Annotated[
    str, Path(pattern=r"^[0-9a-f]{16}$", description="Alert id: 16 hex digits", examples=["9f86d081884c7d65"])
]
_CHANGES: Final = (*WRITE, ProblemKind.OUTDATED, ProblemKind.CASE_STATE)
_ANSWER: Final = answer("The case with its events and alerts", DETAIL_EXAMPLE)


@router.post(
    "/alerts",
    summary="Add alerts to a case",
    response_model=CaseAnswer,
    dependencies=OFFICERS,
    responses=_ANSWER | problems(*_CHANGES, ProblemKind.ALERT_TAKEN),
)
def add_alerts(parts: Parts, caller: CurrentCaller, number: NumberPath, body: CaseAddBody) -> CaseAnswer:
    """Say that the case is about these alerts too. They count as acknowledged. An alert of an open case is a 409."""
    return _act(parts, number, AddAlerts(alerts=body.alerts, **_by(parts, caller, body)))


@router.post(
    "/alerts/{alert_id}/remove",
    summary="Remove an alert from a case",
    response_model=CaseAnswer,
    dependencies=OFFICERS,
    responses=_ANSWER | problems(*_CHANGES),
)
def remove_alert(
    parts: Parts, caller: CurrentCaller, number: NumberPath, alert_id: _AlertPath, body: CaseReasonBody
) -> CaseAnswer:
    """Say that an alert does not belong to the case, and why. Its history and that of the case keep both."""
    return _act(parts, number, RemoveAlert(alert_id=alert_id, **_by(parts, caller, body)))


@router.post(
    "/assign",
    summary="Assign a case",
    response_model=CaseAnswer,
    dependencies=OFFICERS,
    responses=_ANSWER | problems(*_CHANGES),
)
def assign(parts: Parts, caller: CurrentCaller, number: NumberPath, body: CaseAssignBody) -> CaseAnswer:
    """Say who is to work on the case. The latest assignment counts."""
    return _act(parts, number, Assign(assignee=body.assignee, **_by(parts, caller, body)))


@router.post(
    "/begin",
    summary="Begin work on a case",
    response_model=CaseAnswer,
    dependencies=OFFICERS,
    responses=_ANSWER | problems(*_CHANGES),
)
def begin(parts: Parts, caller: CurrentCaller, number: NumberPath, body: CaseBeginBody) -> CaseAnswer:
    """Say that somebody works on the case now: it is in progress until it is closed."""
    return _act(parts, number, Begin(**_by(parts, caller, body)))


@router.post(
    "/comment",
    summary="Comment on a case",
    response_model=CaseAnswer,
    dependencies=OFFICERS,
    responses=_ANSWER | problems(*WRITE),
)
def comment(parts: Parts, caller: CurrentCaller, number: NumberPath, body: CaseCommentBody) -> CaseAnswer:
    """Add a remark to the events of a case, also of a closed one. It changes no version."""
    action = Comment(actor=acting_name(caller, body.actor), at=parts.now(), reason=body.reason)
    return _act(parts, number, action)


@router.post(
    "/change",
    summary="Correct a case",
    response_model=CaseAnswer,
    dependencies=OFFICERS,
    responses=_ANSWER | problems(*_CHANGES),
)
def change(parts: Parts, caller: CurrentCaller, number: NumberPath, body: CaseChangeBody) -> CaseAnswer:
    """Give title, place, address, district or stretch another value. The event keeps the former one."""
    given = body.model_dump(exclude_unset=True, exclude={"actor", "version", "reason"})
    if given.get("district") is not None:
        check_district(parts, given["district"])
    return _act(parts, number, Change(change=CaseChange(**given), **_by(parts, caller, body)))


@router.post(
    "/deadline",
    summary="Set the deadline of a case",
    response_model=CaseAnswer,
    dependencies=OFFICERS,
    responses=_ANSWER | problems(*_CHANGES),
)
def set_deadline(parts: Parts, caller: CurrentCaller, number: NumberPath, body: CaseDeadlineBody) -> CaseAnswer:
    """Give the case another deadline, and say why. The event keeps the former one."""
    return _act(parts, number, SetDeadline(deadline=body.deadline, **_by(parts, caller, body)))


@router.post(
    "/close",
    summary="Close a case",
    response_model=CaseAnswer,
    dependencies=OFFICERS,
    responses=_ANSWER | problems(*_CHANGES),
)
def close(parts: Parts, caller: CurrentCaller, number: NumberPath, body: CaseCloseBody) -> CaseAnswer:
    """Record the outcome, and close the alerts of the case that nobody has closed with it: all of it, or nothing.

    An alert that a person closed before keeps its outcome. Closing again is a 409.
    """
    return _act(parts, number, Close(outcome=body.outcome, **_by(parts, caller, body)))


@router.post(
    "/reopen",
    summary="Reopen a case",
    response_model=CaseAnswer,
    dependencies=OFFICERS,
    responses=_ANSWER | problems(*_CHANGES, ProblemKind.ALERT_TAKEN),
)
def reopen(parts: Parts, caller: CurrentCaller, number: NumberPath, body: CaseReopenBody) -> CaseAnswer:
    """Open a closed case again, with a new deadline. Its alerts keep their outcome. If another open case holds one of
    them meanwhile, it is a 409.
    """
    return _act(parts, number, Reopen(deadline=body.deadline, **_by(parts, caller, body)))


def _by(parts: ApiParts, caller: Caller, body: Any) -> dict[str, Any]:
    """Who does it, when, why, and based on which version."""
    actor = acting_name(caller, body.actor)
    return {"actor": actor, "at": parts.now(), "version": body.version, "reason": body.reason}


def _act(parts: ApiParts, number: str, action: CaseAction) -> CaseAnswer:
    with refusals(number):
        return case_answer(parts, parts.cases.act(number, action))
