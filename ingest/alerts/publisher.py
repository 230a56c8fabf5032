"""The alert publisher: journal → sink. Each sink follows the journal at its own pace.

A sink has a cursor of its own, on disk or in the database, moved after each delivery, and is retried for ever; it waits
neither for other sinks nor for the judge. What a sink refuses is kept and sent again with a back-off, and what comes
after it goes on. A crash delivers some changes again: they carry the same key (alert id, phase, revision). A sink that
calls people has a `Holding`, which keeps back what people shelved.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from devices.db.database import DatabaseError
from ingest.alerts.cursors import Cursors, CursorsUnavailable
from ingest.alerts.holding import Holding, Sorted
from ingest.alerts.rate import calls_people
from ingest.process.backoff import Backoff
from ingest.process.pause import pause
from rules.alerts.actions import JournalEntry

BATCH: Final = 300
"""Delivered in an order that is fair to devices: more than one may have at once (`rules.alerts.limit`)."""
_POLL_S: Final = 1.0
"""So long until a change of another process is seen, such as what a person did. The judge wakes the publisher for its
own: to ask the journal four times a second took a third of an idle judge."""
_WAKES_S: Final = 0.1
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_LONGEST_REFUSAL_PAUSE_S: Final = 60.0
"""What the broker refuses waits for a person: each attempt costs one message a topic."""
_RELEASE_S: Final = 1.0
"""How long after its shelf is over a held alert is delivered, at most."""
_SENT_AGAIN_MS: Final = 24 * 3_600_000
"""Without a position, alerts of the last day are sent again: twice is better than never, a year of them is not."""

_log = logging.getLogger(__name__)


class SinkUnavailable(Exception):
    """Nothing is lost: the same changes are delivered again, after `retry_after` seconds if the sink named a time."""

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class AlertSink(Protocol):
    """Takes alert changes out of the process."""

    async def deliver(self, entries: Sequence[JournalEntry]) -> Sequence[JournalEntry]:
        """Return when the other side has answered for every entry: those that it refused. Raises SinkUnavailable."""


class Journal(Protocol):
    """The part of the alert journal that a publisher uses. Synchronous; raises DatabaseError."""

    def changes_after(self, sequence: int, limit: int, /) -> list[JournalEntry]: ...
    def last_sequence(self) -> int: ...
    def last_recorded_until(self, instant: int, /) -> int: ...


class Outbox(Protocol):
    """Changes that wait for the journal's database (`ingest.alerts.outbox`). Raises DatabaseError."""

    def undelivered(self, limit: int, /) -> list[JournalEntry]: ...
    def note_delivered(self, entries: Sequence[JournalEntry], read_to: int, /) -> None: ...
    def not_yet_delivered(self, entries: Sequence[JournalEntry], /) -> list[JournalEntry]: ...
    def forget_delivered(self) -> None: ...


def fair_order(entries: Sequence[JournalEntry]) -> list[JournalEntry]:
    """The first entry of each subject, then the second of each: nobody waits for one that has many."""
    nth: Counter[str] = Counter()
    turns: list[tuple[int, JournalEntry]] = []
    for entry in entries:
        subject = entry.change.subject
        turns.append((nth[subject], entry))
        nth[subject] += 1
    return [entry for _, entry in sorted(turns, key=lambda turn: turn[0])]


