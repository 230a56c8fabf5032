"""Closes what a test opens. From Python 3.13 on a connection that is forgotten fails the test in which it is found."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol, TypeVar


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
