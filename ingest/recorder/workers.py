"""Records the partitions of a raw log on Kafka that a worker owns, each by a recorder of its own.

    partition assigned → claim it in PostgreSQL → recorder: outbox of the former owner → batches, as on one machine
    revoked or lost    → recorder ended where it is; what is committed waits in the outbox for the next owner

Kafka says who owns a partition (`ingest.log.kafka.group`); the fencing number of the claim keeps a worker from writing
that does not know yet that it lost one (`ingest.ledger.shared`). Both together: each record is classified once, however
workers come, go, die or stand still.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from ingest.ledger.state.port import OwnTables, StateFenced, StateUnavailable, StateUncertain
from ingest.log.errors import RawLogError, RawLogUnavailable
from ingest.log.ports import Log, OnePartition
from ingest.log.records import LogRecord, parts_of_place
from ingest.process.backoff import Backoff
from ingest.process.pause import pause
from ingest.recorder.recorder import Recorder
from ingest.recorder.run import Pace, run_recorder

_PACE: Final = Pace(idle_s=0.5, gather_s=1.0)
"""A batch costs two transactions and a request, and there are as many at a time as partitions."""
_POLL_S: Final = 0.05
_COMMIT_S: Final = 1.0
"""Progress in Kafka's group is for lag and retention only: where a recorder begins is in PostgreSQL."""
_FIRST_RETRY_S: Final = 0.5
_MAX_RETRY_S: Final = 30.0
_CLAIM_AGAIN_S: Final = 5.0
"""A fenced worker learns within this time that Kafka has taken the partition from it; else it is still its own."""
_ANSWER_S: Final = 10.0

_log = logging.getLogger(__name__)


class OwnedPartition(Protocol):
    """A partition that Kafka gave to this worker (`ingest.log.kafka.group.PartitionLog`)."""

    partition: int
    is_owned: bool

    def read(self, after: int, limit: int) -> list[LogRecord]: ...
    def is_at_end(self, offset: int) -> bool: ...
    def last_offset(self) -> int: ...
    def resume(self, positions: Mapping[int, int]) -> int: ...


class Member(Protocol):
    """The worker in the group of recorders (`ingest.log.kafka.group.GroupMember`)."""

    def poll(self, wait_s: float) -> bool: ...
    def commit(self, positions: Mapping[int, int]) -> None: ...
    def close(self) -> None: ...


class WorkerLog(OnePartition):
    """The log of one partition as its recorder reads it."""

    def __init__(
        self,
        owned: OwnedPartition,
        poll: Callable[[float], bool],
        find: Callable[[int], LogRecord | None],
        noted: dict[int, int],
    ) -> None:
        """`find`: the record at a place. `noted` takes progress, to be committed for all partitions at once."""
        self._owned, self._poll, self._find, self._noted = owned, poll, find, noted
        self.waits = True
        """Whether `read` waits for records that are there and were not fetched yet: while a recorder starts."""

    @property
    def partition(self) -> int:
        return self._owned.partition

    def read(self, after: int, limit: int) -> list[LogRecord]:
        records = self._owned.read(after, limit)
        tries = int(_ANSWER_S / _POLL_S)
        while self.waits and not records and not self._owned.is_at_end(after):
            if not tries:
                raise RawLogUnavailable(f"partition {self.partition} of the raw log gives no answer")
            tries -= not self._poll(_POLL_S)
            records = self._owned.read(after, limit)
        return records

    def last_offset(self) -> int:
        return self._owned.last_offset()

    def resume(self, positions: Mapping[int, int]) -> int:
        return self._owned.resume(positions)

    def commit(self, consumer: str, offset: int) -> None:
        self._noted[self.partition] = offset

    def find(self, place: int) -> LogRecord | None:
        return self._find(place)

    def before(self, place: int) -> int:
        return parts_of_place(place)[1] - 1


@dataclass(slots=True)
class _Recording:
    """The recording of one partition."""

    log: OwnedPartition
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None


