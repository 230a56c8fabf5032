"""Pages of which nothing is lost and nothing repeated."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Generic, NamedTuple, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from api.http.problems import invalid
from devices.readings.models import MAX_TS_MS, MIN_TS_MS
from ingest.store import Row

T = TypeVar("T")

Cursor = Annotated[
    str | None,
    Query(max_length=128, description="`next_cursor` of the page before; the other parameters must be the same"),
]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(
        description="Ask again with `cursor` set to it for the page that follows; null on the last page"
    )


class Stretch(NamedTuple):
    """A stretch of device time, start inclusive, end exclusive, ms."""

    start: int
    end: int

    def cursor(self) -> str:
        return f"{self.start}-{self.end}"


_STRETCH = re.compile(r"([0-9]{1,15})-([0-9]{1,15})")


def read_stretch(
    start: int | None, end: int | None, cursor: str | None, *, now: int, default_ms: int, longest_ms: int
) -> Stretch:
    """The time asked for: the cursor's, or from `start` to `end`, by default up to now.

    Raises Refused, naming the parameter, where it is empty, too long or the cursor is not one of ours.
    """
    if cursor is not None:
        found = _STRETCH.fullmatch(cursor)
        if found is None or not MIN_TS_MS <= int(found[1]) < int(found[2]) <= MAX_TS_MS:
            raise invalid("query.cursor", "give the next_cursor of the page before, unchanged, or leave it out")
        stretch = Stretch(int(found[1]), int(found[2]))
    else:
        until = end if end is not None else max(now, (start or 0) + 1)
        stretch = Stretch(start if start is not None else until - default_ms, until)
    if stretch.start >= stretch.end:
        raise invalid("query.start", "must be before end")
    if stretch.end - stretch.start > longest_ms:
        raise invalid("query.start", f"at most {longest_ms // 86_400_000} days are read at once: ask in parts")
    return stretch


ReadRows = Callable[[Stretch, int], Awaitable[list[Row]]]
"""A page of whole instants out of a stretch, oldest first (`ingest.store.History`): full or not, more may follow."""


async def read_page(
    read: ReadRows, stretch: Stretch, limit: int, *, step_ms: int = 1
) -> tuple[list[Row], Stretch | None]:
    """A page, and the stretch in which more follows, or None.

    `step_ms` is the length of an instant: 1, or a window's.
    """
    rows = await read(stretch, limit)
    if not rows:
        return [], None
    left = Stretch(rows[-1].ts + step_ms, stretch.end)
    more = left.start < left.end and bool(await read(left, 1))
    return rows, left if more else None
