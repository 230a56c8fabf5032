"""The indicators of the city's programme."""

from typing import Any, Final

from fastapi import APIRouter

from api.access.authentication import CurrentCaller
from api.access.roles import VIEWERS
from api.access.visible import Parts, may_read_reports
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.problems import ProblemKind
from api.resources.programme.spans import FirstDay, LastDay, read_days
from rules.cases.model import CaseKind
from rules.indicators.model import Asked, IndicatorReport

router = APIRouter(prefix="/indicators", tags=["programme"], dependencies=VIEWERS)

_TEXT: Final = {"en": "Construction-waste recycling rate", "zh": "建筑垃圾资源化利用率"}
_EXAMPLE: Final[dict[str, Any]] = {
    "first_day": "2026-01-01",
    "last_day": "2026-03-31",
    "at": 1_775_012_400_000,
    "city": {"en": "Jincheng", "zh": "晋城"},
    "timezone": "Asia/Shanghai",
    "is_over": True,
    "is_part": False,
    "indicators": [
        {
            "id": "construction_recycling",
            "name": _TEXT,
            "unit": {"en": "%", "zh": "%"},
            "formula": {"en": "received by recycling plants ÷ received by all end sites × 100 %", "zh": "…"},
            "scope": {"en": "…", "zh": "…"},
            "aim": "at_least",
            "value": 41.7,
            "withheld": [],
            "parts": [
                {
                    "id": "part",
                    "name": {"en": "part", "zh": "分子"},
                    "value": 10_425.32,
                    "unit": {"en": "t", "zh": "吨"},
                }
            ],
            "quality": {
                "loads": 1_612,
                "weighed_pct": 98.6,
                "estimated": 21,
                "without_net": 2,
                "without_stream": 0,
                "waiting": 3,
                "days": 90,
                "days_without_data": 7,
                "sites": 3,
                "sites_without_scale": 0,
                "deposits": 0,
                "points": 0,
                "points_without_deposits": 0,
            },
            "baseline": 14.34,
            "baseline_year": None,
            "target": 60.0,
            "target_year": 2025,
            "progress_pct": 59.9,
            "met": False,
        }
    ],
    "late": [{"day": "2026-03-30", "revisions": 4, "net_kg": 30_120.0}],
}


@router.get(
    "",
    dependencies=LARGE,
    summary="Indicators of the programme",
    response_model=IndicatorReport,
    responses=answer("All indicators of the span", _EXAMPLE)
    | problems(ProblemKind.TOO_BUSY, ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE),
)
def indicators(
    parts: Parts, caller: CurrentCaller, first_day: FirstDay = None, last_day: LastDay = None
) -> IndicatorReport:
    """Each indicator with its formula and scope, what it is made of, the quality of its data, baseline and target.

    Where the data cannot carry a value it is null, and `withheld` says why. Late weighings change the day that they
    belong to; `late` says by how much since the day was over. Who may see a part of the city gets the figures of its
    vehicles and sites, without targets, which are of the whole city. Viewers and hauliers see no public reports, and
    have no closing rate of them.
    """
    days, now = read_days(parts, first_day, last_day), parts.now()
    cases = parts.cases.indicators(days.start, days.end, now)
    heard_at = {line.device: line.heard_at for line in parts.ledger().devices if line.heard_at is not None}
    return parts.programme.report(
        Asked(
            days.first,
            days.last,
            now,
            parts.city(),
            heard_at=heard_at,
            reports=cases.by_kind[CaseKind.REPORT] if may_read_reports(caller) else None,
        )
    )
