"""Spans of days in queries, by the city's calendar."""

from datetime import date, timedelta
from typing import Annotated, Final, NamedTuple

from fastapi import Query

from api.http.problems import invalid
from api.ports import ApiParts
from rules.indicators.loads import MAX_DAYS
from rules.weighing.balance import Calendar

DEFAULT_DAYS: Final = 30
_EARLIEST: Final = date(2000, 1, 1)

FirstDay = Annotated[
    date | None, Query(alias="from", description="First day, by the city's calendar; 29 days before `to` by default")
]
LastDay = Annotated[date | None, Query(alias="to", description="Last day, included; today by default")]


class Days(NamedTuple):
    """A span of days, and when it begins and ends, ms."""

    first: date
    last: date
    start: int
    end: int


def read_days(parts: ApiParts, first: date | None, last: date | None) -> Days:
    """The span that a request names. Raises RequestRefused."""
    calendar = Calendar(parts.city().timezone)
    today = date.fromisoformat(calendar.day(parts.now()))
    last = today if last is None else last
    first = last - timedelta(days=DEFAULT_DAYS - 1) if first is None else first
    if first < _EARLIEST or first > today:
        raise invalid("query.from", f"must be from {_EARLIEST} to today")
    if last < first:
        raise invalid("query.to", "must not be before `from`")
    if (last - first).days >= MAX_DAYS:
        raise invalid("query.to", f"ask for at most {MAX_DAYS} days")
    return Days(first, last, calendar.start_ms(first), calendar.start_ms(last + timedelta(days=1)))
