"""Keeps the weighing sessions: new weighings of the recorder's file go into the database, with how far it was read.

Both are one transaction, so a crash repeats nothing and loses nothing. While the database is away the recorder goes on,
and its file holds what waits.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from devices.city.model import City
from devices.db.database import DatabaseError
from devices.readings.instants import DAY_MS
from devices.readings.models import Weighing
from ingest.process.pause import pause
from ingest.recorder.weighing_rows import WeighingRows
from rules.weighing.revisions import Changed

EVERY_S: Final = 5.0
ROWS_PER_READ: Final = 200
_REMATCHED_MS: Final = 40 * DAY_MS
"""When the registry changes, weighings so old are looked at again: a vehicle is registered some weeks late."""

_log = logging.getLogger(__name__)


class Sessions(Protocol):
    """`rules.weighing.store.SessionStore`. Raises DatabaseError."""

    def progress(self, source: str, /) -> int: ...

    def take(self, source: str, last: int, found: Sequence[Weighing], now: int, /) -> Changed: ...

    def rematch(self, now: int, since: int, /) -> Changed: ...


class SessionKeeper:
    """Takes what has come since the last time."""

    def __init__(
        self,
        sessions: Sessions,
        city: Callable[[], City],
        read: Callable[[str, int, int], WeighingRows],
        now: Callable[[], int],
    ) -> None:
        """`read`: `ingest.recorder.weighing_rows.read_weighings` of the recorder's file. `now`: the wall clock, ms."""
        self._sessions, self._city, self._read, self._now = sessions, city, read, now
        self._file_id = ""
        self._revision: int | None = None

    def keep(self) -> None:
        """Take all that is there. Raises DatabaseError."""
        revision = self._city().revision
        if revision != self._revision:
            now = self._now()
            self._sessions.rematch(now, now - _REMATCHED_MS)
            self._revision = revision
        while True:
            source = f"recorder {self._file_id}"
            after = self._sessions.progress(source)
            found = self._read(self._file_id, after, ROWS_PER_READ)
            if found.file_id and found.file_id != self._file_id:
                self._file_id = found.file_id
                continue
            if not found.rows:
                return
            self._sessions.take(source, found.rows[-1].no, [row.weighing for row in found.rows], self._now())

    async def run(self, stop: asyncio.Event) -> None:
        """Keep until `stop` is set. A database that is away is asked again the next time; logged once an outage."""
        available = True
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.keep)
            except DatabaseError as exc:
                if available:
                    _log.warning("weighing sessions: the database does not answer, trying again: %s", exc)
                available = False
            else:
                available = True
            await pause(stop, EVERY_S)
