"""Removes old segments of the raw log that every consumer has read. Runs in the recorder process.

Settings: HAULWATCH_RAW_LOG_KEEP_MIB and HAULWATCH_RAW_LOG_KEEP_DAYS.
"""

import asyncio
from contextlib import suppress
from typing import Final

from haulwatch.process import system_clock
from ingest.log.raw_log import RawLog
from ingest.log.records import CONSUMERS
from ingest.log.segment import RawLogError

TRIM_EVERY_S: Final = 60.0


class Retention:
    """Keeps the raw log below a size and an age. It removes only what every consumer has read."""

    def __init__(self, log: RawLog, *, keep_bytes: int, keep_ms: int) -> None:
        """`keep_ms` 0: no limit of age."""
        self._log, self._keep_bytes, self._keep_ms = log, keep_bytes, keep_ms

    async def run(self) -> None:
        """Trim once a minute, for ever; cancel it to end."""
        while True:
            await asyncio.sleep(TRIM_EVERY_S)
            with suppress(RawLogError):  # the recorder reads the same log and reports its trouble
                await asyncio.to_thread(self.trim)

    def trim(self) -> None:
        """Remove the oldest read segments beyond the limits. Raises RawLogError."""
        if set(CONSUMERS) <= self._log.committed().keys():  # a consumer that never committed may still need all
            self._log.trim(self._keep_bytes, system_clock.now_ms() - self._keep_ms if self._keep_ms else 0)
