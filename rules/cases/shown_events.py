"""Events of a case as somebody reads them who may not see all: what is said of reports of the public, and where they
went, is for who may read it.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, select

from rules.cases.model import CaseEvent, CaseFilter, CaseScope, EventKind
from rules.cases.selection import conditions
from rules.cases.tables import case_file

_OF_REPORTS: Final = frozenset({EventKind.REPORT_JOINED, EventKind.REPORT_LEFT})
_OF_THE_OTHER_CASE: Final = {
    EventKind.REPORT_JOINED: frozenset({"case"}),
    EventKind.REPORT_LEFT: frozenset({"case", "because"}),
}
"""What the detail of an event says of the other case. Why a report joined concerns the case that it joined."""


def shown_events(
    connection: Connection, events: Sequence[CaseEvent], district: str | None, scope: CaseScope | None
) -> tuple[CaseEvent, ...]:
    """The events of a case in `district` that the scope shows. None: all of them."""
    if scope is None:
        return tuple(events)
    if not scope.reads_reports_in(district):
        return tuple(event for event in events if event.kind not in _OF_REPORTS)
    others = {event.detail["case"] for event in events if event.kind in _OF_REPORTS}
    seen = _seen(connection, others, scope) if others else frozenset()
    return tuple(
        _without_other_case(event) if event.kind in _OF_REPORTS and event.detail["case"] not in seen else event
        for event in events
    )


def _seen(connection: Connection, numbers: set[str], scope: CaseScope) -> frozenset[str]:
    within = conditions(CaseFilter(scope=scope))
    query = select(case_file.c.number).where(case_file.c.number.in_(numbers), *within)
    return frozenset(connection.execute(query).scalars())


def _without_other_case(event: CaseEvent) -> CaseEvent:
    hidden = _OF_THE_OTHER_CASE[event.kind]
    shown = {name: value for name, value in event.detail.items() if name not in hidden}
    return event.model_copy(update={"detail": shown})
