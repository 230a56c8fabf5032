"""`haulwatch case show`: one case with its events."""

from typing import Annotated

import typer

from haulwatch.commands.shared import JsonFlag, exits_on_error, local_time, out, print_json, print_table
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import people_zone
from haulwatch.wiring.desk.cases import open_cases
from rules.cases.model import CaseEvent, UnknownCase


@exits_on_error
def show(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="As 2026-000123.")], as_json: JsonFlag = False
) -> None:
    """Show a case: what it is about, its alerts, and every event."""
    settings = settings_with_data()
    zone = people_zone(settings)
    with open_cases(settings, lambda: zone.key) as cases:
        found = cases.case(number, now_ms())
    if found is None:
        raise UnknownCase(f"no case {number!r}: `haulwatch case list` shows them")
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    case = found.case
    place = None if case.lat is None or case.lon is None else f"{case.lat:.5f},{case.lon:.5f}"
    rows = [
        ("title", case.title),
        ("kind", case.kind),
        ("state", f"{case.state}, overdue" if case.overdue else case.state),
        ("deadline", local_time(case.deadline, zone)),
        ("assignee", case.assignee),
        ("place", " ".join(part for part in (place, case.address) if part)),
        ("district", case.district),
        ("happened", local_time(case.happened_from, zone)),
        ("until", local_time(case.happened_until, zone)),
        ("outcome", case.outcome),
        ("alerts", " ".join(case.alerts)),
    ]
    print_table(f"case {case.number}", ("", ""), [row for row in rows if row[1]])
    out.print()
    events = [(local_time(one.at, zone), one.actor, one.kind, _detail(one), _reason(one)) for one in found.events]
    print_table("events", ("at", "by", "what", "", "why"), events)


def _reason(event: CaseEvent) -> str | None:
    because = event.detail.get("because")
    return event.reason if because is None else str(because)


def _detail(event: CaseEvent) -> str:
    shown = (event.detail.get(name) for name in ("alert_id", "assignee", "outcome", "report", "case"))
    return " ".join(str(value) for value in shown if value is not None)
