"""What routes of cases answer, their examples, and the errors of the store as problems."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import Path
from pydantic import Field

from api.http.problems import ProblemKind, RequestRefused, invalid, not_found
from api.ports import ApiParts
from api.resources.alerting.examples import ALERT_EXAMPLE
from rules.alerts.actions import AlertFilter, AlertView, UnknownAlert
from rules.alerts.shelves import as_called
from rules.cases.model import (
    MAX_ALERTS,
    NUMBER_PATTERN,
    AlertTaken,
    CaseDetail,
    CaseRefused,
    OutdatedCase,
    UnknownCase,
    WrongState,
)

NumberPath = Annotated[
    str,
    Path(
        alias="case_number",
        pattern=NUMBER_PATTERN,
        description="Number of the case: year and number in it",
        examples=["2026-000123"],
    ),
]

CASE_EXAMPLE: Final[dict[str, Any]] = {
    "number": "2026-000123",
    "kind": "alert",
    "title": "晋E10001 在核准场所外倾倒",
    "state": "in_progress",
    "version": 3,
    "opened_at": 1_772_353_100_000,
    "opened_by": "li.wei",
    "deadline": 1_773_158_399_000,
    "assignee": "team-3",
    "lat": 35.491,
    "lon": 112.852,
    "address": "Behind the brickworks",
    "district": "zezhou",
    "happened_from": 1_772_352_930_250,
    "happened_until": 1_772_353_050_250,
    "outcome": None,
    "closed_at": None,
    "closed_by": None,
    "closing_reason": None,
    "reopened": 0,
    "alerts": ["9f86d081884c7d65"],
    "overdue": False,
}
DETAIL_EXAMPLE: Final[dict[str, Any]] = {
    "case": CASE_EXAMPLE,
    "events": [
        {
            "no": 41,
            "at": 1_772_353_100_000,
            "actor": "li.wei",
            "kind": "opened",
            "reason": None,
            "detail": {
                "kind": "alert",
                "title": "晋E10001 在核准场所外倾倒",
                "deadline": 1_773_158_399_000,
                "assignee": None,
            },
        },
        {
            "no": 42,
            "at": 1_772_353_100_000,
            "actor": "li.wei",
            "kind": "alert_added",
            "reason": None,
            "detail": {"alert_id": "9f86d081884c7d65"},
        },
    ],
    "alerts": [ALERT_EXAMPLE],
}


class CaseAnswer(CaseDetail):
    """A case with all its events, oldest first, and the alerts that it holds."""

    alerts: tuple[AlertView, ...] = Field(description="In the order in which they were added")


def case_answer(parts: ApiParts, detail: CaseDetail) -> CaseAnswer:
    ids = detail.case.alerts
    page = parts.journal.alerts(AlertFilter(ids=ids), limit=MAX_ALERTS) if ids else None
    found = {alert.alert_id: alert for alert in (page.items if page else ())}
    alerts = [found[alert_id] for alert_id in ids if alert_id in found]
    called = as_called(alerts, parts.shelves.standing_after(parts.now()), parts.call_within_ms)
    return CaseAnswer(case=detail.case, events=detail.events, alerts=tuple(called))


@contextmanager
def refusals(number: str = "") -> Iterator[None]:
    """Turn the errors of cases into problems."""
    try:
        yield
    except UnknownCase as exc:
        raise no_such_case(number) from exc
    except UnknownAlert as exc:
        detail = f"{exc}: GET /api/v1/alerts lists all alerts"
        raise RequestRefused(ProblemKind.NOT_FOUND, detail) from exc
    except OutdatedCase as exc:
        raise RequestRefused(ProblemKind.OUTDATED, str(exc)) from exc
    except WrongState as exc:
        raise RequestRefused(ProblemKind.CASE_STATE, str(exc)) from exc
    except AlertTaken as exc:
        detail = f"{exc}: remove it there first, with a reason, or close that case"
        raise RequestRefused(ProblemKind.ALERT_TAKEN, detail) from exc
    except CaseRefused as exc:
        raise invalid(f"body.{exc.field}", exc.hint) from exc


def no_such_case(number: str) -> RequestRefused:
    return not_found("Case", number, "GET /api/v1/cases lists all cases")
