"""Several collectors that share one broker's messages and one raw log.

The broker gives each message to one of them, in turn, so that one device's messages lie in the log in the order of
their appending, not of their sending. Nobody downstream minds: the judge orders by device time inside its window, and
the recorder takes each instant for itself. What remains is silence: that one of them hears nothing is none.
"""

import fcntl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ingest.log.records import TICK_TOPIC, RawMessage


class Log(Protocol):
    """The part of the raw log that is shared."""

    def append(self, messages: Sequence[RawMessage]) -> int: ...


class SharedLog:
    """A raw log that takes a tick only if nobody has appended anything since this collector did or last tried to.

    So ticks never make time go faster than it does; with each turn from talk to silence it may lag a tick's length.
    """

    def __init__(self, log: Log, last_offset: Callable[[], int], lock: Path) -> None:
        """`lock` is a file of all collectors of this log; it orders their ticks. Raises OSError."""
        self._log = log
        self._last_offset = last_offset
        self._lock = lock.open("ab")
        self._seen = 0

    def append(self, messages: Sequence[RawMessage]) -> int:
        """As the log does; a tick that would not be true is passed over."""
        if len(messages) != 1 or messages[0].topic != TICK_TOPIC:
            self._seen = self._log.append(messages)
            return self._seen
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            last = self._last_offset()
            self._seen = self._log.append(messages) if last == self._seen else last
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
        return self._seen

    def close(self) -> None:
        self._lock.close()


def remember_group(path: Path, group: str) -> frozenset[str]:
    """Every group a collector of this data directory was ever in, this one ("": none) noted before it is entered.

    A session at the broker keeps the subscriptions of before; who was in a group can leave it only by its name. Raises
    OSError.
    """
    known = frozenset(path.read_text(encoding="utf-8").split() if path.exists() else ())
    if group and group not in known:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{group}\n")
    return known | {group}
