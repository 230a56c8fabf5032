"""A worker: a member of two groups, with the work of each partition that it owns.

It owns some partitions of the raw log, or none, and perhaps the one of verdicts. What it lost to another worker it
gives up, and goes on with the rest.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, Protocol, TypeVar

from devices.db.database import DatabaseError
from ingest.judge.workers.device_work import DeviceWork
from ingest.judge.workers.fleet_work import FleetWork
from ingest.log.errors import RawLogError
from ingest.log.kafka.group import GroupMember, PartitionGone, PartitionLog
from ingest.process.backoff import Backoff

_FIRST_PAUSE_S: Final = 0.4
_LONGEST_PAUSE_S: Final = 30.0
_RESTORED_AT_ONCE: Final = 8
_LAST_S: Final = 10.0
_LAST_WAIT_S: Final = 0.5
_LOST: Final = "judge: partition %d of %s is another worker's: %s"

_log = logging.getLogger(__name__)


class _Work(Protocol):
    def step(self) -> int: ...
    def finish(self) -> None: ...


Work = TypeVar("Work", bound=_Work)


class Owned(Generic[Work]):
    """The work of the partitions of one topic that are ours. `ingest.log.kafka.group` calls it."""

    def __init__(self, what: str, begin: Callable[[PartitionLog], Work]) -> None:
        """`what`: the topic, for the log. `begin` restores a partition, in any thread; raises RawLogError."""
        self._what, self._begin = what, begin
        self._logs: dict[int, PartitionLog] = {}
        self._pool = ThreadPoolExecutor(_RESTORED_AT_ONCE, "restore")
        self.work: dict[int, Work] = {}
        """By partition, once it is restored."""
        self.gained, self.handed_over = 0, 0
        """Partitions that came and that were given to others, since the start."""

    def assigned(self, log: PartitionLog) -> None:
        self._logs[log.partition] = log
        self.gained += 1

    def revoked(self, log: PartitionLog) -> None:
        self._logs.pop(log.partition, None)
        work = self.work.pop(log.partition, None)
        self.handed_over += 1
        if work is not None:
            try:
                work.finish()
            except (RawLogError, DatabaseError) as exc:
                _log.warning(
                    "judge: partition %d goes to another worker, which judges some again: %s", log.partition, exc
                )

    def lost(self, log: PartitionLog) -> None:
        self._logs.pop(log.partition, None)
        self.work.pop(log.partition, None)
        self.handed_over += 1
        _log.warning(_LOST, log.partition, self._what, "this one was not heard for too long")

    @property
    def partitions(self) -> frozenset[int]:
        """Those that are ours."""
        return frozenset(self._logs)

    def step(self) -> int:
        """Let each partition go on, and restore one that came. Returns how many records were judged.

        Raises RawLogError, DatabaseError, after all others had their turn.
        """
        judged = 0
        failed: RawLogError | DatabaseError | None = None
        coming = {
            partition: self._pool.submit(self._begin, log)  # each waits for answers of Kafka, one after the other
            for partition, log in self._logs.items()
            if partition not in self.work
        }
        for partition in [*self._logs]:
            try:
                if partition in coming:
                    self.work[partition] = coming[partition].result()
                judged += self.work[partition].step()
            except PartitionGone as exc:
                self.work.pop(partition, None)
                _log.warning(_LOST, partition, self._what, exc)
            except RawLogError as exc:
                self.work.pop(partition, None)  # restored anew: what was not written is judged again
                failed = exc
            except DatabaseError as exc:
                failed = exc
        if failed is not None:
            raise failed
        return judged


class Worker:
    """One thread; `step` in a loop, `close` at the end."""

    def __init__(
        self,
        devices: tuple[GroupMember, Owned[DeviceWork]],
        fleet: tuple[GroupMember, Owned[FleetWork]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._members = (devices[0], fleet[0])
        self.devices, self.fleet = devices[1], fleet[1]
        self._monotonic = monotonic
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self._journal_at = 0.0
        """When the journal is tried again: while it takes nothing, devices are judged on."""

    def step(self, wait_s: float) -> int:
        """Judge what was fetched, waiting for it at most `wait_s`. Returns how many records there were.

        Raises RawLogError: call it again after a pause.
        """
        raw, verdicts = self._members
        raw.poll(wait_s)
        judged = self.devices.step()
        verdicts.poll(0)
        if self._monotonic() < self._journal_at:
            return judged
        try:
            judged += self.fleet.step()
        except DatabaseError as exc:
            pause_s = self._backoff.next_pause_s()
            self._journal_at = self._monotonic() + pause_s
            _log.warning("judge: the journal takes no alerts, trying again in %.1f s: %s", pause_s, exc)
        else:
            self._backoff.reset()
        return judged

    def close(self) -> None:
        """Hand on and keep everything, and leave the groups."""
        raw, verdicts = self._members
        raw.close()
        try:
            self._take_the_last(verdicts)
        except (RawLogError, DatabaseError) as exc:
            _log.warning("judge: the last verdicts wait for the next worker: %s", exc)
        verdicts.close()

    def _take_the_last(self, verdicts: GroupMember) -> None:
        """Judge the verdicts that were handed on just now, as long as any come."""
        ends = self._monotonic() + _LAST_S
        while self.fleet.partitions and self._monotonic() < ends:
            came = verdicts.poll(_LAST_WAIT_S)
            if not self.fleet.step() and not came:
                return
