"""Health, readiness and metrics of this process and of the path, for monitoring."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.access.roles import VIEWERS
from api.access.visible import whole_city
from api.http.openapi import answer, problems, text_answer
from api.http.problems import MEDIA_TYPE, Problem, ProblemKind
from api.operations.metrics import CONTENT_TYPE, CaseFigures, MetricsSnapshot, render
from api.ports import ApiOptions, Check, ReadinessResult, ReadinessState, WholeParts, options_of
from devices.db.database import DatabaseError
from devices.readings.instants import DAY_MS
from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.figures import FleetFigures, PartitionFigures
from ingest.notices.summary import ChannelSummary

_log = logging.getLogger(__name__)

router = APIRouter(tags=["health"])

CHECK_TIMEOUT_S: Final = 5.0
_QUARTER_MS: Final = 90 * DAY_MS


class Health(BaseModel):
    """The process responds."""

    status: Literal["up"] = "up"
    version: str


class CheckOut(BaseModel):
    """Result of one check."""

    name: str
    ok: bool = Field(description="true: nothing needs attention")
    state: ReadinessState = Field(
        description="`failed`: do not send traffic. `degraded`: no data is lost, an operator should look"
    )
    since: int = Field(
        description="ms since 1970 UTC: when this server first saw the check in this state, or what the part reports"
    )
    detail: str = Field(description="A sentence for people")


class Readiness(BaseModel):
    """The server can take traffic."""

    status: Literal["ready", "degraded"] = Field(description="`degraded`: at least one check is degraded")
    checks: list[CheckOut]


class NotReady(Problem):
    """A problem with the results of all checks."""

    checks: list[CheckOut] = Field(description="Results of all checks, the good ones too")


_SINCE: Final = 1_772_352_000_000
_GOOD: Final = {"name": "store", "ok": True, "state": "ok", "since": _SINCE, "detail": "SQLite 3.45.1"}
_BAD: Final = {
    "name": "collector",
    "ok": False,
    "state": "failed",
    "since": _SINCE,
    "detail": "not connected to the broker: see its log, or `haulwatch doctor`",
}


class StateHistory:
    """Remembers when each check was first seen in its current state. Only requests of /readyz are seen."""

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
    responses=answer("The process is up", {"status": "up", "version": "0.1.0"}) | problems(),
)
async def healthz(options: Annotated[ApiOptions, Depends(options_of)]) -> Health:
    """Checks no other part: if it fails, restart this process. Needs no token."""
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
async def readyz(parts: WholeParts, request: Request) -> Response:
    """Checks that messages are kept, and that the parts which keep them work: store, journal, collector, recorder,
    judge, disk and broker. A store that is temporarily unavailable only degrades: readings wait for it. Needs no token.
    """
    results = await asyncio.gather(*(_run(check) for check in parts.checks))
    history: StateHistory = request.app.state.check_history
    checks = [
        _check_out(check.name, result, history, parts.now())
        for check, result in zip(parts.checks, results, strict=True)
    ]
    failed = [check.name for check in checks if check.state is ReadinessState.FAILED]
    if not failed:
        ready = Readiness(status="ready" if all(check.ok for check in checks) else "degraded", checks=checks)
        return Response(ready.model_dump_json(), media_type="application/json")
    problem = NotReady(
        type=ProblemKind.UNAVAILABLE.urn,
        title=ProblemKind.UNAVAILABLE.title,
        status=503,
        detail=f"Not ready: {', '.join(failed)}.",
        instance=request.url.path,
        checks=checks,
    )
    return Response(problem.model_dump_json(exclude={"errors"}), 503, {"Retry-After": "5"}, media_type=MEDIA_TYPE)


async def _run(check: Check) -> ReadinessResult:
    """Run a check. It has failed if it takes too long or raises; the exception goes to the log only."""
    try:
        return await asyncio.wait_for(check.run(), CHECK_TIMEOUT_S)
    except TimeoutError:
        return ReadinessResult(ReadinessState.FAILED, f"did not respond within {CHECK_TIMEOUT_S:.0f} s")
    except Exception:  # noqa: BLE001 - any error in a check is its result
        _log.exception("api: readiness check %s raised an error, counted as failed", check.name)
        return ReadinessResult(ReadinessState.FAILED, "the check itself failed with an error; see the log of the API")


def _check_out(name: str, result: ReadinessResult, history: StateHistory, now: int) -> CheckOut:
    seen_since = history.since(name, result.state, now)
    ok = result.state is ReadinessState.OK
    return CheckOut(name=name, ok=ok, state=result.state, since=result.since or seen_since, detail=result.detail)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    dependencies=[*VIEWERS, Depends(whole_city)],
    responses=text_answer("Prometheus text format", 'haulwatch_readings{verdict="stored"} 2559.0\n', CONTENT_TYPE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.FORBIDDEN, ProblemKind.UNAVAILABLE),
)
def metrics(parts: WholeParts, options: Annotated[ApiOptions, Depends(options_of)]) -> Response:
    """Readings by disposition and reason, sequence gaps, lag by consumer, collector, recorder, raw log and its disk,
    the broker's own counters, open alerts by rule, notices by channel and cases by kind while the database answers,
    the alarm rate while the judge runs. Where the raw log is on Kafka, its partitions and the group of shared judges,
    and `haulwatch_kafka_up` 0 in place of all that comes from it while it does not answer.

    Only devices beyond a limit have labels of their own: `GET /api/v1/ledger/devices` has the figures of the others.
    """
    partitions = _partitions(parts)
    with_log = partitions is not None
    snapshot = MetricsSnapshot(
        version=options.version,
        total=parts.ledger().total if with_log else None,
        lag=parts.lag() if with_log else {},
        collector=parts.collector(),
        recorder=parts.recorder() if with_log else None,
        open_alerts=_open_alerts(parts),
        alive=parts.alive(),
        disk=parts.disk() if with_log else None,
        broker=parts.broker(),
        rule_failures=parts.rule_failures(),
        alerts_refused=parts.alerts_refused(),
        alerts_waiting=parts.alerts_waiting(),
        alert_rate=parts.alert_rate(),
        notices=_notices(parts),
        cases=_cases(parts),
        over_limit=parts.over_limit(),
        partitions=partitions,
        fleet=_fleet(parts),
        verdicts_damaged=parts.verdicts_damaged(),
        gateways=parts.gateways(),
    )
    return Response(render(snapshot), media_type=CONTENT_TYPE)


def _partitions(parts: WholeParts) -> Sequence[PartitionFigures] | None:
    """None while Kafka does not answer: the other metrics are most wanted then."""
    try:
        return parts.partitions()
    except RawLogUnavailable:
        return None


def _fleet(parts: WholeParts) -> FleetFigures | None:
    """None also while Kafka does not answer."""
    try:
        return parts.fleet()
    except RawLogUnavailable:
        return None


def _notices(parts: WholeParts) -> Sequence[ChannelSummary] | None:
    """By channel; None while the database is away."""
    try:
        return parts.notices()
    except DatabaseError:
        return None


def _cases(parts: WholeParts) -> CaseFigures | None:
    """None while the database is away."""
    now = parts.now()
    try:
        return CaseFigures(
            parts.cases.indicators(0, now + 1, now), parts.cases.indicators(now - _QUARTER_MS, now + 1, now)
        )
    except DatabaseError:
        return None


def _open_alerts(parts: WholeParts) -> Mapping[tuple[str, str], int] | None:
    """By rule and severity; None while the database is away: all other metrics are most wanted then."""
    try:
        return parts.journal.open_alerts()
    except DatabaseError:
        return None
