"""A reserve of free space on the raw log's disk, so that a log that grows leaves room for everything else to go on.

Under the reserve the oldest segments that everybody has read go first, whatever their age. Where that is not enough the
policy decides: stop (the collector acknowledges nothing, the broker keeps it, nothing is lost) or drop_oldest (what was
not read yet is removed, oldest first, and counted). Either way it ends by itself when there is room again.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final, Protocol

from ingest.log.disk_errors import in_words
from ingest.log.records import RawMessage
from ingest.log.segment import RawLogFull

_log = logging.getLogger(__name__)

_MIB: Final = 1 << 20
_RELIEF: Final = 1.1
"""Times the reserve must be free before a full log takes messages again, so that it does not stop and go."""


class DiskPolicy(StrEnum):
    """What to do when the reserve is touched and only unread messages could make room."""

    STOP = "stop"
    DROP_OLDEST = "drop_oldest"


class Log(Protocol):
    """The part of the raw log that is guarded."""

    def append(self, messages: Sequence[RawMessage]) -> int: ...
    def committed(self) -> Mapping[str, int]: ...
    def trim(self, keep_bytes: int, keep_since: int = 0, at_most: int | None = None) -> int: ...
    def remove_oldest(self, consumers: Collection[str], now: int) -> bool: ...


class GuardedLog:
    """A raw log that appends only while the reserve is free. For one thread at a time."""

    def __init__(
        self,
        log: Log,
        free_bytes: Callable[[], int],
        reserve_bytes: int,
        policy: DiskPolicy,
        consumers: Collection[str],
        now: Callable[[], int],
    ) -> None:
        """`consumers`: everybody who must have read a record before it may go unnoticed. `now`: wall clock, ms."""
        self._log = log
        self._free_bytes = free_bytes
        self._reserve_bytes = reserve_bytes
        self._policy = policy
        self._consumers = consumers
        self._now = now
        self._tight = False

    def append(self, messages: Sequence[RawMessage]) -> int:
        """As the log does. Raises RawLogFull too when the reserve is not free and cannot be made so."""
        if self._free() < self._reserve_bytes * (_RELIEF if self._tight else 1):
            self._tight = True
            self._make_room()
        self._tight = False
        return self._log.append(messages)

    def _free(self) -> int:
        try:
            return self._free_bytes()
        except OSError as exc:
            raise RawLogFull(in_words(exc)) from exc

    def _make_room(self) -> None:
        wanted = self._reserve_bytes * _RELIEF
        while (free_bytes := self._free()) < wanted:
            # Who has never noted anything has read nothing, and the log does not know of him.
            if self._log.committed().keys() >= set(self._consumers) and self._log.trim(keep_bytes=0, at_most=1):
                continue
            if self._policy is DiskPolicy.DROP_OLDEST and self._log.remove_oldest(self._consumers, self._now()):
                _log.error("the disk is nearly full: the oldest messages of the raw log were removed unread")
                continue
            raise RawLogFull(
                f"{free_bytes // _MIB:,} MiB are free on the raw log's disk and {self._reserve_bytes // _MIB:,} MiB "
                "are kept in reserve: free disk space"
            )