class AlertPublisher:
    """Delivers the journal's changes to one sink, in order, from its cursor on.

    With an outbox it also delivers what waits there while the journal cannot be read. Without `holding` the sink gets
    every change.
    """

    def __init__(
        self,
        name: str,
        sink: AlertSink,
        journal: Journal,
        cursors: Cursors,
        outbox: Outbox | None = None,
        holding: Holding | None = None,
    ) -> None:
        self.name = name
        self._sink, self._journal, self._cursors, self._outbox = sink, journal, cursors, outbox
        self._holding = holding
        self._journal_away = self._refusal_logged = False
        self._woken = False

    def wake(self) -> None:
        """Note that the journal has changes. May be called in any thread."""
        self._woken = True

    async def step(self) -> int:
        """Deliver the next changes. Returns how many. Raises SinkUnavailable, DatabaseError, CursorsUnavailable."""
        try:
            entries = await asyncio.to_thread(self._next_entries)
        except DatabaseError as exc:
            if self._outbox is None:
                raise
            if not self._journal_away:
                _log.warning("alert publisher: %s follows the outbox, the journal cannot be read: %s", self.name, exc)
            self._journal_away = True
            return await self._deliver_from(self._outbox)
        self._journal_away = False
        if entries:
            found = await asyncio.to_thread(self._sorted, entries)
            _, refused = await self._deliver(found.passing)
            note = partial(self._cursors.delivered, held=found.held, let_go=found.let_go)
            await asyncio.to_thread(note, self.name, entries, refused, _now())
        elif self._outbox is not None:
            self._outbox.forget_delivered()
        return len(entries)

    async def release(self) -> int:
        """Deliver held alerts whose shelves are over. Returns how many are held no more. Raises as `step` does."""
        if self._holding is None or self._journal_away:
            return 0
        cursor = await asyncio.to_thread(self._cursors.get, self.name)
        if cursor is None:
            return 0
        due = await asyncio.to_thread(self._holding.due, cursor, BATCH)
        if due:
            refused = await self._send([entry for entry in due.values() if entry is not None])
            await asyncio.to_thread(self._cursors.released, self.name, due, refused, _now())
        return len(due)

    def _sorted(self, entries: list[JournalEntry]) -> Sorted:
        return Sorted(passing=entries) if self._holding is None else self._holding.sort(entries)

    def _next_entries(self) -> list[JournalEntry]:
        cursor = self._cursors.get(self.name)
        if cursor is None:
            return self._journal.changes_after(self._first_cursor(), BATCH)
        if not cursor:
            return self._journal.changes_after(0, BATCH)
        # With the last one that was delivered, which shows whether it is still the journal that we know.
        last, *entries = self._journal.changes_after(cursor - 1, BATCH + 1) or (None,)
        if last is not None and last.sequence == cursor and self._cursors.is_last(self.name, last):
            return entries
        return self._journal.changes_after(self._cursor_in_restored(cursor), BATCH)

    def _first_cursor(self) -> int:
        """Where to begin without a position: what keeps it is new, or was spoiled."""
        newest = self._journal.changes_after(self._journal.last_sequence() - 1, 1)
        cursor = self._journal.last_recorded_until(newest[0].recorded_at - _SENT_AGAIN_MS) if newest else 0
        if cursor:
            _log.error(
                "alert publisher: the position of %s is lost, alerts of the last day are sent again with the same keys",
                self.name,
            )
            if self._holding is not None:
                self._holding.hold_again(_SENT_AGAIN_MS)
        self._cursors.set(self.name, cursor)
        return cursor

    def _cursor_in_restored(self, cursor: int) -> int:
        """The position in a journal that was restored from a backup: its numbers are given again."""
        newest, last = self._cursors.newest_recorded_at(self.name), self._journal.last_sequence()
        found = min(cursor, last) if newest is None else self._journal.last_recorded_until(newest)
        _log.error(
            "alert publisher: the journal was restored from a backup: change %d is not the one that %s has had, going"
            " on after change %d",
            cursor,
            self.name,
            found,
        )
        self._cursors.set(self.name, found)
        return found

    async def _deliver_from(self, outbox: Outbox) -> int:
        entries = outbox.undelivered(BATCH)
        if entries:
            passing = entries if self._holding is None else self._holding.without_journal(entries)
            fresh, refused = await self._deliver(passing)
            # What was refused comes again from the journal.
            outbox.note_delivered([entry for entry in fresh if entry not in refused], entries[-1].sequence)
        return len(entries)

    async def _deliver(self, entries: Sequence[JournalEntry]) -> tuple[list[JournalEntry], Sequence[JournalEntry]]:
        """Deliver those that the sink has not had yet. Returns them, and those that it refused."""
        fresh = await asyncio.to_thread(self._fresh, entries)
        return fresh, await self._send(fresh)

    async def _send(self, entries: Sequence[JournalEntry]) -> Sequence[JournalEntry]:
        """Give these to the sink. Returns those that it refused."""
        if not entries:
            return ()
        refused = await self._sink.deliver(fair_order(entries))
        self._note_refusals(refused)
        await self._note_calls([entry for entry in entries if entry not in refused])
        return refused

    async def _note_calls(self, entries: Sequence[JournalEntry]) -> None:
        changes = [entry.change for entry in entries if calls_people(entry.change)]
        called = {change.takes_over or change.alert_id for change in changes}
        if called and self._holding is not None:
            await asyncio.to_thread(self._cursors.note_calls, self.name, called, _now())

    def _fresh(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Those that the sink has not had yet, from journal or outbox."""
        had = self._cursors.delivered_keys(self.name, [entry.change.key for entry in entries]) if entries else ()
        fresh = [entry for entry in entries if entry.change.key not in had]
        return fresh if self._outbox is None else self._outbox.not_yet_delivered(fresh)

    async def retry_refused(self) -> int:
        """Deliver again what the sink refused. Returns how many it refuses still. Raises as `step` does."""
        refused = await asyncio.to_thread(self._cursors.refused, self.name, BATCH)
        if not refused:
            return 0
        found = [await asyncio.to_thread(self._journal.changes_after, number - 1, 1) for number in refused]
        entries = [rows[0] for number, rows in zip(refused, found, strict=True) if rows and rows[0].sequence == number]
        still = {entry.sequence for entry in (await self._sink.deliver(entries) if entries else ())}
        await self._note_calls([entry for entry in entries if entry.sequence not in still])
        accepted = [number for number in refused if number not in still]
        await asyncio.to_thread(self._cursors.accepted, self.name, accepted)
        if not still:
            _log.info("alert publisher: %s takes the alerts again that it refused", self.name)
            self._refusal_logged = False
        return len(still)

    def _note_refusals(self, refused: Sequence[JournalEntry]) -> None:
        if refused and not self._refusal_logged:
            self._refusal_logged = True
            _log.error(
                "alert publisher: %s refuses alerts of rule %s, they are kept and sent again: let this login write"
                " below haulwatch/v1/alerts/",
                self.name,
                refused[0].change.rule,
            )

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set. An unavailable sink, journal or cursor file is retried for ever."""
        backoff, refusals = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S), Backoff(_FIRST_PAUSE_S, _LONGEST_REFUSAL_PAUSE_S)
        retry_at = release_at = 0.0
        while not stop.is_set():
            self._woken = False
            try:
                delivered = await self.step()
                if time.monotonic() >= release_at and not await self.release():
                    release_at = time.monotonic() + _RELEASE_S
                if time.monotonic() >= retry_at:
                    if not await self.retry_refused():
                        refusals.reset()
                    retry_at = time.monotonic() + refusals.next_pause_s()
            except (SinkUnavailable, DatabaseError, CursorsUnavailable) as exc:
                pause_s = backoff.next_pause_s()
                if isinstance(exc, SinkUnavailable) and exc.retry_after is not None:
                    pause_s = exc.retry_after  # as long as the sink asks for, no longer
                _log.warning(
                    "alert publisher: %s is not available, trying again in %.1f s: %s", self.name, pause_s, exc
                )
                await pause(stop, pause_s)
                continue
            backoff.reset()
            looks_at = time.monotonic() + _POLL_S
            while not (delivered or self._woken or stop.is_set()) and time.monotonic() < looks_at:
                await pause(stop, _WAKES_S)


def _now() -> int:
    """The wall clock, ms."""
    return time.time_ns() // 1_000_000
