"""For machines that watch this process: is it up, can it work, and how is it doing."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.guard import READERS
from api.metrics import CONTENT_TYPE, Figures, render
from api.openapi import answer, problems, text_answer
from api.ports import ApiOptions, ApiParts, Check, Parts, options_of
from api.problems import MEDIA_TYPE, Problem, ProblemKind
from rules.handling import AlertFilter, AlertView

_log = logging.getLogger(__name__)

router = APIRouter(tags=["health"])

CHECK_TIMEOUT_S: Final = 5.0
_ALERTS_COUNTED: Final = 5_000
_ALERTS_AT_ONCE: Final = 500


class Health(BaseModel):
    """The process answers."""

    status: Literal["up"] = "up"
    version: str


class CheckOut(BaseModel):
    """What one check found."""

    name: str
    ok: bool
    detail: str


class Readiness(BaseModel):
    """Everything the API needs answers."""

    status: Literal["ready"] = "ready"
    checks: list[CheckOut]


class NotReady(Problem):
    """A problem that lists every check."""

    checks: list[CheckOut] = Field(description="All of them, the good ones too")


_GOOD: Final = {"name": "store", "ok": True, "detail": "SQLite 3.45.1"}
_BAD: Final = {"name": "journal", "ok": False, "detail": "does not answer"}


@router.get(
    "/healthz",
    summary="Is the process up?",
    response_model=Health,
    responses=answer("It is", {"status": "up", "version": "0.1.0"}) | problems(),
)
async def healthz(options: Annotated[ApiOptions, Depends(options_of)]) -> Health:
    """Asks nothing of any other part: a failure means that this process is to be started again. Needs no token."""
    return Health(version=options.version)


@router.get(
    "/readyz",
    summary="Can it work?",
    response_model=Readiness,
    responses={
        **answer("Every check is good", {"status": "ready", "checks": [_GOOD]}),
        **problems(),
        503: {
            "description": "At least one check failed",
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/NotReady"},
                    "example": {
                        "type": ProblemKind.UNAVAILABLE.urn,
                        "title": ProblemKind.UNAVAILABLE.title,
                        "status": 503,
                        "detail": "Not ready: journal.",
                        "instance": "/readyz",
                        "checks": [_GOOD, _BAD],
                    },
                }
            },
        },
    },
)
async def readyz(parts: Parts, request: Request) -> Response:
    """Asks the store, the journal and whatever else this server was given to check. Needs no token."""
    found = await asyncio.gather(*(_run(check) for check in parts.checks))
    failed = [check.name for check in found if not check.ok]
    if not failed:
        return Response(Readiness(checks=found).model_dump_json(), media_type="application/json")
    problem = NotReady(
        type=ProblemKind.UNAVAILABLE.urn,
        title=ProblemKind.UNAVAILABLE.title,
        status=503,
        detail=f"Not ready: {', '.join(failed)}.",
        instance=request.url.path,
        checks=found,
    )
    return Response(problem.model_dump_json(exclude={"errors"}), 503, {"Retry-After": "5"}, media_type=MEDIA_TYPE)


async def _run(check: Check) -> CheckOut:
    """A check that takes too long or breaks has failed; its exception is for the log."""
    try:
        verdict = await asyncio.wait_for(check.run(), CHECK_TIMEOUT_S)
    except TimeoutError:
        return CheckOut(name=check.name, ok=False, detail=f"did not answer in {CHECK_TIMEOUT_S:.0f} s")
    except Exception:  # noqa: BLE001 - whatever breaks in a check is its verdict
        _log.exception("readiness check %s broke", check.name)
        return CheckOut(name=check.name, ok=False, detail="the check itself broke; see the log")
    return CheckOut(name=check.name, ok=verdict.ok, detail=verdict.detail)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    dependencies=READERS,
    responses=text_answer("Prometheus text format", 'haulwatch_readings{verdict="stored"} 2559.0\n', CONTENT_TYPE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.UNAVAILABLE),
)
def metrics(parts: Parts, options: Annotated[ApiOptions, Depends(options_of)]) -> Response:
    """Readings by verdict and reason, sequence gaps, lag by consumer, collector and recorder, open alerts by rule.

    No label per device: `GET /api/v1/ledger/devices` has those figures.
    """
    figures = Figures(
        version=options.version,
        total=parts.ledger().total,
        lag=parts.lag(),
        collector=parts.collector(),
        recorder=parts.recorder(),
        open_alerts=Counter((alert.rule, str(alert.severity)) for alert in _open_alerts(parts)),
    )
    return Response(render(figures), media_type=CONTENT_TYPE)


def _open_alerts(parts: ApiParts) -> Iterator[AlertView]:
    """The newest, up to a number at which counting them would take longer than a scrape may."""
    cursor = None
    for _ in range(_ALERTS_COUNTED // _ALERTS_AT_ONCE):
        page = parts.journal.alerts(AlertFilter(open=True), limit=_ALERTS_AT_ONCE, before=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
