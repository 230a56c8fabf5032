"""Removes old segments of the raw log that every consumer has read, old dead letters and old notices.

Runs in the recorder process.

Settings: HAULWATCH_RAW_LOG_KEEP_MIB, HAULWATCH_RAW_LOG_KEEP_DAYS, HAULWATCH_DEAD_LETTER_KEEP_DAYS and
HAULWATCH_NOTICE_KEEP_DAYS.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final, Protocol

from devices.db.database import DatabaseError
from haulwatch.process import system_clock
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.state_file import StateUnavailable
from ingest.log.errors import RawLogError
from ingest.log.records import CONSUMERS
from ingest.process.status_file import replace_status

TRIM_EVERY_S: Final = 60.0
_NOTICES_EVERY: Final = 60
"""Trims: an hour. It asks the database, which has more to do."""
_CATCH_UP: Final = 2.0


class PacedClock:
    """The wall clock, followed no faster than twice the time that passes on a clock that nobody can set.

    One jump of the machine's clock makes every segment old at once. By this clock a jump of a month takes a month to be
    believed, which is time to see and correct it; after a standstill of this process it catches up as slowly. The file
    keeps it over restarts.
    """

    def __init__(
        self,
        file: Path,
        newest: int | None,
        wall: Callable[[], int] = system_clock.now_ms,
        monotonic: Callable[[], float] = system_clock.monotonic,
    ) -> None:
        """Without a file it begins at `newest`, receive time of the newest message, ms; None: at the wall clock."""
        self._file, self._wall, self._monotonic = file, wall, monotonic
        self._at = monotonic()
        began = wall()
        self._now = min(began, self._kept(began if newest is None else newest))

    def __call__(self) -> int:
        """Ms since 1970 UTC; keeps it in the file."""
        elapsed_s = self._monotonic() - self._at
        self._at += elapsed_s
        self._now = min(self._wall(), self._now + round(elapsed_s * 1000 * _CATCH_UP))
        replace_status(self._file, str(self._now).encode())
        return self._now

    def _kept(self, otherwise: int) -> int:
        try:
            return int(self._file.read_bytes())
        except (OSError, ValueError):
            return otherwise


class TrimmedLog(Protocol):
    """The part of the raw log that is trimmed."""

    def committed(self) -> Mapping[str, int]: ...
    def trim(self, keep_bytes: int, keep_since: int = 0, at_most: int | None = None) -> int: ...


class Retention:
    """Keeps the raw log below a size and an age, dead letters and notices below an age.

    Of the raw log it removes only what every consumer has read.
    """

    def __init__(
        self,
        log: TrimmedLog,
        *,
        keep_bytes: int,
        keep_ms: int,
        clock: Callable[[], int],
        letters: DeadLetters | None = None,
        keep_letters_ms: int = 0,
        purge_notices: Callable[[int], object] | None = None,
    ) -> None:
        """`keep_ms`, `keep_letters_ms` 0: no limit of age, which `clock` measures (ms since 1970 UTC).

        `purge_notices`: by the clock, removes those that are too old; it may raise DatabaseError.
        """
        self._log, self._keep_bytes, self._keep_ms, self._clock = log, keep_bytes, keep_ms, clock
        self._letters, self._keep_letters_ms = letters, keep_letters_ms
        self._purge_notices = purge_notices

    async def run(self) -> None:
        """Trim once a minute, for ever; cancel it to end."""
        for turn in count():
            await asyncio.sleep(TRIM_EVERY_S)
            # The recorder uses the same files and reports their trouble.
            with suppress(RawLogError):
                await asyncio.to_thread(self.trim)
            with suppress(StateUnavailable):
                await asyncio.to_thread(self.purge)
            if turn % _NOTICES_EVERY == 0:
                with suppress(DatabaseError):  # the API, which sends notices, reports its trouble
                    await asyncio.to_thread(self.purge_notices)

    def trim(self) -> None:
        """Remove the oldest read segments beyond the limits. Raises RawLogError."""
        if set(CONSUMERS) <= self._log.committed().keys():  # a consumer that never committed may still need all
            self._log.trim(self._keep_bytes, self._clock() - self._keep_ms if self._keep_ms else 0)

    def purge_notices(self) -> None:
        """Remove notices beyond their age. Raises DatabaseError."""
        if self._purge_notices is not None:
            self._purge_notices(self._clock())

    def purge(self) -> None:
        """Purge dead letters beyond their age. Raises StateUnavailable."""
        if self._letters is not None and self._keep_letters_ms:
            self._letters.purge(before=self._clock() - self._keep_letters_ms)