class RecorderWorker:
    """One process of the group of recorders: Kafka calls `assigned`, `revoked` and `lost` inside `Member.poll`."""

    def __init__(
        self,
        claim: Callable[[int], OwnTables],
        recorder_of: Callable[[Log, OwnTables], Recorder],
        find: Callable[[int], LogRecord | None],
        clock: Callable[[], int],
        partitions: int,
    ) -> None:
        """`claim` takes a partition over. `find`: the record at a place of the raw log. `clock`: ms since 1970 UTC.

        `partitions`: of the raw log, whose recorders share the bounds of one.
        """
        self._claim, self._recorder_of, self._find = claim, recorder_of, find
        self._clock, self._partitions = clock, partitions
        self._recordings: dict[int, _Recording] = {}
        self._noted: dict[int, int] = {}
        self._committed: dict[int, int] = {}

    @property
    def owned(self) -> frozenset[int]:
        """The partitions that this worker records now."""
        return frozenset(self._recordings)

    def assigned(self, log: OwnedPartition) -> None:
        self._recordings[log.partition] = _Recording(log)

    def revoked(self, log: OwnedPartition) -> None:
        """What is committed waits in the outbox, and the next owner writes it first."""
        self._drop(log)

    def lost(self, log: OwnedPartition) -> None:
        self._drop(log)

    async def run(self, member: Member, stop: asyncio.Event) -> None:
        """Record what Kafka gives to this worker, until `stop` is set; then write what is committed, and leave.

        Raises what only a person can mend: StateMisfit, RawLogMisfit.
        """
        try:
            await self._run(member, stop)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._recordings.clear()
            member.close()

    async def _run(self, member: Member, stop: asyncio.Event) -> None:
        backoff, committed_at = Backoff(_FIRST_RETRY_S, _MAX_RETRY_S), self._clock()
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                try:
                    came = member.poll(0)
                    if self._clock() - committed_at >= _COMMIT_S * 1000:
                        committed_at = self._clock()
                        self._commit(member)
                except RawLogUnavailable as exc:
                    pause_s = backoff.next_pause_s()
                    _log.warning("recorder: Kafka does not answer, trying again in %.1f s: %s", pause_s, exc)
                    await pause(stop, pause_s)
                    continue
                backoff.reset()
                for recording in self._recordings.values():
                    if recording.task is None:
                        name = f"recorder of partition {recording.log.partition}"
                        recording.task = tasks.create_task(self._record(member, recording), name=name)
                await (asyncio.sleep(0) if came else pause(stop, _POLL_S))
            for recording in self._recordings.values():
                recording.stop.set()
        with suppress(RawLogError):
            self._commit(member)

    def _drop(self, log: OwnedPartition) -> None:
        recording = self._recordings.pop(log.partition, None)
        self._noted.pop(log.partition, None)
        self._committed.pop(log.partition, None)
        if recording is not None:
            recording.stop.set()
            if recording.task is not None:
                recording.task.cancel()

    def _commit(self, member: Member) -> None:
        moved = {one: offset for one, offset in self._noted.items() if offset != self._committed.get(one)}
        if moved:
            member.commit(moved)
            self._committed |= moved

    async def _record(self, member: Member, recording: _Recording) -> None:
        """Record one partition until it goes or the worker stops."""
        log, stop = recording.log, recording.stop
        backoff = Backoff(_FIRST_RETRY_S, _CLAIM_AGAIN_S)
        while not stop.is_set() and log.is_owned:
            try:
                recorder = self._start(member, log)
            except (StateUnavailable, RawLogUnavailable) as exc:
                pause_s = backoff.next_pause_s()
                _log.warning(
                    "recorder: partition %d cannot be taken over, trying again in %.1f s: %s",
                    *(log.partition, pause_s, exc),
                )
                await pause(stop, pause_s)
                continue
            backoff.reset()
            try:
                await run_recorder(recorder, stop, clock=self._clock, pace=_PACE)
            except StateFenced as exc:
                _log.warning("recorder: %s; it goes on there", exc)
                await pause(stop, _CLAIM_AGAIN_S)
            except StateUncertain as exc:
                _log.warning("recorder: whether a batch was kept is not known, taking the partition over anew: %s", exc)
                await pause(stop, _FIRST_RETRY_S)

    def _start(self, member: Member, log: OwnedPartition) -> Recorder:
        """Take the partition over. What the former owner has committed is complete then."""
        worker_log = WorkerLog(log, member.poll, self._find, self._noted)
        recorder = self._recorder_of(worker_log, self._claim(log.partition))
        recorder.share_bounds(self._partitions)
        worker_log.waits = False
        _log.info("recorder: partition %d taken over after offset %d", log.partition, recorder.offset)
        return recorder
