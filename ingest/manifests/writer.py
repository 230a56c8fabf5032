"""Appends what people did with manifests to the raw log, and lets the clock act on those that should have arrived.

One process does it, in the order of the actions. A crash between the two steps appends an action a second time, which
changes nothing: it has a number.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from devices.codecs.manifests import MANIFEST, encode_action
from devices.db.database import DatabaseError
from ingest.log.errors import RawLogError
from ingest.log.records import RawMessage
from ingest.process.backoff import Backoff
from ingest.process.pause import pause
from rules.manifests.store import Waiting

BATCH: Final = 200
EVERY_S: Final = 0.5
"""So long at most an action waits for its place in the log, while the database is idle."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0

_log = logging.getLogger(__name__)


class Outbox(Protocol):
    """The part of `rules.manifests.store.ManifestStore` that is needed here. Raises DatabaseError."""

    def check_due(self, now: int) -> int: ...
    def waiting(self, limit: int) -> list[Waiting]: ...
    def mark_appended(self, numbers: Sequence[int]) -> None: ...


class Log(Protocol):
    """The part of the raw log that is needed here. Raises RawLogError."""

    def append(self, messages: Sequence[RawMessage], /) -> int: ...


class ManifestWriter:
    """Moves actions from the database into the raw log."""

    def __init__(self, outbox: Outbox, log: Log, now: Callable[[], int]) -> None:
        """`now`: wall clock, ms."""
        self._outbox, self._log, self._now = outbox, log, now

    def step(self) -> int:
        """Append what waits, at most `BATCH` actions; return how many. Raises DatabaseError, RawLogError."""
        now = self._now()
        self._outbox.check_due(now)
        waiting = self._outbox.waiting(BATCH)
        if waiting:
            encoded = [encode_action(one.action) for one in waiting]
            self._log.append([RawMessage(topic, payload, now, MANIFEST.dialect) for topic, payload in encoded])
            self._outbox.mark_appended([one.no for one in waiting])
        return len(waiting)

    async def run(self, stop: asyncio.Event) -> None:
        """Append until `stop` is set."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while not stop.is_set():
            try:
                appended = await asyncio.to_thread(self.step)
            except (DatabaseError, RawLogError, OSError) as exc:
                pause_s = backoff.next_pause_s()
                _log.warning("manifests: actions wait, trying again in %.1f s: %s", pause_s, exc)
                await pause(stop, pause_s)
                continue
            backoff.reset()
            await pause(stop, 0 if appended == BATCH else EVERY_S)
