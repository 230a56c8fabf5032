"""`haulwatch case list` and `haulwatch case rate`."""

from typing import Annotated

import typer

from devices.readings.instants import DAY_MS
from haulwatch.commands.shared import (
    JsonFlag,
    exits_on_error,
    instant,
    local_minute,
    out,
    print_json,
    print_table,
)
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import people_zone
from haulwatch.wiring.desk.cases import open_cases
from rules.cases.indicators import Figures
from rules.cases.model import CaseFilter, CaseKind, CaseState


@exits_on_error
def list_cases(
    state: Annotated[CaseState | None, typer.Option(help="Only those in this state.")] = None,
    kind: Annotated[CaseKind | None, typer.Option(help="Only those of this kind.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those that are not closed and past due.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The newest so many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List cases, newest first."""
    settings, now = settings_with_data(), now_ms()
    zone = people_zone(settings)
    where = CaseFilter(state=state, kind=kind, overdue_at=now if overdue else None)
    with open_cases(settings, lambda: zone.key) as cases:
        page = cases.cases(where, now, limit=limit)
    if as_json:
        print_json([case.model_dump(mode="json") for case in page.items])
        return
    rows = [
        (
            case.number,
            case.kind,
            case.state,
            local_minute(case.deadline, zone),
            "overdue" if case.overdue else case.outcome,
            case.assignee,
            len(case.alerts),
            case.title,
        )
        for case in page.items
    ]
    columns = ("number", "kind", "state", "deadline", "", "assignee", "alerts", "title")
    print_table("cases", columns, rows, right=("alerts",))
    if page.next_cursor is not None:
        out.print(f"more follow: give a --limit above {limit}", markup=False)


@exits_on_error
def rate(
    since: Annotated[
        int | None,
        typer.Option("--from", parser=instant, metavar="TIME", help="Opened from then; default: 90 days ago."),
    ] = None,
    until: Annotated[
        int | None, typer.Option("--to", parser=instant, metavar="TIME", help="Opened before then; default: now.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the closing rate 办结率 of the cases that were opened in a span, as they stand now.

    Closed of opened; and of those closed or overdue, the share closed in time. Duplicates count in neither.
    """
    settings, now = settings_with_data(), now_ms()
    end = now + 1 if until is None else until
    start = end - 90 * DAY_MS if since is None else since
    if start >= end:
        raise typer.BadParameter("--from must be before --to")
    zone = people_zone(settings)
    with open_cases(settings, lambda: zone.key) as cases:
        found = cases.indicators(start, end, now)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    rows = [("all 合计", *_cells(found)), *((str(kind), *_cells(of_kind)) for kind, of_kind in found.by_kind.items())]
    columns = (
        "kind",
        "opened 受理",
        "closed 办结",
        "in time 按期",
        "overdue 超期",
        "rate 办结率",
        "in time 按期办结率",
    )
    title = f"cases opened from {local_minute(start, zone)} to {local_minute(end, zone)}"
    print_table(title, columns, rows, right=columns[1:])


def _cells(figures: Figures) -> tuple[object, ...]:
    return (
        figures.opened,
        figures.closed,
        figures.closed_in_time,
        figures.overdue,
        _percent(figures.closing_rate_pct),
        _percent(figures.in_time_rate_pct),
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} %"
