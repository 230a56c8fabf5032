"""The alarm rate: how often alerts called people."""

from typing import Final

from fastapi import APIRouter

from api.http.guard import READERS
from api.http.openapi import answer, problems
from api.http.problems import ProblemKind, RequestRefused
from api.ports import Parts
from ingest.alerts.rate import AlertRate

router = APIRouter(prefix="/alerts", tags=["alerts"], dependencies=READERS)

_EXAMPLE: Final = {
    "operators": 2,
    "called": 3,
    "per_operator": 1.5,
    "load": "busy",
    "day_average": 0.4,
    "day_most": 6.5,
    "day_flood_pct": 0.0,
}


@router.get(
    "/rate",
    summary="How often alerts call people",
    response_model=AlertRate,
    responses=answer("The rate now, and of the last 24 h", _EXAMPLE)
    | problems(ProblemKind.UNAUTHORIZED, ProblemKind.UNAVAILABLE),
)
def rate(parts: Parts) -> AlertRate:
    """Alerts published over MQTT in ten minutes for each operator, the measure of ISA-18.2 and IEC 62682.

    About 1 is acceptable, more than 10 are a flood. Shelved alerts do not count; what a shelf held counts when it is
    published. 503 while the judge, which publishes, does not run.
    """
    found = parts.alert_rate()
    if found is None:
        detail = "The judge does not run, so no alert is published: start it, then ask again."
        raise RequestRefused(ProblemKind.UNAVAILABLE, detail, headers={"Retry-After": "10"})
    return found
