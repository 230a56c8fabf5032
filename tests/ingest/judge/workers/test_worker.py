"""A worker with partitions that fail or are long in restoring: all others, and verdicts, go on meanwhile."""

from collections.abc import Callable
from threading import Event, Lock
from typing import Any

import pytest

from ingest.judge.workers import worker
from ingest.judge.workers.worker import Owned, Worker
from ingest.log.errors import LogMadeAnew, RawLogUnavailable
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.group import GroupMember
from ingest.log.kafka.owned_partition import PartitionGone, PartitionLog
from tests.waiting import PATIENCE_S, until


class Work:
    def __init__(self, fails: bool = False) -> None:
        self.steps, self.fails = 0, fails

    def step(self) -> int:
        if self.fails:
            raise RawLogUnavailable("its next record cannot be read")
        self.steps += 1
        return 1

    def finish(self) -> None: ...


class Member:
    def __init__(self, fails: bool = False) -> None:
        self.polls, self.fails = 0, fails

    def poll(self, _wait_s: float) -> bool:
        self.polls += 1
        if self.fails:
            raise RawLogUnavailable("no broker")
        return False


class Clock:
    """Stands still until a test sets it."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def partition(number: int) -> PartitionLog:
    return PartitionLog(GroupMember(KafkaConnection("nowhere:1"), "judge", _Nobody()), number)


class _Nobody:
    def assigned(self, log: PartitionLog) -> None: ...
    def revoked(self, log: PartitionLog) -> None: ...
    def lost(self, log: PartitionLog) -> None: ...


def owned(begin: Callable[[PartitionLog], Work], partitions: int, clock: Clock | None = None) -> Owned[Any]:
    found: Owned[Any] = Owned("raw", begin, clock or Clock())
    for number in range(partitions):
        found.assigned(partition(number))
    return found


def worker_of(devices: Owned[Any], fleet: Owned[Any], raw: Any, verdicts: Any) -> Worker:
    return Worker((raw, devices), (verdicts, fleet))


def test_a_log_made_anew_ends_the_worker() -> None:
    def begin(log: PartitionLog) -> Work:
        if log.partition == 1:
            raise LogMadeAnew("topic x.raw was made anew")
        return Work()

    devices, nobody = owned(begin, 2), owned(lambda _log: Work(), 0)

    def judged() -> bool:
        worker_of(devices, nobody, Member(), Member()).step(0)
        return False

    with pytest.raises(LogMadeAnew, match="made anew"):
        until(judged)


def test_a_partition_that_cannot_be_restored_stops_no_other_one_and_is_tried_after_a_pause() -> None:
    clock, begun = Clock(), list[int]()

    def begin(log: PartitionLog) -> Work:
        begun.append(log.partition)
        if log.partition == 0:
            raise RawLogUnavailable("partition 0 of the state has no leader")
        return Work()

    devices, fleet = owned(begin, 4, clock), owned(lambda _log: Work(), 1)
    one = worker_of(devices, fleet, Member(), Member())
    until(lambda: one.step(0) == 4 and begun.count(0) == 1)
    for _ in range(20):
        assert one.step(0) == 4  # three partitions, and verdicts
    assert begun.count(0) == 1
    clock.now += 60
    until(lambda: one.step(0) == 4 and begun.count(0) == 2)


def test_a_partition_that_cannot_be_read_is_restored_less_and_less_often() -> None:
    clock, begun = Clock(), list[int]()

    def begin(log: PartitionLog) -> Work:
        begun.append(log.partition)
        return Work(fails=True)

    devices = owned(begin, 1, clock)
    until(lambda: devices.step() == 0 and len(begun) == 1 and 0 not in devices.work and bool(devices._again_at))
    for seconds in (1, 1, 1, 1):
        clock.now += seconds
        before = len(begun)
        for _ in range(5):
            devices.step()
        until(lambda: devices.step() == 0 and not devices._coming)
        assert len(begun) <= before + 1
    assert len(begun) < 5


def test_a_partition_that_another_worker_fenced_is_not_claimed_at_once() -> None:
    clock, begun = Clock(), list[int]()

    class Fenced(Work):
        def step(self) -> int:
            raise PartitionGone("another worker writes by this name")

    def begin(log: PartitionLog) -> Work:
        begun.append(log.partition)
        return Fenced()

    devices = owned(begin, 1, clock)
    until(lambda: devices.step() == 0 and bool(devices._again_at))
    clock.now += 4.9
    devices.step()
    assert not devices._coming
    clock.now += 0.2
    until(lambda: devices.step() == 0 and len(begun) == 2)


def test_verdicts_are_judged_and_polled_while_the_raw_log_does_not_answer() -> None:
    raw, verdicts, work = Member(fails=True), Member(), Work()
    one = worker_of(owned(lambda _log: Work(), 0), owned(lambda _log: work, 1), raw, verdicts)

    def stepped() -> bool:
        with pytest.raises(RawLogUnavailable, match="no broker"):
            one.step(0)
        return work.steps > 2

    until(stepped)
    assert verdicts.polls == raw.polls


def test_the_group_is_polled_while_partitions_are_restored_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_RESTORED_AT_ONCE", 2)
    ready, lock, begun = Event(), Lock(), list[int]()

    def begin(log: PartitionLog) -> Work:
        with lock:
            begun.append(log.partition)
        ready.wait(PATIENCE_S)
        return Work()

    raw = Member()
    devices = owned(begin, 5)
    one = worker_of(devices, owned(lambda _log: Work(), 0), raw, Member())
    until(lambda: one.step(0) == 0 and len(begun) == 2)
    assert raw.polls >= 1
    assert len(devices._coming) == 2
    ready.set()
    until(lambda: one.step(0) == 5)


def test_a_partition_that_went_before_its_turn_is_not_restored() -> None:
    begun: list[int] = []

    def begin(log: PartitionLog) -> Work:
        begun.append(log.partition)
        return Work()

    devices = owned(begin, 0)
    gone = partition(3)
    gone.is_owned = False
    devices.assigned(gone)
    until(lambda: devices.step() == 0 and bool(devices._again_at))
    assert begun == []
