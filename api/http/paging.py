"""Pages of lists and of time ranges: no item is lost or repeated between two pages."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Generic, NamedTuple, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from api.http.problems import invalid
from devices.readings.instants import DAY_MS
from devices.readings.models import MAX_TS_MS, MIN_TS_MS
from ingest.store import Row

T = TypeVar("T")

CURSOR_HINT: Final = "give the next_cursor of the previous page, unchanged, or leave it out"

Cursor = Annotated[
    str | None,
    Query(max_length=128, description="`next_cursor` of the previous page; all other parameters must be unchanged"),
]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Value of `cursor` for the next page; null on the last page")


class TimeRange(NamedTuple):
    """A range of device time in ms: start inclusive, end exclusive."""

    start: int
    end: int

    def cursor(self) -> str:
        return f"{self.start}-{self.end}"


_RANGE_CURSOR = re.compile(r"([0-9]{1,15})-([0-9]{1,15})")


def read_time_range(
    start: int | None, end: int | None, cursor: str | None, *, now: int, default_ms: int, longest_ms: int
) -> TimeRange:
    """The requested time: that of the cursor, or from `start` to `end`, by default up to now.

    Raises RequestRefused, naming the parameter, if the range is empty or too long, or if the cursor is invalid.
    """
    if cursor is not None:
        match = _RANGE_CURSOR.fullmatch(cursor)
        if match is None or not MIN_TS_MS <= int(match[1]) < int(match[2]) <= MAX_TS_MS:
            raise invalid("query.cursor", CURSOR_HINT)
        time_range = TimeRange(int(match[1]), int(match[2]))
    else:
        until = end if end is not None else max(now, (start or 0) + 1)
        time_range = TimeRange(start if start is not None else until - default_ms, until)
    if time_range.start >= time_range.end:
        raise invalid("query.start", "must be before end")
    if time_range.end - time_range.start > longest_ms:
        raise invalid("query.start", f"a request may cover at most {longest_ms // DAY_MS} days: split the time range")
    return time_range


ReadRows = Callable[[TimeRange, int], Awaitable[list[Row]]]
"""Reads a page of whole instants from a time range, oldest first (`ingest.store.History`). More may follow, whether the
page is full or not."""


async def read_page(
    read: ReadRows, time_range: TimeRange, limit: int, *, step_ms: int = 1
) -> tuple[list[Row], TimeRange | None]:
    """A page, and the time range in which more rows follow, or None.

    `step_ms`: the length of an instant, which is 1, or the length of a window.
    """
    rows = await read(time_range, limit)
    if not rows:
        return [], None
    rest = TimeRange(rows[-1].ts + step_ms, time_range.end)
    has_more = rest.start < rest.end and bool(await read(rest, 1))
    return rows, rest if has_more else None
