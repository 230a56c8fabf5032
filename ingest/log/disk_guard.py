"""The disk guard keeps a reserve of free space on the raw log's disk, so that everything else there can go on.

Below the reserve it first removes the oldest segments that every consumer has read, whatever their age. If that is not
enough the policy decides: stop (the collector acknowledges nothing, the broker keeps the messages, nothing is lost) or
drop_oldest (the oldest unread segments are removed and counted). Both end by themselves when there is space again.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from typing import Final

from ingest.log.disk_errors import disk_error_text
from ingest.log.errors import RawLogFull
from ingest.log.ports import TrimmableLog
from ingest.log.records import RawMessage

_log = logging.getLogger(__name__)

_MIB: Final = 1 << 20
_RESUME_FACTOR: Final = 1.1
"""Times the reserve that must be free before a full log takes messages again, so that it does not stop and go."""
_FLOOR_PART: Final = 4


class DiskPolicy(StrEnum):
    """Action below the reserve when only unread messages could make room."""

    STOP = "stop"
    DROP_OLDEST = "drop_oldest"


class GuardedLog:
    """A raw log that appends only while the reserve is free. For one thread at a time."""

    def __init__(
        self,
        log: TrimmableLog,
        free_bytes: Callable[[], int],
        reserve_bytes: int,
        policy: DiskPolicy,
        consumers: Collection[str],
        now: Callable[[], int],
    ) -> None:
        """`consumers`: all who must have read a record before it may be removed uncounted. `now`: wall clock, ms."""
        self._log = log
        self._free_bytes = free_bytes
        self._reserve_bytes = reserve_bytes
        self._policy = policy
        self._consumers = consumers
        self._now = now
        self._below_reserve = False

    def append(self, messages: Sequence[RawMessage]) -> int:
        """Append as the log does. Raises RawLogFull also if the reserve is not free and no segment may be removed."""
        if self._free() < self._reserve_bytes * (_RESUME_FACTOR if self._below_reserve else 1):
            self._below_reserve = True
            self._make_room()
        self._below_reserve = False
        return self._log.append(messages)

    def _free(self) -> int:
        try:
            return self._free_bytes()
        except OSError as exc:
            raise RawLogFull(disk_error_text(exc)) from exc

    def _make_room(self) -> None:
        wanted_bytes = self._reserve_bytes * _RESUME_FACTOR
        while (free_bytes := self._free()) < wanted_bytes:
            # A consumer that has never committed has read nothing, and `trim` does not know of it.
            if self._log.committed().keys() >= set(self._consumers) and self._log.trim(keep_bytes=0, at_most=1):
                continue
            if self._policy is DiskPolicy.DROP_OLDEST and self._log.remove_oldest(self._consumers, self._now()):
                _log.error(
                    "disk guard: less than %d MiB are free, the oldest segment of the raw log was removed unread; "
                    "free disk space",
                    self._reserve_bytes // _MIB,
                )
                continue
            raise RawLogFull(
                f"{free_bytes // _MIB:,} MiB are free on the raw log's disk and {self._reserve_bytes // _MIB:,} MiB "
                "are kept in reserve: free disk space"
            )


class DiskFloor:
    """A quarter of the reserve, which recorder and judge leave free as well.

    They go on below the reserve, since what they have read can be removed. The floor is what notes of progress, status
    files and a purge of dead letters need.
    """

    def __init__(self, free_bytes: Callable[[], int], reserve_bytes: int) -> None:
        self._free_bytes = free_bytes
        self._floor_bytes = reserve_bytes // _FLOOR_PART

    def trouble(self) -> str | None:
        """Why nothing may be written now; None while there is room."""
        try:
            free_bytes = self._free_bytes()
        except OSError as exc:
            return f"the disk of the data directory does not say how much is free: {disk_error_text(exc)}"
        if free_bytes >= self._floor_bytes:
            return None
        return (
            f"{free_bytes // _MIB:,} MiB are free on the disk of the data directory, and {self._floor_bytes // _MIB:,} "
            "MiB stay free for what must go on: free disk space, for example by `haulwatch deadletter purge`"
        )
