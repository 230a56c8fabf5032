"""Copies what can be read of an SQLite file with spoiled pages, and names what is lost."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from ingest.process.sqlite_file import is_damaged

_BATCH: Final = 500
_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1

IsWhole = Callable[[str, Mapping[str, Any]], bool]
"""Of a table and a row of it: False if its values are of a spoiled page that has no structure."""


def page_fault(path: Path) -> str | None:
    """Check every page; what is wrong, or None. Raises sqlite3.Error where the file cannot be read now."""
    try:
        with closing(sqlite3.connect(path)) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as exc:
        if not is_damaged(exc):
            raise
        return str(exc)
    return None if found == "ok" else str(found)


def copy_readable(old: sqlite3.Connection, new: sqlite3.Connection, is_whole: IsWhole) -> Iterator[str]:
    """Copy every row that can be read, of every table. Yields what is lost."""
    try:
        query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        schema = old.execute(query).fetchall()
        (version,) = old.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as exc:
        yield f"the whole file ({exc})"
        return
    present = {name for (name,) in new.execute("SELECT name FROM sqlite_master")}
    for kind in ("table", "index"):
        for found, name, sql in schema:
            if found == kind and name not in present:
                new.execute(sql)
    new.execute(f"PRAGMA user_version = {int(version)}")
    for kind, name, _ in schema:
        if kind == "table" and (gap := _copy(old, new, name, is_whole)) is not None:
            yield f"{name}: {gap}"


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str, is_whole: IsWhole) -> str | None:
    """Copy a table around its damages. Returns the gaps, if there are any."""
    columns = [(name, type_, pk) for _, name, type_, _, _, pk in new.execute(f"PRAGMA table_info({table})")]
    keys = [name for name, _, pk in sorted(columns, key=lambda column: column[2]) if pk] or ["rowid"]
    names = keys + [name for name, _, _ in columns if name not in keys]
    listed, marks = ", ".join(names), ", ".join("?" for _ in names)
    insert = f"INSERT OR REPLACE INTO {table} ({listed}) VALUES ({marks})"  # noqa: S608 - names of our own schema
    select = f"SELECT {listed} FROM {table}"  # noqa: S608 - as above
    garbled: list[Any] = []

    def put(batch: list[tuple[Any, ...]]) -> None:
        whole = [is_whole(table, dict(zip(names, row, strict=True))) for row in batch]
        garbled.extend(row[: len(keys)] for row, good in zip(batch, whole, strict=True) if not good)
        new.executemany(insert, [row for row, good in zip(batch, whole, strict=True) if good])

    types = {name: type_ for name, type_, _ in columns}
    if len(keys) == 1 and types.get(keys[0], "INTEGER") == "INTEGER":
        after = lambda number: _Readable(old, f"{select} WHERE {keys[0]} > {number} ORDER BY {keys[0]}")  # noqa: E731
        gaps = list(_copy_by_number(after, put))
    else:
        by = lambda way: _Readable(old, f"{select} ORDER BY {', '.join(f'{key} {way}' for key in keys)}")  # noqa: E731
        gaps = list(_copy_from_both_ends(by, put, len(keys)))
    return ", ".join([*gaps, *([f"rows {garbled}"] if garbled else [])]) or None


_Put = Callable[[list[tuple[Any, ...]]], None]


def _copy_by_number(rows_after: Callable[[int], "_Readable"], put: _Put) -> Iterator[str]:
    """Copy a table that has numbers as its key. Yields the gaps."""
    after = _LOWEST
    while True:
        rows = rows_after(after)
        while batch := rows.next():
            put(batch)
        if rows.whole:
            return
        last = after if rows.last is None else int(rows.last[0])
        readable = _next_readable(rows_after, last)
        following = [] if readable is None else rows_after(readable).next(1)
        begin, end = "the start" if last == _LOWEST else last, following[0][0] if following else "the end"
        yield f"rows after {begin} and before {end}"
        if readable is None:
            return
        after = readable


def _next_readable(rows_after: Callable[[int], "_Readable"], last: int) -> int | None:
    """The smallest number found after which a row can be read, or the end; None: nothing after `last` can be read."""

    def readable(number: int) -> bool:
        rows = rows_after(number)
        return bool(rows.next(1)) or rows.whole

    hop, low = 1, last
    while not readable(min(last + hop, _HIGHEST)):
        if last + hop >= _HIGHEST:
            return None
        low, hop = last + hop, hop * 2
    high = min(last + hop, _HIGHEST)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if readable(middle) else (middle, high)
    return high


def _copy_from_both_ends(rows_by: Callable[[str], "_Readable"], put: _Put, keys: int) -> Iterator[str]:
    """Copy a table from its start and from its end. Yields the gap."""
    ends: list[Any] = []
    for way in ("ASC", "DESC"):
        rows = rows_by(way)
        while batch := rows.next():
            put(batch)
        if rows.whole:
            return
        ends.append(None if rows.last is None else rows.last[:keys])
    yield f"rows after {ends[0] or 'the start'} and before {ends[1] or 'the end'}"


class _Readable:
    """The rows of a query, up to the first that cannot be read."""

    def __init__(self, db: sqlite3.Connection, query: str) -> None:
        self._db, self._query = db, query
        self._cursor: sqlite3.Cursor | None = None
        self.whole = self._spoiled = False
        self.last: tuple[Any, ...] | None = None

    def next(self, limit: int = _BATCH) -> list[tuple[Any, ...]]:
        batch: list[tuple[Any, ...]] = []
        try:
            if self._cursor is None:
                self._cursor = self._db.execute(self._query)
            for row in () if self._spoiled else self._cursor:
                batch.append(row)
                if len(batch) == limit:
                    break
            else:
                self.whole = not self._spoiled
        except sqlite3.Error as exc:
            if not is_damaged(exc):
                raise
            self._spoiled = True
        self.last = batch[-1] if batch else self.last
        return batch
