"""An `AlertFilter` as conditions on the table of alerts. The journal asks it."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, false, or_, select, tuple_

from rules.alerts.actions import AlertFilter
from rules.alerts.tables import alert

_COMPARED: Final = ("rule", "severity", "phase", "subject", "assigned_to")
_MANY: Final = 20
"""Alerts of more devices than this are met soon among all; fewer are looked up by device."""


def newest(where: AlertFilter, limit: int, before: tuple[int, str] | None) -> Select[tuple[str]]:
    """Ids of the newest alerts that the filter selects; `before`: only those after this one, in the order of pages.

    It asks for nothing but ids, so that an index alone answers it where the filter names no words: rows of alerts are
    forty times as wide.
    """
    query = select(alert.c.alert_id).order_by(alert.c.opened_at.desc(), alert.c.alert_id.desc()).limit(limit)
    if before is not None:
        # As a row, so that the index leads there: with `or` every page before is read again.
        query = query.where(tuple_(alert.c.opened_at, alert.c.alert_id) < tuple_(*before))
    return query.where(*conditions(where))


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
    # As an expression no index leads to the devices: then all their alerts would be read, and sorted, for one page.
    subject = alert.c.subject if len(wanted) <= _MANY else alert.c.subject.concat("")
    return subject.in_(bindparam("subjects", wanted, expanding=True, literal_execute=True))
