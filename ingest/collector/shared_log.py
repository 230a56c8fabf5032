"""One raw log for several collectors that share the messages of one broker.

The broker gives each message to one of them, in turn, so the messages of one device are in the log in the order of
appending, not of sending. Readers do not depend on that order: the judge sorts by device time inside its window, and
the recorder handles each instant alone. Only ticks need care: it is no silence if one collector receives nothing.
"""

import fcntl
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.log.ports import LogWriter
from ingest.log.records import TICK_TOPIC, RawMessage


class SharedLog:
    """A raw log that takes a tick only if no collector appended since this one last appended or tried to.

    So ticks never add up to more time than has passed. At each start of a silence they may lag by one tick interval.
    """

    def __init__(self, log: LogWriter, last_offset: Callable[[], int], lock: Path) -> None:
        """`lock` is a file common to all collectors of this log; it orders their ticks. Raises OSError."""
        self._log = log
        self._last_offset = last_offset
        self._lock = lock.open("ab")
        self._last_seen = 0

    def append(self, messages: Sequence[RawMessage]) -> int:
        """Append as the log does, but skip a tick if another collector appended meanwhile."""
        if len(messages) != 1 or messages[0].topic != TICK_TOPIC:
            self._last_seen = self._log.append(messages)
            return self._last_seen
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            last = self._last_offset()
            self._last_seen = self._log.append(messages) if last == self._last_seen else last
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
        return self._last_seen

    def close(self) -> None:
        self._lock.close()


def remember_group(path: Path, group: str) -> frozenset[str]:
    """Add a share group ("": none) to the file, and return every group that collectors of this data directory used.

    Call it before subscribing: a session at the broker keeps its former subscriptions, and can leave a group only by
    its name. Raises OSError.
    """
    groups = frozenset(path.read_text(encoding="utf-8").split() if path.exists() else ())
    if group and group not in groups:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{group}\n")
    return groups | {group}
