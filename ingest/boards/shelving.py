"""Shelves as boards show them: which open alerts to write again because a shelf began, was ended or ran out.

Shelving touches no alert in the journal. `ingest.boards.feed` asks before it writes alerts, and notes what it wrote.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from rules.alerts.actions import AlertFilter, AlertPage, AlertView
from rules.alerts.shelves import Shelf, as_called

_ALERTS_PER_READ: Final = 200


class Shelves(Protocol):
    """`rules.alerts.shelves.ShelfStore`. Raises DatabaseError."""

    def standing_after(self, instant: int, /) -> list[Shelf]: ...


class OpenAlerts(Protocol):
    """The part of the alert journal that is asked. Raises DatabaseError."""

    def alerts(self, where: AlertFilter, /, *, limit: int, before: str | None = None) -> AlertPage: ...


class Shelving:
    """The shelves that stand, and those by which the alerts on the boards are marked."""

    def __init__(self, shelves: Shelves, journal: OpenAlerts, now: Callable[[], int], *, call_within_ms: int) -> None:
        """`now`: the wall clock, ms. `call_within_ms`: an alert learned of so long after its end calls nobody."""
        self._shelves, self._journal, self._now, self._call_within_ms = shelves, journal, now, call_within_ms
        self._shown: frozenset[Shelf] | None = None
        """None: nobody knows by which, as after a start. Shelves may have ended meanwhile."""

    def standing(self) -> list[Shelf]:
        return self._shelves.standing_after(self._now())

    def mark(self, alerts: Sequence[AlertView], standing: Sequence[Shelf]) -> list[AlertView]:
        """Alerts with what keeps them from calling people."""
        return as_called(alerts, standing, self._call_within_ms)

    def marked_otherwise(self, standing: Sequence[Shelf]) -> Iterator[list[AlertView]]:
        """The open alerts, page by page, whose mark may be another by these shelves than on the boards."""
        if self._shown is None:
            yield from self._open(AlertFilter(open=True))
            return
        for shelf in sorted(self._shown.symmetric_difference(standing), key=lambda shelf: shelf.no):
            yield from self._open(AlertFilter(open=True, rule=shelf.rule, subject=shelf.subject))

    def note_shown(self, standing: Sequence[Shelf]) -> None:
        """Note that the boards show all alerts by these shelves."""
        self._shown = frozenset(standing)

    def _open(self, where: AlertFilter) -> Iterator[list[AlertView]]:
        cursor: str | None = None
        while True:
            page = self._journal.alerts(where, limit=_ALERTS_PER_READ, before=cursor)
            yield list(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return
