"""Who reported: opened for one administrator at a time, who says why; each look is an entry of the audit trail."""

import logging
from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.access.auditing import PERSONAL, note_target
from api.access.authentication import CurrentCaller
from api.access.caller import Caller, CallerKind
from api.access.roles import ADMINISTRATORS
from api.access.visible import Parts
from api.http.openapi import answer, no_content, problems
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, not_found
from api.public_reports.reports import ReportPath, no_key, report_of
from rules.public_reports.model import NoInformant
from rules.public_reports.sealing import BadInformantKey, NoInformantKey, Unsealable

_log = logging.getLogger(__name__)

router: Final = APIRouter(
    prefix="/reports/{number}/informant", tags=["reports"], dependencies=[*PERSONAL, *ADMINISTRATORS]
)
MAX_REASON: Final = 200
"""Characters: the audit trail keeps it beside the number."""
_PROBLEMS: Final = (
    ProblemKind.UNAUTHORIZED,
    ProblemKind.INVALID,
    ProblemKind.NOT_FOUND,
    ProblemKind.UNAVAILABLE,
    ProblemKind.BAD_REQUEST,
    *WRITE_REFUSED,
    ProblemKind.TOO_LARGE,
)


class ReasonBody(BaseModel):
    """Why."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        json_schema_extra={"examples": [{"reason": "Asks for the second truck's plate, case 2026-000123"}]},
    )

    reason: Annotated[str, Field(min_length=5, max_length=MAX_REASON, pattern=r"^[^\x00]*$")]


class InformantOut(BaseModel):
    """Who reported, as he wrote it himself."""

    name: str
    contact: str


@router.post(
    "/look",
    summary="Look at who reported",
    response_model=InformantOut,
    responses=answer("Name and contact", {"name": "王某", "contact": "13800000000"})
    | problems(*_PROBLEMS, ProblemKind.NO_INFORMANT_KEY),
)
def look(request: Request, parts: Parts, caller: CurrentCaller, number: ReportPath, body: ReasonBody) -> InformantOut:
    """Name and contact of whoever sent a report, for a person who is signed in as an administrator and says why.

    Every look is an entry of the audit trail, with the reason, before the answer leaves. Tokens cannot look.
    """
    _check_person(caller)
    report = report_of(parts, number)
    note_target(request, body.reason)
    try:
        found = parts.public_reports.informants.open(report.no)
    except NoInformant as exc:
        raise not_found("Informant of", report.number, "the report names nobody, or the name was erased") from exc
    except (NoInformantKey, BadInformantKey) as exc:
        _log.warning("public reports: the informant of %s cannot be read: %s", report.number, exc)
        raise no_key() from exc
    except Unsealable as exc:
        _log.error("public reports: the informant of %s cannot be read: %s", report.number, exc)
        detail = "What is kept of the informant was changed, or belongs to another report: it is not shown."
        raise RequestRefused(ProblemKind.NO_INFORMANT_KEY, detail) from exc
    return InformantOut(name=found.name, contact=found.contact)


@router.post(
    "/erase",
    summary="Erase who reported",
    status_code=204,
    responses=no_content("Nothing of the informant is kept any more") | problems(*_PROBLEMS),
)
def erase(request: Request, parts: Parts, caller: CurrentCaller, number: ReportPath, body: ReasonBody) -> None:
    """Erase name and contact before their time, as the informant asks. The report stays."""
    _check_person(caller)
    report = report_of(parts, number)
    note_target(request, body.reason)
    if not parts.public_reports.informants.erase(report.no):
        raise not_found("Informant of", report.number, "the report names nobody, or the name was erased before")


def _check_person(caller: Caller) -> None:
    """Raise RequestRefused for a token, which does not say who looks."""
    if caller.kind is not CallerKind.PERSON:
        detail = "Sign in as an administrator: a token does not say who looks."
        raise RequestRefused(ProblemKind.FORBIDDEN, detail)
