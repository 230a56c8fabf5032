"""Closes what a test opens. From Python 3.13 on a connection that is forgotten fails the test in which it is found."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, TypeVar

import pytest


class _Closable(Protocol):
    def close(self) -> None: ...


_Opened = TypeVar("_Opened", bound=_Closable)
_tests: list[ExitStack] = []


def closed_later(opened: _Opened) -> _Opened:
    """Close this at the end of the test, after what was opened later. To close it twice does no harm.

    Where a test needs it closed earlier, because another process would have ended, `closing` says so.
    """
    _tests[-1].callback(opened.close)
    return opened


@contextmanager
def closing_all() -> Iterator[None]:
    """Close, at the end of the block, what was given to `closed_later` in it."""
    with ExitStack() as stack:
        _tests.append(stack)
        try:
            yield
        finally:
            _tests.remove(stack)


class WatchedConnection(sqlite3.Connection):
    """A connection to SQLite that notes whether it was closed."""

    closed = False

    def close(self) -> None:
        super().close()
        self.closed = True


@contextmanager
def all_connections_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail at the end of the block where a connection to SQLite that was opened in it is not closed.

    Python 3.13 warns of those that are forgotten; this holds for all versions, and for those that somebody still has.
    """
    opened: list[WatchedConnection] = []
    connect = sqlite3.connect

    def watched(*args: Any, **options: Any) -> WatchedConnection:
        connection: WatchedConnection = connect(*args, **{"factory": WatchedConnection} | options)
        opened.append(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", watched)
    monkeypatch.setattr(sqlite3.dbapi2, "connect", watched)
    yield
    left = [connection for connection in opened if not connection.closed]
    assert opened
    assert not left, f"{len(left)} of {len(opened)} connections to SQLite stay open"
