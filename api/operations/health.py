"""For machines that watch this process: is it up, can it work, and how is it doing."""

import asyncio
import logging
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.http.guard import READERS
from api.http.openapi import answer, problems, text_answer
from api.http.problems import MEDIA_TYPE, Problem, ProblemKind
from api.operations.metrics import CONTENT_TYPE, Figures, render
from api.ports import ApiOptions, Check, Parts, ReadinessResult, ReadinessState, options_of

_log = logging.getLogger(__name__)

router = APIRouter(tags=["health"])

CHECK_TIMEOUT_S: Final = 5.0


class Health(BaseModel):
    """The process answers."""

    status: Literal["up"] = "up"
    version: str


class CheckOut(BaseModel):
    """What one check found."""

    name: str
    ok: bool = Field(description="There is nothing to look at")
    state: ReadinessState = Field(
        description="`failed`: do not send traffic. `degraded`: nothing is lost, somebody should look"
    )
    since: int = Field(description="ms since 1970 UTC: when it came to this state, as far as this server has seen")
    detail: str = Field(description="A sentence for people")


class Readiness(BaseModel):
    """It is safe to send traffic."""

    status: Literal["ready", "degraded"] = Field(description="`degraded`: at least one check is")
    checks: list[CheckOut]


class NotReady(Problem):
    """A problem that lists every check."""

    checks: list[CheckOut] = Field(description="All of them, the good ones too")


_SINCE: Final = 1_772_352_000_000
_GOOD: Final = {"name": "store", "ok": True, "state": "ok", "since": _SINCE, "detail": "SQLite 3.45.1"}
_BAD: Final = {
    "name": "collector",
    "ok": False,
    "state": "failed",
    "since": _SINCE,
    "detail": "not connected to the broker: see its log, or `haulwatch doctor`",
}


class Memory:
    """Since when each check has been as it is, as far as this server was asked."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[ReadinessState, int]] = {}

    def since(self, name: str, state: ReadinessState, now: int) -> int:
        if name not in self._states or self._states[name][0] is not state:
            self._states[name] = (state, now)
        return self._states[name][1]


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
    summary="Is it safe to send traffic?",
    response_model=Readiness,
    responses={
        **answer("No check has failed", {"status": "ready", "checks": [_GOOD]}),
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
                        "detail": "Not ready: collector.",
                        "instance": "/readyz",
                        "checks": [_GOOD, _BAD],
                    },
                }
            },
        },
    },
)
async def readyz(parts: Parts, request: Request) -> Response:
    """Whether what is sent is kept, and what keeps it is at work: store, journal, collector, recorder, judge, disk and
    broker. A store that is merely away does not make it unready: readings wait for it. Needs no token.
    """
    verdicts = await asyncio.gather(*(_run(check) for check in parts.checks))
    memory: Memory = request.app.state.readiness
    found = [_shown(check.name, said, memory, parts.now()) for check, said in zip(parts.checks, verdicts, strict=True)]
    failed = [check.name for check in found if check.state is ReadinessState.FAILED]
    if not failed:
        ready = Readiness(status="ready" if all(check.ok for check in found) else "degraded", checks=found)
        return Response(ready.model_dump_json(), media_type="application/json")
    problem = NotReady(
        type=ProblemKind.UNAVAILABLE.urn,
        title=ProblemKind.UNAVAILABLE.title,
        status=503,
        detail=f"Not ready: {', '.join(failed)}.",
        instance=request.url.path,
        checks=found,
    )
    return Response(problem.model_dump_json(exclude={"errors"}), 503, {"Retry-After": "5"}, media_type=MEDIA_TYPE)


async def _run(check: Check) -> ReadinessResult:
    """A check that takes too long or breaks has failed; its exception is for the log."""
    try:
        return await asyncio.wait_for(check.run(), CHECK_TIMEOUT_S)
    except TimeoutError:
        return ReadinessResult(ReadinessState.FAILED, f"did not answer in {CHECK_TIMEOUT_S:.0f} s")
    except Exception:  # noqa: BLE001 - whatever breaks in a check is its verdict
        _log.exception("readiness check %s broke", check.name)
        return ReadinessResult(ReadinessState.FAILED, "the check itself broke; see the log")


def _shown(name: str, said: ReadinessResult, memory: Memory, now: int) -> CheckOut:
    seen = memory.since(name, said.state, now)
    ok = said.state is ReadinessState.OK
    return CheckOut(name=name, ok=ok, state=said.state, since=said.since or seen, detail=said.detail)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    dependencies=READERS,
    responses=text_answer("Prometheus text format", 'haulwatch_readings{verdict="stored"} 2559.0\n', CONTENT_TYPE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.UNAVAILABLE),
)
def metrics(parts: Parts, options: Annotated[ApiOptions, Depends(options_of)]) -> Response:
    """Readings by verdict and reason, sequence gaps, lag by consumer, collector and recorder, the raw log and its disk,
    the broker's own counters, open alerts by rule.

    No label per device: `GET /api/v1/ledger/devices` has those figures.
    """
    figures = Figures(
        version=options.version,
        total=parts.ledger().total,
        lag=parts.lag(),
        collector=parts.collector(),
        recorder=parts.recorder(),
        open_alerts=parts.journal.open_alerts(),
        alive=parts.alive(),
        disk=parts.disk(),
        broker=parts.broker(),
    )
    return Response(render(figures), media_type=CONTENT_TYPE)
