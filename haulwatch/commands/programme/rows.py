"""Indicators as rows of CSV."""

from collections.abc import Iterable
from typing import Any, Final

from rules.indicators.model import Indicator, IndicatorQuality, IndicatorReport

_QUALITY: Final = tuple(IndicatorQuality.model_fields)
COLUMNS: Final = (
    "first_day", "last_day", "id", "name", "name_zh", "value", "unit", "unit_zh", "withheld", "withheld_zh", "baseline",
    "baseline_year", "target", "target_year", "progress_pct", "met", *_QUALITY, "formula", "formula_zh", "scope",
    "scope_zh",
)  # fmt: skip


def indicator_rows(report: IndicatorReport) -> Iterable[dict[str, Any]]:
    """One row for each indicator."""
    for one in report.indicators:
        yield {"first_day": report.first_day.isoformat(), "last_day": report.last_day.isoformat(), **_row(one)}


def _row(one: Indicator) -> dict[str, Any]:
    quality = {} if one.quality is None else one.quality.model_dump()
    return {
        "id": str(one.id),
        "name": one.name.en,
        "name_zh": one.name.zh,
        "value": one.value,
        "unit": one.unit.en,
        "unit_zh": one.unit.zh,
        "withheld": "; ".join(held.text.en for held in one.withheld),
        "withheld_zh": "；".join(held.text.zh for held in one.withheld),
        "baseline": one.baseline,
        "baseline_year": one.baseline_year,
        "target": one.target,
        "target_year": one.target_year,
        "progress_pct": one.progress_pct,
        "met": one.met,
        **{name: quality.get(name) for name in _QUALITY},
        "formula": one.formula.en,
        "formula_zh": one.formula.zh,
        "scope": one.scope.en,
        "scope_zh": one.scope.zh,
    }
