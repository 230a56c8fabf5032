"""A `CaseFilter` as conditions on the table of cases."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import and_, bindparam, exists, false, or_

from rules.cases.model import CaseFilter, CaseKind, CaseScope, CaseState
from rules.cases.tables import case_alert, case_file

_COMPARED: Final = ("state", "kind", "assignee", "district")


def conditions(where: CaseFilter) -> list[Any]:
    """Conditions that all hold for what the filter selects; none for an empty filter."""
    found = [case_file.c[name] == str(value) for name in _COMPARED if (value := getattr(where, name)) is not None]
    if where.is_open is not None:
        is_closed = case_file.c.state == CaseState.CLOSED
        found.append(~is_closed if where.is_open else is_closed)
    if where.overdue_at is not None:
        found += [case_file.c.state != CaseState.CLOSED, case_file.c.deadline < where.overdue_at]
    if where.alert_id is not None:
        found.append(exists().where(_of_case(), case_alert.c.held, case_alert.c.alert_id == where.alert_id))
    if where.text is not None:
        columns = (case_file.c.number, case_file.c.title, case_file.c.address)
        found += [or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in where.text.split()]
    if where.start is not None:
        found.append(case_file.c.opened_at >= where.start)
    if where.end is not None:
        found.append(case_file.c.opened_at < where.end)
    if where.scope is not None:
        found += _within(where.scope)
    return found


def _within(scope: CaseScope) -> list[Any]:
    """See `CaseScope`."""
    is_report = case_file.c.kind == CaseKind.REPORT
    found: list[Any] = [] if scope.reads_reports else [~is_report]
    if scope.subjects is None:
        return found
    has_others = exists().where(_of_case(), ~_one_of(case_alert.c.subject, scope.subjects, "subjects"))
    has_alerts = exists().where(_of_case())
    found.append(~has_others)
    in_district = case_file.c.district.is_not(None)
    if scope.districts is not None:
        in_district = _one_of(case_file.c.district, scope.districts, "districts")
        found.append(or_(case_file.c.district.is_(None), in_district))
    if scope.is_of_haulier:
        return [*found, has_alerts]
    return [*found, or_(and_(has_alerts, ~is_report), in_district)]


def _of_case() -> Any:
    return case_alert.c.number == case_file.c.number


def _one_of(column: Any, values: Iterable[str], name: str) -> Any:
    """Written into the statement: a database takes a bounded number of parameters."""
    wanted = sorted(values)
    if not wanted:
        return and_(false())
    return column.in_(bindparam(name, wanted, expanding=True, literal_execute=True))
