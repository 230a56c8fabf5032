"""An `AlertFilter` as conditions on the table of alerts. The journal asks it."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import and_, bindparam, false, or_

from rules.alerts.actions import AlertFilter
from rules.alerts.tables import alert

_COMPARED: Final = ("rule", "severity", "phase", "subject", "assigned_to")


def conditions(where: AlertFilter) -> list[Any]:
    """Conditions that all hold for what the filter selects; none for an empty filter."""
    found = [alert.c[name] == str(value) for name in _COMPARED if (value := getattr(where, name)) is not None]
    if where.start is not None:
        found.append(alert.c.opened_at >= where.start)
    if where.end is not None:
        found.append(alert.c.opened_at < where.end)
    if where.open is not None:
        is_open = and_(alert.c.closed_at.is_(None), alert.c.outcome.is_(None))
        found.append(is_open if where.open else ~is_open)
    if where.handled is not None:
        found.append(alert.c.outcome.is_not(None) if where.handled else alert.c.outcome.is_(None))
    if where.acknowledged is not None:
        named = alert.c.acknowledged_by
        found.append(named.is_not(None) if where.acknowledged else named.is_(None))
    if where.subjects is not None:
        found.append(_one_of(where.subjects))
    if where.ids is not None:
        found.append(alert.c.alert_id.in_(where.ids))
    if where.text is not None:
        columns = (alert.c.title_en, alert.c.title_zh, alert.c.subject)
        found += [or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in where.text.split()]
    if where.box is not None:
        found += [alert.c.lon.between(where.box.west, where.box.east)]
        found += [alert.c.lat.between(where.box.south, where.box.north)]
    return found


def _one_of(subjects: Iterable[str]) -> Any:
    """Written into the statement, because a database takes a bounded number of parameters, and a district may have more
    devices than that.
    """
    wanted = sorted(subjects)
    if not wanted:
        return false()
    return alert.c.subject.in_(bindparam("subjects", wanted, expanding=True, literal_execute=True))
