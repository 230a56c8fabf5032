"""The assessment of hauliers, vehicles and drivers."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from api.access.auditing import PERSONAL
from api.access.roles import OPERATORS
from api.access.visible import Parts
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.problems import ProblemKind
from api.resources.programme.spans import FirstDay, LastDay, read_days
from rules.indicators.assessment import SubjectKind
from rules.indicators.model import Asked, AssessmentReport

router = APIRouter(prefix="/assessment", tags=["programme"], dependencies=[*PERSONAL, *OPERATORS])

_EXAMPLE: Final[dict[str, Any]] = {
    "first_day": "2026-01-01",
    "last_day": "2026-03-31",
    "at": 1_775_012_400_000,
    "kind": "haulier",
    "is_over": True,
    "rules": {
        "weights": {"alerts": 50.0, "manifests": 30.0, "data": 20.0},
        "points": {"P1": 40.0, "P2": 15.0, "P3": 5.0, "P4": 1.0},
        "least_trips": 10,
        "least_data_pct": 50.0,
    },
    "items": [
        {
            "kind": "haulier",
            "id": "danhe",
            "name": {"en": "Danhe Environmental Haulage", "zh": "丹河环保运输"},
            "score": 86.5,
            "why_not": None,
            "parts": [
                {"id": "alerts", "weight": 50.0, "score": 80.0},
                {"id": "manifests", "weight": 30.0, "score": 95.0},
                {"id": "data", "weight": 20.0, "score": 90.0},
            ],
            "counts": {
                "trips": 200,
                "under_manifest": 196,
                "closed": 190,
                "loads": 200,
                "loads_in_full": 180,
                "trips_seen": 176,
                "upheld": {"P1": 1, "P2": 0, "P3": 0, "P4": 0},
                "other_alerts": 3,
                "undecided": 1,
            },
            "alerts": ["9f86d081884c7d65"],
        }
    ],
}


@router.get(
    "",
    dependencies=LARGE,
    summary="Assessment of hauliers, vehicles and drivers",
    response_model=AssessmentReport,
    responses=answer("The lowest score first", _EXAMPLE)
    | problems(ProblemKind.TOO_BUSY, ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def assessment(
    parts: Parts,
    kind: Annotated[SubjectKind, Query(description="Who is assessed")] = SubjectKind.HAULIER,
    first_day: FirstDay = None,
    last_day: LastDay = None,
) -> AssessmentReport:
    """A score of each from alerts that a person upheld, manifests that are closed, and the data that came, with the
    counts that it rests on. Who has few trips or little data has none.

    An alert that is taken back or closed otherwise counts nothing, so an appeal that ends in a correction changes the
    score. Drivers stand as their manifests name them.
    """
    days = read_days(parts, first_day, last_day)
    return parts.programme.assess(Asked(days.first, days.last, parts.now(), parts.city()), kind)
