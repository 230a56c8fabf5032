"""The closing rate of cases 办结率, and the figures that it is made of.

All five city plans that this project comes from ask for it, four of them with the target 100 %. What is counted is
stated, so that two quarters can be compared 明确统计范围、口径:

- The cases of a span are those that were **opened** in it, whenever they were closed 统计范围：时段内受理的案件.
- **Closing rate** = closed / opened · 100 %. 办结率 = 办结数 ÷ 受理数 × 100 %.
- **Rate in time** = closed in time / (closed + overdue) · 100 %: of the cases that are closed or whose time is
  up, those that were closed by their deadline. 按期办结率 = 按期办结数 ÷ （办结数 + 超期未办结数） × 100 %.
- A case that was reopened is not closed, until it is closed again; its last closing and its last deadline count.
- Cases that were closed as duplicates count in neither; their number is given beside 重复案件不计入，另列.
"""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, case, func, or_, select

from rules.cases.model import CaseFilter, CaseKind, CaseOutcome, CaseState
from rules.cases.selection import conditions
from rules.cases.tables import case_file

_COUNTS: Final = ("opened", "closed", "closed_in_time", "overdue", "duplicates")


class Figures(BaseModel):
    """Numbers of cases, and rates in percent; a rate is null where there is nothing to divide by."""

    model_config = ConfigDict(frozen=True)

    opened: int
    """受理数, without duplicates."""
    closed: int
    """办结数."""
    closed_in_time: int
    """按期办结数: closed at their deadline or before."""
    overdue: int
    """超期未办结数: not closed, and past their deadline."""
    duplicates: int
    closing_rate_pct: float | None
    in_time_rate_pct: float | None


class Indicators(Figures):
    """Figures of all cases that were opened from `start` until before `end`, and of each kind, as of `at`."""

    start: int
    end: int
    at: int
    by_kind: dict[CaseKind, Figures]


def indicators(connection: Connection, where: CaseFilter, now: int) -> Indicators:
    """Count the cases that the filter selects, as they stand at `now`. `where` has start and end."""
    is_duplicate = case_file.c.outcome == CaseOutcome.DUPLICATE
    counts = or_(case_file.c.outcome.is_(None), ~is_duplicate)
    is_closed = counts & (case_file.c.state == CaseState.CLOSED)
    by = (
        counts,
        is_closed,
        is_closed & (case_file.c.closed_at <= case_file.c.deadline),
        (case_file.c.state != CaseState.CLOSED) & (case_file.c.deadline < now),
        is_duplicate,
    )
    sums = (func.coalesce(func.sum(case((condition, 1), else_=0)), 0) for condition in by)
    query = select(case_file.c.kind, *sums).where(*conditions(where)).group_by(case_file.c.kind)
    found = {CaseKind(kind): tuple(map(int, numbers)) for kind, *numbers in connection.execute(query)}
    kinds = {kind: found.get(kind, (0,) * len(_COUNTS)) for kind in CaseKind}
    return Indicators(
        **_figures(map(sum, zip(*kinds.values(), strict=True))),
        start=where.start or 0,
        end=where.end or 0,
        at=now,
        by_kind={kind: Figures(**_figures(numbers)) for kind, numbers in kinds.items()},
    )


def _figures(numbers: Iterable[int]) -> dict[str, Any]:
    counted = dict(zip(_COUNTS, numbers, strict=True))
    closed, due = counted["closed"], counted["closed"] + counted["overdue"]
    return counted | {
        "closing_rate_pct": _percent(closed, counted["opened"]),
        "in_time_rate_pct": _percent(counted["closed_in_time"], due),
    }


def _percent(part: int, whole: int) -> float | None:
    """Rounded to one decimal, but never up to 100 while one is missing."""
    if whole == 0:
        return None
    return 100.0 if part == whole else min(round(100 * part / whole, 1), 99.9)
