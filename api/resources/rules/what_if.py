"""What-if: which alerts another rule set would have raised, judged as one bounded job."""

from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.access.auditing import PERSONAL, note_target
from api.access.authentication import CurrentCaller
from api.access.roles import ADMINISTRATORS
from api.access.visible import Parts
from api.http.instants import Instant
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, ProblemKind, RequestRefused, invalid
from api.resources.rules.rule_sets import READ, correct
from devices.readings.instants import DAY_MS
from ingest.judge.what_if_job import JobRuns, WhatIfJob, WhatIfRequest
from rules.rule_sets.reading import MAX_BYTES

router = APIRouter(prefix="/what-if", tags=["rules"], dependencies=[*PERSONAL, *ADMINISTRATORS])

LONGEST_MS: Final = 31 * DAY_MS


class WhatIfBody(BaseModel):
    """What is to be judged."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"content": "speeding: {limit_kmh: 90}\n", "start": 1_772_352_000_000, "end": 1_772_438_400_000}
            ]
        },
    )

    content: str = Field(max_length=MAX_BYTES, description="Another rule set, in YAML")
    start: Instant = Field(description="Receive time, inclusive. A day before it is judged as well, and not compared")
    end: Instant = Field(description="Receive time, exclusive; at most 31 days after `start`")


class WhatIfOut(BaseModel):
    """The job that runs, or the last one."""

    job: WhatIfJob | None = Field(description="null: none was started since this server started")


_OUTCOME: Final[dict[str, Any]] = {
    "alert_id": "9f86d081884c7d65",
    "title": {"en": "Truck 晋E10001 drives 84 km/h", "zh": "车辆晋E10001时速84公里"},
    "severity": "P3",
    "opened_at": 1_772_352_930_250,
    "told_at": 1_772_352_940_250,
    "closed_at": 1_772_352_990_250,
    "retracted": False,
}
_JOB: Final[dict[str, Any]] = {
    "no": 1,
    "state": "done",
    "start": 1_772_352_000_000,
    "end": 1_772_438_400_000,
    "started_by": "li.wei",
    "started_at": 1_772_440_000_000,
    "ended_at": 1_772_440_042_000,
    "progress": {"messages": 250_000, "share": 1.0},
    "fault": None,
    "report": {
        "messages": 120_000,
        "alerts_before": 14,
        "alerts_after": 15,
        "by_rule": [{"rule": "speeding", "gained": 1, "lost": 0, "changed": 0}],
        "differ": [
            {
                "effect": "gained",
                "rule": "speeding",
                "subject": "truck-001",
                "differs": [],
                "before": None,
                "after": _OUTCOME,
            }
        ],
    },
}


@router.post(
    "",
    summary="Start a what-if",
    status_code=202,
    response_model=WhatIfOut,
    responses=answer("The job", {"job": _JOB | {"state": "running", "ended_at": None, "report": None}}, status=202)
    | problems(*READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.JOB_RUNS, ProblemKind.TOO_LARGE),
)
def start_what_if(request: Request, parts: Parts, caller: CurrentCaller, body: WhatIfBody) -> WhatIfOut:
    """Judge what was received in that time by the rules that held and by another rule set, and compare the alerts.

    One job at a time, in a process of its own with the lowest priority: at most 15 minutes and 1 GiB. It changes
    nothing. `GET /api/v1/what-if` says how far it is, and what it found.
    """
    if body.start >= body.end:
        raise invalid("body.start", "must be before end")
    if body.end - body.start > LONGEST_MS:
        raise invalid("body.start", f"a what-if covers at most {LONGEST_MS // DAY_MS} days: choose a shorter time")
    note_target(request, f"start={body.start} end={body.end}")
    correct(body.content)
    asked = WhatIfRequest(content=body.content, start=body.start, end=body.end)
    try:
        return WhatIfOut(job=parts.what_if.start(asked, caller.name))
    except JobRuns as exc:
        raise RequestRefused(ProblemKind.JOB_RUNS, str(exc)) from exc


@router.get(
    "",
    summary="The what-if",
    response_model=WhatIfOut,
    responses=answer("The job that runs, or the last one", {"job": _JOB})
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.UNAVAILABLE),
)
def current_what_if(parts: Parts) -> WhatIfOut:
    """How far the job is, or what it found. This server keeps the last one until it stops."""
    return WhatIfOut(job=parts.what_if.current())


@router.delete(
    "",
    summary="Cancel the what-if",
    response_model=WhatIfOut,
    responses=answer("The job", {"job": _JOB | {"state": "cancelled", "report": None}})
    | problems(ProblemKind.UNAUTHORIZED, *WRITE_REFUSED, ProblemKind.UNAVAILABLE),
)
def cancel_what_if(parts: Parts) -> WhatIfOut:
    """End the job that runs; one that has ended stays as it is."""
    return WhatIfOut(job=parts.what_if.cancel())
