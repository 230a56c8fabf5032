"""What a sink that calls people is not given: changes of alerts that a person shelved, until the shelf is over.

    journal → shelved? ── no ──▶ sink
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
from ingest.alerts.cursors import Held, PublisherCursors
from rules.alerts.actions import AlertDetail, AlertFilter, AlertPage, AlertView, JournalEntry
from rules.alerts.model import AlertChange
from rules.alerts.shelves import Shelf

_PAGE: Final = 200

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
    """Decides for one sink. It reads the cursor file; its publisher writes there."""

    def __init__(
        self, sink: str, shelves: Shelves, journal: Journal, cursors: PublisherCursors, now: Callable[[], int]
    ) -> None:
        """`now`: the wall clock, ms."""
        self._sink, self._shelves, self._journal, self._cursors, self._now = sink, shelves, journal, cursors, now
        self._last_read: list[Shelf] = []
        self._unreadable = False

    def sort(self, entries: Sequence[JournalEntry]) -> Sorted:
        """Sort the next entries of the journal. Raises DatabaseError, CursorsUnavailable.

        The end of an alert that people know as open is delivered always, so that none stays open for ever.
        """
        found, shelves, held = Sorted(), self._standing(), self._cursors.held(self._sink)
        if not shelves and not held:
            return Sorted(passing=list(entries))
        for entry in entries:
            change = entry.change
            before = held.get(change.alert_id)
            is_over, is_shelved = change.closed_at is not None, _is_shelved(shelves, change)
            if is_shelved and not is_over:
                known = before.known if before is not None else self._is_known(entry)
                held[change.alert_id] = found.held[change.alert_id] = _held(change, known=known)
                found.let_go.discard(change.alert_id)
                continue
            if before is not None:
                del held[change.alert_id]
                found.held.pop(change.alert_id, None)
                found.let_go.add(change.alert_id)
            if is_over and (before is not None or is_shelved):
                if before.known if before is not None else self._is_known(entry):
                    found.passing.append(entry)
            else:
                found.passing.append(entry)
        return found

    def without_journal(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Entries of the outbox that no shelf covers, as far as shelves were read before the database went away.

        The others come again from the journal, and are sorted then.
        """
        shelves = self._standing_of(self._last_read)
        return [entry for entry in entries if not _is_shelved(shelves, entry.change)]

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
            alert.alert_id: _held(alert, known=True)
            for shelf in self._shelves.standing_after(self._now() - within_ms)
            for alert in self._open_alerts(AlertFilter(rule=shelf.rule, subject=shelf.subject, open=True))
            if shelf.covers(alert.rule, alert.subject, alert.severity)
        }
        self._cursors.hold(self._sink, found)

    def _newest(self, alert_id: str, cursor: int) -> JournalEntry | None:
        detail = self._journal.alert(alert_id)
        if detail is None or not detail.alert.open:
            return None
        return next((entry for entry in reversed(detail.changes) if entry.sequence <= cursor), None)

    def _is_known(self, entry: JournalEntry) -> bool:
        """True if an earlier change of the alert was recorded: people were told then."""
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


def _held(alert: AlertChange | AlertView, *, known: bool) -> Held:
    return Held(alert.alert_id, alert.rule, alert.subject, alert.severity, known)


def _is_shelved(shelves: Sequence[Shelf], alert: AlertChange | Held) -> bool:
    return any(shelf.covers(alert.rule, alert.subject, alert.severity) for shelf in shelves)
