"""`haulwatch ledger assessment`: scores of hauliers, vehicles or drivers, with what they rest on."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from haulwatch.commands.csv_output import write_csv
from haulwatch.commands.programme.spans import FirstDay, LastDay, city_of_span
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json, print_table
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.desk.indicators import open_indicators
from rules.alerts.model import Severity
from rules.indicators.assessment import Assessment, NotAssessed, PartId, SubjectKind
from rules.indicators.model import Asked, AssessmentReport

_WHY_NOT: Final = {
    None: "",
    NotAssessed.FEW_TRIPS: "not assessed: too few trips",
    NotAssessed.LITTLE_DATA: "not assessed: too little data",
}
_COUNTS: Final = (
    "trips", "under_manifest", "closed", "loads", "loads_in_full", "trips_seen", "other_alerts", "undecided"
)  # fmt: skip
COLUMNS: Final = (
    "kind", "id", "name", "name_zh", "score", "why_not", *(f"score_{part}" for part in PartId),
    *(f"upheld_{severity}" for severity in Severity), *_COUNTS,
)  # fmt: skip


@exits_on_error
def assessment(
    from_: FirstDay,
    to: LastDay,
    of: Annotated[SubjectKind, typer.Option("--of", help="Who is assessed.")] = SubjectKind.HAULIER,
    as_json: JsonFlag = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Assess hauliers, vehicles or drivers by upheld alerts, closed manifests and complete data.

    Weights, points and bounds come from the file of HAULWATCH_PROGRAMME. Who has few trips or little data has no score.
    An alert that is taken back, or closed as no violation, counts nothing.
    """
    if as_json and as_csv:
        fail("--csv: leave it out, or --json")
    settings, now = settings_with_data(), now_ms()
    city = city_of_span(settings, from_, to, now)
    with open_indicators(settings) as store:
        report = store.assess(Asked(from_, to, now, city), of)
    if as_json:
        print_json(report.model_dump(mode="json"))
    elif as_csv:
        write_csv(sys.stdout, COLUMNS, _csv_rows(report))
    else:
        _print_table(report)


def _csv_rows(report: AssessmentReport) -> Iterator[dict[str, Any]]:
    for one in report.items:
        yield {
            "kind": str(one.kind),
            "id": one.id,
            "name": one.name.en,
            "name_zh": one.name.zh,
            "score": one.score,
            "why_not": None if one.why_not is None else str(one.why_not),
            **{f"score_{part.id}": part.score for part in one.parts},
            **{f"upheld_{severity}": count for severity, count in one.counts.upheld.items()},
            **{name: getattr(one.counts, name) for name in _COUNTS},
        }


def _print_table(report: AssessmentReport) -> None:
    columns = (str(report.kind), "name", "score", *map(str, PartId), "trips", "upheld", "closed", "undecided", "")
    rows = [_row(one) for one in report.items]
    title = f"assessment {report.first_day} to {report.last_day}{'' if report.is_over else ', not over yet'}"
    print_table(title, columns, rows, right=columns[2:-1])
    weights = report.rules.weights
    text = (
        f"score = ({weights.alerts:g} × alerts + {weights.manifests:g} × manifests + {weights.data:g} × data) ÷ "
        f"{weights.alerts + weights.manifests + weights.data:g}"
    )
    out.print(text, markup=False)


def _row(one: Assessment) -> tuple[object, ...]:
    upheld = ", ".join(f"{count} {severity}" for severity, count in one.counts.upheld.items() if count)
    return (
        one.id,
        one.name.zh if one.name.zh == one.name.en else f"{one.name.zh} {one.name.en}",
        _figure(one.score),
        *(_figure(part.score) for part in one.parts),
        one.counts.trips,
        upheld or "0",
        f"{one.counts.closed}/{one.counts.trips}",
        one.counts.undecided,
        _WHY_NOT[one.why_not],
    )


def _figure(score: float | None) -> str | None:
    return None if score is None else f"{score:.1f}"
