"""A worker: a member of two groups, with the work of each partition that it owns.

It owns some partitions of the raw log, or none, and perhaps the one of verdicts. What it lost to another worker it
gives up, and goes on with the rest.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, Protocol, TypeVar

from devices.db.database import DatabaseError
from ingest.judge.workers.device_work import DeviceWork
from ingest.judge.workers.fleet_work import FleetWork
from ingest.log.errors import LogMadeAnew, RawLogError
from ingest.log.kafka.group import GroupMember
from ingest.log.kafka.owned_partition import PartitionGone, PartitionLog
from ingest.process.backoff import Backoff

_FIRST_PAUSE_S: Final = 0.4
_LONGEST_PAUSE_S: Final = 30.0
_RESTORED_AT_ONCE: Final = 8
"""Each takes threads, a client of Kafka, and the rows of its partition in memory."""
_CLAIM_AGAIN_S: Final = 5.0
"""Who was fenced learns within this time that Kafka has taken the partition from it, and fences no new owner."""
_LAST_S: Final = 10.0
_LAST_WAIT_S: Final = 0.5
_HEALTHY_S: Final = 120.0
"""A partition that went on for so long begins with the first pause again. To judge some records is no sign of health:
one that cannot read a record judges those before it each time."""
_NO_WORK: Final = "judge: partition %d of %s cannot go on, trying again in %.1f s: %s"
_LOST: Final = "judge: partition %d of %s is another worker's: %s"

_log = logging.getLogger(__name__)


class _Work(Protocol):
    def step(self) -> int: ...
    def finish(self) -> None: ...


Work = TypeVar("Work", bound=_Work)


class Owned(Generic[Work]):
    """The work of the partitions of one topic that are ours. `ingest.log.kafka.group` calls it.

    A partition that fails is restored anew after a pause of its own, and no other one waits for it.
    """

    def __init__(
        self, what: str, begin: Callable[[PartitionLog], Work], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`what`: the topic, for the log. `begin` restores a partition, in any thread; raises RawLogError."""
        self._what, self._begin, self._monotonic = what, begin, monotonic
        self._logs: dict[int, PartitionLog] = {}
        self._pool = ThreadPoolExecutor(_RESTORED_AT_ONCE, "restore")
        self._coming: dict[int, Future[Work]] = {}
        """Partitions that are being restored, which may take minutes: the group is polled meanwhile."""
        self._pauses: dict[int, Backoff] = {}
        self._again_at: dict[int, float] = {}
        self.work: dict[int, Work] = {}
        """By partition, once it is restored."""
        self.gained, self.handed_over = 0, 0
        """Partitions that came and that were given to others, since the start."""

    def assigned(self, log: PartitionLog) -> None:
        self._logs[log.partition] = log
        self.gained += 1

    def revoked(self, log: PartitionLog) -> None:
        work = self._forget(log)
        if work is not None:
            try:
                work.finish()
            except (RawLogError, DatabaseError) as exc:
                _log.warning(
                    "judge: partition %d goes to another worker, which judges some again: %s", log.partition, exc
                )

    def lost(self, log: PartitionLog) -> None:
        self._forget(log)
        _log.warning(_LOST, log.partition, self._what, "this one was not heard for too long")

    @property
    def partitions(self) -> frozenset[int]:
        """Those that are ours."""
        return frozenset(self._logs)

    def step(self) -> int:
        """Let each partition go on, and begin to restore those that came. Returns how many records were judged.

        Raises DatabaseError, after all others had their turn; LogMadeAnew: a person has to choose.
        """
        judged = 0
        failed: DatabaseError | None = None
        self._restore()
        for partition in [*self._logs]:
            try:
                if partition in self._coming and self._coming[partition].done():
                    self.work[partition] = self._coming.pop(partition).result()
                    _log.info("judge: partition %d of %s taken over", partition, self._what)
                if (work := self.work.get(partition)) is None:
                    continue
                judged += work.step()
            except LogMadeAnew:
                raise
            except PartitionGone as exc:
                self._again(partition, _CLAIM_AGAIN_S)
                _log.warning(_LOST, partition, self._what, exc)
            except RawLogError as exc:
                pause_s = self._again(partition)  # what was not written is judged again
                _log.warning(_NO_WORK, partition, self._what, pause_s, exc)
            except DatabaseError as exc:
                failed = exc
        if failed is not None:
            raise failed
        return judged

    def _restore(self) -> None:
        now = self._monotonic()
        for partition, log in self._logs.items():
            if len(self._coming) >= _RESTORED_AT_ONCE:
                return
            if partition not in self.work and partition not in self._coming and self._again_at.get(partition, 0) <= now:
                self._coming[partition] = self._pool.submit(self._begun, log)

    def _begun(self, log: PartitionLog) -> Work:
        if not log.is_owned:  # to restore it would fence its new owner
            raise PartitionGone(f"partition {log.partition} is another member's")
        return self._begin(log)

    def _again(self, partition: int, at_least_s: float = 0) -> float:
        """Give up what was restored of a partition. Returns the seconds until it is restored anew."""
        self.work.pop(partition, None)
        backoff = self._pauses.setdefault(partition, Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S))
        if self._monotonic() - self._again_at.get(partition, 0) > _HEALTHY_S:
            backoff.reset()
        pause_s = max(backoff.next_pause_s(), at_least_s)
        self._again_at[partition] = self._monotonic() + pause_s
        return pause_s

    def _forget(self, log: PartitionLog) -> Work | None:
        self._logs.pop(log.partition, None)
        self._pauses.pop(log.partition, None)
        self._again_at.pop(log.partition, None)
        if (coming := self._coming.pop(log.partition, None)) is not None:
            coming.cancel()
        self.handed_over += 1
        return self.work.pop(log.partition, None)


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

        Raises RawLogError, after everything that is fetched had its turn: call it again after a pause. Raises
        LogMadeAnew at once.
        """
        raw, verdicts = self._members
        failed = [
            exc for member, wait in ((raw, wait_s), (verdicts, 0.0)) if (exc := _polled(member, wait)) is not None
        ]
        judged = self.devices.step() + self._step_fleet()
        if failed:
            raise failed[0]
        return judged

    def _step_fleet(self) -> int:
        judged = 0
        if self._monotonic() < self._journal_at:
            return judged
        try:
            judged = self.fleet.step()
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


def _polled(member: GroupMember, wait_s: float) -> RawLogError | None:
    """The error with which a poll failed."""
    try:
        member.poll(wait_s)
    except RawLogError as exc:
        return exc
    return None
