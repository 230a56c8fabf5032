"""When a stage keeps its rows: by what changed, by what would be judged again, and by time."""

import time
from collections.abc import Callable
from typing import Final

KEEP_EVERY_S: Final = 60.0
"""So long at most is judged again by the next owner; a device that sends each 10 s has one row for six readings."""
KEEP_MIN_RECORDS: Final = 5_000
KEEP_MAX_RECORDS: Final = 100_000
"""Judged in some three seconds: so long does a partition stand still, at most, that changes hands in a backlog."""
IDLE_S: Final = 3.0
"""With nothing to read for so long, rows are kept at once."""
_RECORDS_PER_ROW: Final = 20


class Pace:
    """Counts what was judged since rows were kept."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since = 0
        self._kept_at = self._read_at = monotonic()

    def note(self, records: int) -> None:
        """Note that so many records were judged."""
        if records:
            self._since += records
            self._read_at = self._monotonic()

    def kept(self) -> None:
        self._since, self._kept_at = 0, self._monotonic()

    def is_due(self, changed: int) -> bool:
        """Whether rows are to be kept. `changed`: their number."""
        if not self._since:
            return False
        if self._since >= min(max(KEEP_MIN_RECORDS, _RECORDS_PER_ROW * changed), KEEP_MAX_RECORDS):
            return True
        now = self._monotonic()
        return now - self._kept_at >= KEEP_EVERY_S or now - self._read_at >= IDLE_S
