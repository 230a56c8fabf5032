"""A worker of the group of recorders, with partitions that a scripted Kafka gives and takes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devices.codecs.native import encode
from ingest.ledger.report import read_ledger
from ingest.ledger.state.port import OwnTables, StateFenced, StateUncertain
from ingest.ledger.state_file import StateFile
from ingest.log.errors import RawLogMisfit, RawLogUnavailable
from ingest.log.ports import Log
from ingest.log.records import LogRecord, RawMessage, place_in
from ingest.recorder import workers
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.recorder.workers import RecorderWorker
from ingest.store.sqlite import SqliteStore
from tests.ingest.recorder.parts import CITY, NOW, MemoryLog, position, topic_of
from tests.waiting import eventually


@dataclass
class Partition(MemoryLog):
    """A partition that was given to the worker; its records are fetched one poll after they were asked for."""

    is_owned: bool = True
    misfit: bool = False
    fetched: int = 0

    def read(self, after: int, limit: int) -> list[LogRecord]:
        if not self.is_owned:
            raise RawLogUnavailable("it is another member's")
        found = super().read(after, limit)[: max(self.fetched - after, 0)]
        return [LogRecord(one.offset, one.message, place_in(self.partition, one.offset)) for one in found]

    def is_at_end(self, offset: int) -> bool:
        return offset >= len(self.messages)

    def resume(self, positions: Mapping[int, int]) -> int:
        if self.misfit:
            raise RawLogMisfit("the topic was made anew")
        return positions.get(self.partition, 0)


@dataclass
class ScriptedKafka:
    """Gives the partitions it has at the first poll, and takes them back when the worker leaves."""

    partitions: list[Partition]
    worker: RecorderWorker | None = None
    committed: dict[int, int] = field(default_factory=dict)
    away: int = 0
    """So many polls are not answered."""
    given: bool = False

    def poll(self, wait_s: float) -> bool:
        assert self.worker is not None
        if self.away:
            self.away -= 1
            raise RawLogUnavailable("no broker")
        if not self.given:
            self.given = True
            for partition in self.partitions:
                self.worker.assigned(partition)
        for partition in self.partitions:
            partition.fetched = len(partition.messages)
        return False

    def commit(self, positions: Mapping[int, int]) -> None:
        self.committed |= positions

    def close(self) -> None:
        self.given = False

    def lose(self, partition: Partition) -> None:
        assert self.worker is not None
        partition.is_owned = False
        self.partitions.remove(partition)
        self.worker.lost(partition)


class FencedOnce(StateFile):
    """Another recorder took the partition over, and Kafka gave it back."""

    fenced = False
    unanswered = False
    """Whether the next transaction is kept and its end not answered."""

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        if self.fenced:
            raise StateFenced("another recorder has taken it over")
        with super().changing() as db:
            yield db
        if self.unanswered:
            self.unanswered = False
            raise StateUncertain("the server closed the connection")


class Yard:
    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, SqliteStore(folder / "points.db")
        self.claims: list[FencedOnce] = []

    def partition(self, number: int, seconds: range) -> Partition:
        log = Partition(partition=number)
        sent = [position(second, device=f"truck-{number}") for second in seconds]
        log.append([RawMessage(topic_of(one), encode(one), NOW + n) for n, one in enumerate(sent)])
        return log

    def path(self, partition: int) -> Path:
        return self.folder / f"{partition}.db"

    def claim(self, partition: int) -> OwnTables:
        self.claims.append(FencedOnce(self.path(partition)))
        self.claims[-1].partition = partition
        return self.claims[-1]

    def recorder_of(self, log: Log, own: OwnTables) -> Recorder:
        return Recorder(log, self.store, RecorderState(own), lambda: CITY, batch_records=2)

    @contextmanager
    def running(self, kafka: ScriptedKafka) -> Iterator[tuple["asyncio.Task[None]", asyncio.Event]]:
        stop = asyncio.Event()
        kafka.worker = RecorderWorker(self.claim, self.recorder_of, lambda place: None, lambda: NOW, 4)
        yield asyncio.create_task(kafka.worker.run(kafka, stop)), stop

    def stored(self, log: Partition) -> Callable[[], bool]:
        def all_of_it() -> bool:
            return read_ledger(self.path(log.partition), log).total.stored == len(log.messages)

        return all_of_it


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    yard = Yard(tmp_path)
    yield yard
    for one in yard.claims:
        one.close()
    await yard.store.close()


async def test_each_partition_has_a_recorder_and_progress_is_committed_at_the_end(yard: Yard) -> None:
    kafka = ScriptedKafka([yard.partition(1, range(5)), yard.partition(2, range(3))], away=1)
    first, second = kafka.partitions
    with yard.running(kafka) as (task, stop):
        await eventually(yard.stored(first))
        await eventually(yard.stored(second))
        assert kafka.worker is not None
        assert kafka.worker.owned == {1, 2}
        stop.set()
        await task
    assert kafka.committed == {1: 5, 2: 3}
    assert len(yard.claims) == 2


async def test_a_lost_partition_ends_alone_and_another_worker_goes_on_with_it(yard: Yard) -> None:
    kafka = ScriptedKafka([yard.partition(1, range(5)), yard.partition(2, range(3))])
    first, second = kafka.partitions
    with yard.running(kafka) as (task, stop):
        await eventually(yard.stored(first))
        kafka.lose(first)
        first.append([RawMessage(topic_of(one), encode(one), NOW) for one in [position(9, device="truck-1")]])
        second.append([RawMessage(topic_of(one), encode(one), NOW) for one in [position(9, device="truck-2")]])
        await eventually(yard.stored(second))
        assert kafka.worker is not None
        assert kafka.worker.owned == {2}
        stop.set()
        await task
    first.is_owned = True
    assert not yard.stored(first)()
    other = ScriptedKafka([first])
    with yard.running(other) as (task, stop):
        await eventually(yard.stored(first))
        stop.set()
        await task
    assert read_ledger(yard.path(1), first).total.stored == 6


async def test_a_fenced_recorder_claims_again_what_kafka_leaves_to_it(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_CLAIM_AGAIN_S", 0.01)
    kafka = ScriptedKafka([yard.partition(1, range(4))])
    [log] = kafka.partitions
    with yard.running(kafka) as (task, stop):
        await eventually(yard.stored(log))
        yard.claims[0].fenced = True
        log.append([RawMessage(topic_of(one), encode(one), NOW) for one in [position(9, device="truck-1")]])
        await eventually(yard.stored(log))
        stop.set()
        await task
    assert len(yard.claims) == 2
    assert read_ledger(yard.path(1), log).total.duplicate == 0


async def test_a_partition_is_taken_over_anew_after_a_commit_without_an_answer(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_FIRST_RETRY_S", 0.01)
    kafka = ScriptedKafka([yard.partition(1, range(4))])
    [log] = kafka.partitions
    with yard.running(kafka) as (task, stop):
        await eventually(yard.stored(log))
        yard.claims[0].unanswered = True
        log.append([RawMessage(topic_of(one), encode(one), NOW) for one in [position(9, device="truck-1")]])
        await eventually(yard.stored(log))
        stop.set()
        await task
    assert len(yard.claims) == 2
    assert read_ledger(yard.path(1), log).total.received == 5


async def test_what_only_a_person_can_mend_ends_the_worker(yard: Yard) -> None:
    kafka = ScriptedKafka([yard.partition(1, range(2)), yard.partition(2, range(2))])
    kafka.partitions[0].misfit = True
    with yard.running(kafka) as (task, _), pytest.raises(RawLogMisfit, match="made anew"):
        await task
