"""Live alerts: server-sent events that resume where a client left off.

Every client reads the journal from its own place at its own pace; nothing is queued for it. So a slow client harms
nobody, and is cut off when it takes nothing for SEND_TIMEOUT_S; it comes back with the id of the last event it saw and
misses nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Final

from sse_starlette import EventSourceResponse, ServerSentEvent

from api.http.problems import ProblemKind, RequestRefused
from api.ports import Journal
from devices.db.database import DatabaseError

_log = logging.getLogger(__name__)

POLL_S: Final = 0.25
"""How soon a change shows; one question to the journal for all clients together."""
SEND_TIMEOUT_S: Final = 30.0
BATCH: Final = 200
RETRY_MS: Final = 2_000
"""What a browser waits before it connects again."""


class AlertFeed:
    """The open streams of one process, and what wakes them."""

    def __init__(self, journal: Journal, *, max_streams: int, heartbeat_s: float) -> None:
        self._journal = journal
        self._max_streams = max_streams
        self._heartbeat_s = heartbeat_s
        self._streams = 0
        self._newest = 0
        self._closing = False
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Look for new changes while anybody listens, until `close`."""
        while not self._closing:
            if self._streams:
                await self._look()
            await asyncio.sleep(POLL_S)

    async def close(self) -> None:
        """End every stream after the event it is sending; the server can stop then."""
        self._closing = True
        async with self._changed:
            self._changed.notify_all()

    async def answer(self, after: int | None) -> EventSourceResponse:
        """The stream of changes after number `after`, or of those to come.

        Raises Refused when too many streams are open, DatabaseError when the journal is away.
        """
        if self._streams >= self._max_streams or self._closing:
            detail = f"{self._max_streams} streams are open already, as many as this server serves. Try again later."
            raise RequestRefused(ProblemKind.UNAVAILABLE, detail, headers={"Retry-After": "10"})
        newest = await asyncio.to_thread(self._journal.last_sequence)
        return EventSourceResponse(
            self._events(newest if after is None else after, newest),
            ping=self._heartbeat_s,
            ping_message_factory=lambda: ServerSentEvent(comment="heartbeat"),
            send_timeout=SEND_TIMEOUT_S,
            sep="\n",
        )

    async def _events(self, place: int, newest: int) -> AsyncIterator[ServerSentEvent]:
        self._streams += 1
        try:
            yield ServerSentEvent(comment="alert changes", retry=RETRY_MS, sep="\n")
            if place > newest:  # an id of another journal: nothing of ours would ever follow it
                yield ServerSentEvent(data=f'{{"newest":{newest}}}', event="reset", id=str(newest), sep="\n")
                place = newest
            while not self._closing:
                entries = await asyncio.to_thread(self._journal.changes_after, place, BATCH)
                for entry in entries:
                    place = entry.sequence
                    yield ServerSentEvent(data=entry.model_dump_json(), event="change", id=str(place), sep="\n")
                if not entries:
                    await self._wait_beyond(place)
        except DatabaseError as exc:
            _log.warning("a stream ends because the journal is away: %s", exc)
        finally:
            self._streams -= 1

    async def _wait_beyond(self, place: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._newest > place or self._closing)

    async def _look(self) -> None:
        try:
            newest = await asyncio.to_thread(self._journal.last_sequence)
        except DatabaseError as exc:
            _log.warning("cannot look for new alerts: %s", exc)
            return
        if newest > self._newest:
            async with self._changed:
                self._newest = newest
                self._changed.notify_all()
