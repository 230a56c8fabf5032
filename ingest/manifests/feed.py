"""What judgement found of manifests, on its way into the database. Judgement never waits for it.

What waits is in memory, the newest of each manifest. A process that ends loses none of it: its checkpoint has all of
them, and the judge offers them again when it starts.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final, Protocol

from devices.db.database import DatabaseError
from ingest.process.backoff import Backoff
from ingest.process.pause import pause
from rules.manifests.model import TruckManifest

BATCH: Final = 200
_IDLE_S: Final = 0.5
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0

_log = logging.getLogger(__name__)


class Journal(Protocol):
    """`rules.manifests.journal.ManifestJournal`. Raises DatabaseError."""

    def record(self, found: Sequence[tuple[TruckManifest, int]], judged_in: str, recorded_at: int) -> int: ...


class ManifestFeed:
    """Takes manifests from the thread of the judge, and writes them from its own."""

    def __init__(self, journal: Journal, now: Callable[[], int], judged_in: str = "disk") -> None:
        """`now`: wall clock, ms. `judged_in`: the log that counts the offsets."""
        self._journal, self._now, self._judged_in = journal, now, judged_in
        self._waiting: dict[str, tuple[TruckManifest, int]] = {}
        self._lock = Lock()

    def offer(self, found: Sequence[TruckManifest], judged_to: int) -> None:
        """Let manifests wait to be written; `judged_to`: the offset up to which they were judged."""
        with self._lock:
            self._waiting.update({one.manifest.number: (one, judged_to) for one in found})

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def step(self) -> int:
        """Write what waits, at most `BATCH` of it; return how many. Raises DatabaseError: it then waits on."""
        with self._lock:
            batch = {number: self._waiting.pop(number) for number in list(self._waiting)[:BATCH]}
        try:
            self._journal.record(list(batch.values()), self._judged_in, self._now())
        except BaseException:
            with self._lock:
                self._waiting = batch | self._waiting
            raise
        return len(batch)

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set, and then what still waits, once."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while True:
            try:
                written = await asyncio.to_thread(self.step)
            except DatabaseError as exc:
                pause_s = backoff.next_pause_s()
                _log.warning(
                    "manifests: %d wait for the database, trying again in %.1f s: %s", self.waiting, pause_s, exc
                )
                if stop.is_set():
                    return
                await pause(stop, pause_s)
                continue
            backoff.reset()
            if not written:
                if stop.is_set():
                    return
                await pause(stop, _IDLE_S)
