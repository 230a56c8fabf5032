"""All cases of a city, in the registry's database beside the alert journal."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, select, tuple_

from devices.db.database import transaction
from devices.db.page_cursor import cursor_of, read_cursor
from rules.cases import writing
from rules.cases.actions import CaseAction
from rules.cases.deadlines import Terms
from rules.cases.indicators import Indicators, indicators
from rules.cases.model import (
    CaseDetail,
    CaseEvent,
    CaseFilter,
    CasePage,
    CaseScope,
    CaseView,
    NewCase,
)
from rules.cases.selection import conditions
from rules.cases.shown_events import shown_events
from rules.cases.tables import case_alert, case_event, case_file

_NUMBER: Final = "[0-9]{4}-[0-9]{6}"


class CaseStore:
    """All cases. Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine, terms: Callable[[], Terms]) -> None:
        """`terms`: of the settings and the city. Asked for each change."""
        self._engine, self._terms = engine, terms

    def close(self) -> None:
        self._engine.dispose()

    def open_case(self, new: NewCase, actor: str, at: int) -> CaseDetail:
        """Open a case. Raises CaseRefused, UnknownAlert, AlertTaken."""
        terms = self._terms()
        with transaction(self._engine) as connection:
            writing.wait_for_turn(connection)
            number = writing.open_case(connection, new, actor, at, terms)
            return _detail(connection, number, at)

    def act(self, number: str, action: CaseAction) -> CaseDetail:
        """Change a case. Raises UnknownCase, OutdatedCase, WrongState, CaseRefused, UnknownAlert, AlertTaken."""
        terms = self._terms()
        with transaction(self._engine) as connection:
            writing.wait_for_turn(connection)
            writing.act(connection, number, action, terms)
            return _detail(connection, number, action.at)

    def case(self, number: str, now: int, scope: CaseScope | None = None) -> CaseDetail | None:
        """One case with its events; None when there is none with this number within the scope."""
        selected = select(case_file.c.number).where(case_file.c.number == number, *conditions(CaseFilter(scope=scope)))
        with transaction(self._engine) as connection:
            if connection.execute(selected).first() is None:
                return None
            return _detail(connection, number, now, scope)

    def cases(self, where: CaseFilter, now: int, *, limit: int, before: str | None = None) -> CasePage:
        """A page of cases, newest first. Raises InvalidCursor."""
        query = select(case_file).where(*conditions(where))
        if before is not None:
            read = read_cursor(before, _NUMBER, "these cases")
            query = query.where(tuple_(case_file.c.opened_at, case_file.c.number) < tuple_(*read))
        query = query.order_by(case_file.c.opened_at.desc(), case_file.c.number.desc()).limit(limit + 1)
        with transaction(self._engine) as connection:
            found = _views(connection, query, now)
        last = found[limit - 1] if len(found) > limit else None
        next_cursor = None if last is None else cursor_of(last.opened_at, last.number)
        return CasePage(items=tuple(found[:limit]), next_cursor=next_cursor)

    def indicators(self, start: int, end: int, now: int, scope: CaseScope | None = None) -> Indicators:
        """Figures of the cases that were opened from `start` until before `end`, as they stand at `now`."""
        with transaction(self._engine) as connection:
            return indicators(connection, CaseFilter(start=start, end=end, scope=scope), now)


def _detail(connection: Connection, number: str, now: int, scope: CaseScope | None = None) -> CaseDetail:
    [view] = _views(connection, select(case_file).where(case_file.c.number == number), now)
    events = select(case_event).where(case_event.c.number == number).order_by(case_event.c.no)
    found = [CaseEvent.model_validate(dict(row)) for row in connection.execute(events).mappings()]
    return CaseDetail(case=view, events=shown_events(connection, found, view.district, scope))


def _views(connection: Connection, query: Any, now: int) -> list[CaseView]:
    rows: Sequence[Any] = connection.execute(query).mappings().all()
    held: dict[str, list[str]] = {}
    wanted = case_alert.c.number.in_([row["number"] for row in rows])
    alerts = select(case_alert.c.number, case_alert.c.alert_id).where(wanted, case_alert.c.held)
    for number, alert_id in connection.execute(alerts.order_by(case_alert.c.number, case_alert.c.position)):
        held.setdefault(number, []).append(alert_id)
    return [
        CaseView.model_validate(
            {
                **row,
                "alerts": held.get(row["number"], ()),
                "overdue": row["closed_at"] is None and row["deadline"] < now,
            }
        )
        for row in rows
    ]
