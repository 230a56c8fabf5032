"""The live alert stream: changes by judgement and actions of people as server-sent events, resumed where a client
stopped. The id of an event names both positions: the last change sent, a hyphen, the last action sent.

Every client reads the journal from its own position at its own pace; nothing is queued for it, so a slow client delays
nobody. A client that reads nothing for SEND_TIMEOUT_S is disconnected; it reconnects with the id of the last event it
received and misses nothing.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal, NamedTuple

from sse_starlette import EventSourceResponse, ServerSentEvent

from api.http.problems import ProblemKind, RequestRefused
from api.http.shared_answers import SharedAnswers
from api.ports import Journal, Sees, Shelves
from devices.db.database import DatabaseError
from rules.alerts.actions import ActionEntry, JournalEntry, JournalPosition

_log = logging.getLogger(__name__)

SeenNow = Callable[[], Awaitable[Sees | None]]
"""What a client may see now; None: nothing any more."""

POLL_S: Final = 0.25
"""Longest delay of a change; one query of the journal serves all clients."""
SEND_TIMEOUT_S: Final = 30.0
BATCH: Final = 200
LOOK_AGAIN_S: Final = 1.0
"""After this time a stream looks again what its client may see, before it sends anything: one read of the database. 200
streams read it 200 times a second at most, and only while alerts change."""
SHARES: Final = 4
"""One account has this part of the streams at most: a browser has one, a person with several screens some."""
SHARE_S: Final = 1.0
"""What follows a place is read once for all streams that ask within this time; shelves are as old in it."""
RETRY_MS: Final = 2_000
"""Time a browser waits before it reconnects."""


class StreamedChange(JournalEntry):
    """A change as the stream sends it."""

    shelved: bool
    """A person shelved such alerts, so this one is to call nobody."""


Streamed = StreamedChange | ActionEntry


class _Event(NamedTuple):
    """A change or an action as it is sent to every client that may see it."""

    kind: Literal["change", "action"]
    sequence: int
    subject: str
    data: str

    @classmethod
    def of(cls, entry: Streamed) -> "_Event":
        if isinstance(entry, ActionEntry):
            return cls("action", entry.sequence, entry.subject, entry.model_dump_json())
        return cls("change", entry.sequence, entry.change.subject, entry.model_dump_json())


class AlertFeed:
    """The open streams of one process, and the task that wakes them."""

    def __init__(
        self, journal: Journal, shelves: Shelves, now: Callable[[], int], *, max_streams: int, heartbeat_s: float
    ) -> None:
        self._journal, self._shelves, self._now = journal, shelves, now
        self._max_streams = max_streams
        self._heartbeat_s = heartbeat_s
        self._streams: Counter[str | None] = Counter()
        self._newest = JournalPosition()
        self._closing = False
        self._changed = asyncio.Condition()
        self._following: SharedAnswers[Sequence[_Event]] = SharedAnswers(SHARE_S)

    async def run(self) -> None:
        """Poll the journal for new changes while a stream is open, until `close`."""
        while not self._closing:
            if self._streams.total():
                await self._poll()
            await asyncio.sleep(POLL_S)

    async def close(self) -> None:
        """End every stream after the event it is sending, so that the server can stop."""
        self._closing = True
        async with self._changed:
            self._changed.notify_all()

    @contextmanager
    def place(self, account: str | None) -> Iterator[None]:
        """Hold the place of a stream for the length of the block. Raises RequestRefused if there is none.

        `account`: the person or program, who leaves places for others; None for callers that may be many.
        """
        most_of_one = max(1, self._max_streams // SHARES)
        if self._streams.total() >= self._max_streams or self._closing:
            raise _no_place(f"This server has its maximum of {self._max_streams} streams open.")
        if account is not None and self._streams[account] >= most_of_one:
            raise _no_place(f"{account} has its maximum of {most_of_one} streams open.")
        self._streams[account] += 1
        try:
            yield
        finally:
            self._streams[account] -= 1
            self._streams += Counter()  # forgets those that have none

    async def answer(self, change: int | None, action: int | None, seen_now: SeenNow) -> EventSourceResponse:
        """A stream of the changes and actions after these numbers; with None, of new ones only. The caller holds its
        place. An id of earlier versions names a change only: new actions follow, or after 0 all of them.

        It sends what `seen_now` says may be seen, and ends when that is nothing any more. Raises DatabaseError if the
        journal is unavailable.
        """
        newest = await asyncio.to_thread(self._journal.last_position)
        await self._wake(newest)
        if action is None:
            action = 0 if change == 0 else newest.action
        place = JournalPosition(newest.change if change is None else change, action)
        return EventSourceResponse(
            self._events(place, newest, seen_now),
            ping=self._heartbeat_s,
            ping_message_factory=lambda: ServerSentEvent(comment="heartbeat"),
            send_timeout=SEND_TIMEOUT_S,
            sep="\n",
        )

    async def _events(
        self, place: JournalPosition, newest: JournalPosition, seen_now: SeenNow
    ) -> AsyncIterator[ServerSentEvent]:
        try:
            sees, looked_at = await seen_now(), time.monotonic()
            yield ServerSentEvent(comment="alert changes", retry=RETRY_MS, sep="\n")
            if place.change > newest.change or place.action > newest.action:  # the id of another journal
                data = f'{{"newest":{newest.change}}}'
                yield ServerSentEvent(data=data, event="reset", id=_id(newest), sep="\n")
                place = newest
            while await self._more_follows(place):
                events = await self._events_after(place)
                for event in events:
                    if time.monotonic() - looked_at > LOOK_AGAIN_S:  # a slow client takes minutes for them
                        sees, looked_at = await seen_now(), time.monotonic()
                    if sees is None:
                        return
                    place = place._replace(**{event.kind: event.sequence})
                    if sees(event.subject):
                        yield ServerSentEvent(data=event.data, event=event.kind, id=_id(place), sep="\n")
        except DatabaseError as exc:
            _log.warning("api: alert stream closed, the client will reconnect: alert journal is unavailable: %s", exc)

    async def _events_after(self, place: JournalPosition) -> Sequence[_Event]:
        """Streams that stand at one place, as nearly all do, read the journal once."""

        async def read() -> Sequence[_Event]:
            return await asyncio.to_thread(lambda: [_Event.of(entry) for entry in self._entries_after(place)])

        return await self._following.get(place, read)

    def _entries_after(self, place: JournalPosition) -> list[Streamed]:
        """Changes first: an action never comes before the alert that it is about."""
        changes = self._journal.changes_after(place.change, BATCH)
        shelves = self._shelves.standing_after(self._now()) if changes else []
        streamed: list[Streamed] = [
            StreamedChange(
                **dict(entry),
                shelved=any(
                    shelf.covers(entry.change.rule, entry.change.subject, entry.change.severity) for shelf in shelves
                ),
            )
            for entry in changes
        ]
        if len(changes) < BATCH:
            streamed += self._journal.actions_after(place.action, BATCH)
        return streamed

    async def _more_follows(self, place: JournalPosition) -> bool:
        """Wait until something follows; False when the server stops."""

        def has_more() -> bool:
            return self._newest.change > place.change or self._newest.action > place.action

        async with self._changed:
            await self._changed.wait_for(lambda: has_more() or self._closing)
        return not self._closing

    async def _poll(self) -> None:
        try:
            newest = await asyncio.to_thread(self._journal.last_position)
        except DatabaseError as exc:
            _log.warning("api: alert stream cannot read new changes, next try in %s s: %s", POLL_S, exc)
            return
        await self._wake(newest)

    async def _wake(self, newest: JournalPosition) -> None:
        """Let the streams read on up to here."""
        if newest != self._newest:
            async with self._changed:
                self._newest = newest
                self._changed.notify_all()


def _no_place(why: str) -> RequestRefused:
    return RequestRefused(ProblemKind.UNAVAILABLE, f"{why} Try again later.", headers={"Retry-After": "10"})


def _id(place: JournalPosition) -> str:
    return f"{place.change}-{place.action}"
