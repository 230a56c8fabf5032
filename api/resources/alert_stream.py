"""The live alert stream: server-sent events that resume where a client stopped.

Every client reads the journal from its own position at its own pace; nothing is queued for it, so a slow client delays
nobody. A client that reads nothing for SEND_TIMEOUT_S is disconnected; it reconnects with the id of the last event it
received and misses nothing.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from sse_starlette import EventSourceResponse, ServerSentEvent

from api.http.problems import ProblemKind, RequestRefused
from api.ports import Journal, Sees, Shelves
from devices.db.database import DatabaseError
from rules.alerts.actions import JournalEntry

_log = logging.getLogger(__name__)

SeenNow = Callable[[], Awaitable[Sees | None]]
"""What a client may see now; None: nothing any more."""

POLL_S: Final = 0.25
"""Longest delay of a change; one query of the journal serves all clients."""
SEND_TIMEOUT_S: Final = 30.0
BATCH: Final = 200
LOOK_AGAIN_S: Final = 10.0
"""After this time a stream looks again what its client may see, before it sends anything: one read of the database."""
RETRY_MS: Final = 2_000
"""Time a browser waits before it reconnects."""


class StreamedChange(JournalEntry):
    """A change as the stream sends it."""

    shelved: bool
    """A person shelved such alerts, so this one is to call nobody."""


class AlertFeed:
    """The open streams of one process, and the task that wakes them."""

    def __init__(
        self, journal: Journal, shelves: Shelves, now: Callable[[], int], *, max_streams: int, heartbeat_s: float
    ) -> None:
        self._journal, self._shelves, self._now = journal, shelves, now
        self._max_streams = max_streams
        self._heartbeat_s = heartbeat_s
        self._streams = 0
        self._newest = 0
        self._closing = False
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Poll the journal for new changes while a stream is open, until `close`."""
        while not self._closing:
            if self._streams:
                await self._poll()
            await asyncio.sleep(POLL_S)

    async def close(self) -> None:
        """End every stream after the event it is sending, so that the server can stop."""
        self._closing = True
        async with self._changed:
            self._changed.notify_all()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold the place of a stream for the length of the block. Raises RequestRefused if there is none."""
        if self._streams >= self._max_streams or self._closing:
            detail = f"This server has its maximum of {self._max_streams} streams open. Try again later."
            raise RequestRefused(ProblemKind.UNAVAILABLE, detail, headers={"Retry-After": "10"})
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    async def answer(self, after: int | None, seen_now: SeenNow) -> EventSourceResponse:
        """A stream of the changes after number `after`; with None, of new changes only. The caller holds its place.

        It sends what `seen_now` says may be seen, and ends when that is nothing any more. Raises DatabaseError if the
        journal is unavailable.
        """
        newest = await asyncio.to_thread(self._journal.last_sequence)
        return EventSourceResponse(
            self._events(newest if after is None else after, newest, seen_now),
            ping=self._heartbeat_s,
            ping_message_factory=lambda: ServerSentEvent(comment="heartbeat"),
            send_timeout=SEND_TIMEOUT_S,
            sep="\n",
        )

    async def _events(self, place: int, newest: int, seen_now: SeenNow) -> AsyncIterator[ServerSentEvent]:
        try:
            sees, looked_at = await seen_now(), time.monotonic()
            yield ServerSentEvent(comment="alert changes", retry=RETRY_MS, sep="\n")
            if place > newest:  # the id belongs to another journal: no change would ever follow it
                yield ServerSentEvent(data=f'{{"newest":{newest}}}', event="reset", id=str(newest), sep="\n")
                place = newest
            while not self._closing:
                entries = await asyncio.to_thread(self._changes_after, place)
                if entries and time.monotonic() - looked_at > LOOK_AGAIN_S:
                    sees, looked_at = await seen_now(), time.monotonic()
                if sees is None:
                    return
                for entry in entries:
                    place = entry.sequence
                    if not sees(entry.change.subject):
                        continue
                    yield ServerSentEvent(data=entry.model_dump_json(), event="change", id=str(place), sep="\n")
                if not entries:
                    await self._wait_beyond(place)
        except DatabaseError as exc:
            _log.warning("api: alert stream closed, the client will reconnect: alert journal is unavailable: %s", exc)

    def _changes_after(self, place: int) -> list[StreamedChange]:
        entries = self._journal.changes_after(place, BATCH)
        shelves = self._shelves.standing_after(self._now()) if entries else []
        return [
            StreamedChange(
                **dict(entry),
                shelved=any(
                    shelf.covers(entry.change.rule, entry.change.subject, entry.change.severity) for shelf in shelves
                ),
            )
            for entry in entries
        ]

    async def _wait_beyond(self, place: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._newest > place or self._closing)

    async def _poll(self) -> None:
        try:
            newest = await asyncio.to_thread(self._journal.last_sequence)
        except DatabaseError as exc:
            _log.warning("api: alert stream cannot read new changes, next try in %s s: %s", POLL_S, exc)
            return
        if newest > self._newest:
            async with self._changed:
                self._newest = newest
                self._changed.notify_all()
