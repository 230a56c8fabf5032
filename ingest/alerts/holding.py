"""What a sink that calls people is not given: changes of alerts that a person shelved, until the shelf is over; and
alerts that were learned of so late that nobody can act on them any more.

    journal → came too late? ── yes ──▶ nothing: it is listed, with the time at which it was learned of
                 └─ no ▼
              shelved? ── no ──▶ sink
                 └─ yes ──▶ held (cursor file) ── shelf over, alert still open ──▶ sink: its newest change
                                               └─ alert over meanwhile ──▶ nothing

A change carries the whole state of its alert, so one row for each alert is enough, and a week of repeats comes back as
one message. Held rows are written in the transaction that moves the cursor, and removed after the delivery: a crash
repeats a delivery and loses none.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from devices.db.database import DatabaseError
from ingest.alerts.cursors import Cursors, Held
from rules.alerts.actions import AlertDetail, AlertFilter, AlertPage, AlertView, JournalEntry, learned_too_late
from rules.alerts.model import TAKEN_BACK, AlertChange, Amendment
from rules.alerts.shelves import Shelf

_PAGE: Final = 200
_OF_LATE_ALERTS: Final = TAKEN_BACK | {Amendment.NEW_LATE}
"""What the changes of an alert of late readings are amended with once it is over."""

_log = logging.getLogger(__name__)


class Shelves(Protocol):
    """`rules.alerts.shelves.ShelfStore`. Synchronous; raises DatabaseError."""

    def standing_after(self, instant: int, /) -> list[Shelf]: ...


class Journal(Protocol):
    """The part of the alert journal that is asked about held alerts. Synchronous; raises DatabaseError."""

    def alert(self, alert_id: str, /) -> AlertDetail | None: ...
    def alerts(self, where: AlertFilter, /, *, limit: int, before: str | None = None) -> AlertPage: ...


@dataclass(slots=True)
class Sorted:
    """What becomes of a batch."""

    passing: list[JournalEntry] = field(default_factory=list)
    """To be delivered."""
    held: dict[str, Held] = field(default_factory=dict)
    """By alert: to be held from now on."""
    let_go: set[str] = field(default_factory=set)
    """Alerts that are held no more: a later change of them is delivered, or they are over and nobody knew of them."""


class Holding:
    """Decides for one sink. It reads the cursors; its publisher writes there."""

    def __init__(
        self,
        sink: str,
        shelves: Shelves,
        journal: Journal,
        cursors: Cursors,
        now: Callable[[], int],
        call_within_ms: int,
    ) -> None:
        """`now`: the wall clock, ms. `call_within_ms`: an alert learned of so long after its end calls nobody."""
        self._sink, self._shelves, self._journal, self._cursors, self._now = sink, shelves, journal, cursors, now
        self._call_within_ms = call_within_ms
        self._last_read: list[Shelf] = []
        self._unreadable = False

    def sort(self, entries: Sequence[JournalEntry]) -> Sorted:
        """Sort the next entries of the journal. Raises DatabaseError, CursorsUnavailable.

        The end of an alert that people know as open is delivered always, so that none stays open for ever.
        """
        found, shelves, held = Sorted(), self._standing(), self._cursors.held(self._sink)
        for entry in entries:
            alert_id, is_over = entry.change.alert_id, entry.change.closed_at is not None
            before = held.pop(alert_id, None)
            is_shelved = _is_shelved(shelves, entry.change)
            if is_shelved and not is_over:
                held[alert_id] = found.held[alert_id] = _held(entry.change, announced=self._is_announced(entry, before))
                found.let_go.discard(alert_id)
                continue
            if before is not None:
                found.held.pop(alert_id, None)
                found.let_go.add(alert_id)
            end_of_held = is_over and (before is not None or is_shelved)
            if not self._came_too_late(entry) and (not end_of_held or self._is_announced(entry, before)):
                found.passing.append(entry)
        return found

    def _came_too_late(self, entry: JournalEntry) -> bool:
        """True for an alert of late readings that was over for too long when it was learned of."""
        if entry.change.amendment not in _OF_LATE_ALERTS:
            return False
        detail = self._journal.alert(entry.change.alert_id)
        return (
            detail is not None
            and detail.changes[0].change.amendment is Amendment.NEW_LATE
            and learned_too_late(detail.alert, self._call_within_ms)
        )

    def without_journal(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Entries of the outbox that no shelf covers, as far as shelves were read before the database went away, and
        that are no late news. The others come again from the journal, and are sorted then.
        """
        shelves = self._standing_of(self._last_read)
        return [entry for entry in entries if not _is_shelved(shelves, entry.change) and not self._is_late_news(entry)]

    def due(self, cursor: int, limit: int) -> dict[str, JournalEntry | None]:
        """Held alerts that no shelf covers any more, with the change to deliver; None: it is over, there is nothing to
        deliver. What is recorded after `cursor` comes by itself. Raises DatabaseError, CursorsUnavailable.
        """
        held = self._cursors.held(self._sink)
        if not held:
            return {}
        shelves = self._standing()
        free = [one for one in held.values() if not _is_shelved(shelves, one)]
        return {one.alert_id: self._newest(one.alert_id, cursor) for one in free[:limit]}

    def hold_again(self, within_ms: int) -> None:
        """Hold every open alert that a shelf covers, or covered within this time: the file with what was held is lost.

        Raises DatabaseError, CursorsUnavailable.
        """
        found = {
            alert.alert_id: _held(alert, announced=True)
            for shelf in self._shelves.standing_after(self._now() - within_ms)
            for alert in self._open_alerts(AlertFilter(rule=shelf.rule, subject=shelf.subject, open=True))
            if shelf.covers(alert.rule, alert.subject, alert.severity)
        }
        self._cursors.hold(self._sink, found)

    def _is_late_news(self, entry: JournalEntry) -> bool:
        age_ms = entry.recorded_at - entry.change.at
        return entry.change.amendment is Amendment.NEW_LATE and age_ms > self._call_within_ms

    def _newest(self, alert_id: str, cursor: int) -> JournalEntry | None:
        detail = self._journal.alert(alert_id)
        if detail is None or not detail.alert.open:
            return None
        return next((entry for entry in reversed(detail.changes) if entry.sequence <= cursor), None)

    def _is_announced(self, entry: JournalEntry, before: Held | None) -> bool:
        """True if people were told of the alert before; `before`: it was held until now."""
        if before is not None:
            return before.announced
        detail = self._journal.alert(entry.change.alert_id)
        return detail is not None and any(other.sequence < entry.sequence for other in detail.changes)

    def _open_alerts(self, where: AlertFilter) -> Iterator[AlertView]:
        before: str | None = None
        while True:
            page = self._journal.alerts(where, limit=_PAGE, before=before)
            yield from page.items
            before = page.next_cursor
            if before is None:
                return

    def _standing(self) -> list[Shelf]:
        """The shelves that stand. Those that cannot be read hold nothing back: a needless call is better than none."""
        try:
            self._last_read = self._shelves.standing_after(self._now())
            self._unreadable = False
        except DatabaseError as exc:
            if not self._unreadable:
                _log.warning(
                    "alert publisher: shelves cannot be read, those read before hold until their time: %s", exc
                )
            self._unreadable = True
        return self._standing_of(self._last_read)

    def _standing_of(self, shelves: Sequence[Shelf]) -> list[Shelf]:
        now = self._now()
        return [shelf for shelf in shelves if shelf.stands_at(now)]


def _held(alert: AlertChange | AlertView, *, announced: bool) -> Held:
    return Held(alert.alert_id, alert.rule, alert.subject, alert.severity, announced)


def _is_shelved(shelves: Sequence[Shelf], alert: AlertChange | Held) -> bool:
    return any(shelf.covers(alert.rule, alert.subject, alert.severity) for shelf in shelves)
