"""The store is away: the recorder waits, reports why, and goes on."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest

from devices.readings.series import FieldValue, SeriesKey
from ingest.ledger.dead_letters import DeadLetters
from ingest.process.backoff import Backoff
from ingest.recorder.run import run_recorder
from ingest.recorder.state import BatchCommit, OutboxBatch, RecorderState
from ingest.store import Instant, StoreFailing, StoreMisconfigured, StoreUnavailable
from ingest.store.sqlite import SqliteStore
from tests.ingest.recorder.parts import NOW, T0, Bench, counts, position
from tests.waiting import eventually


class MovingStore:
    """Raises the errors of a script, one an attempt, then writes; records the trouble that other processes see."""

    def __init__(self, bench: Bench, script: list[StoreUnavailable], done: asyncio.Event) -> None:
        self._bench, self._script, self._done = bench, script, done
        self._inner: SqliteStore = bench.store
        self.seen: list[str | None] = []

    async def write_lines(self, lines: Sequence[str]) -> None:
        self._look()
        await self._inner.write_lines(lines)
        self._done.set()

    async def stored_fields(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]:
        return await self._inner.stored_fields(instants)

    async def newest(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, int]:
        self._look()
        return await self._inner.newest(series)

    def _look(self) -> None:
        self.seen.append(self._bench.status().trouble)
        if self._script:
            raise self._script.pop(0)


async def test_it_waits_reports_why_and_goes_on(tmp_path: Path) -> None:
    bench, stop = Bench(tmp_path), asyncio.Event()
    bench.receive(position(1), position(2))
    script = [StoreUnavailable("no route"), StoreMisconfigured("bad token"), StoreUnavailable("busy", 0.0)]
    store = MovingStore(bench, script, stop)
    await run_recorder(bench.start(store=store), stop, clock=lambda: NOW, backoff=Backoff(first_s=0.0, cap_s=0.0))
    assert store.seen == [None, "no route", "bad token", "busy", None]
    assert counts(bench.ledger()) == {"received": 2, "stored": 2}
    status = bench.status()
    assert (status.backlog, status.pending, status.trouble, status.trouble_since) == (0, 0, None, None)


async def test_a_waiting_recorder_shows_its_backlog_and_since_when(tmp_path: Path) -> None:
    bench, stop = Bench(tmp_path, batch_records=1), asyncio.Event()
    bench.receive(position(1))
    await bench.drain()
    bench.receive(position(2), position(3), position(4))
    store = MovingStore(bench, [StoreUnavailable("away")], stop)
    recorder = bench.start(store=store)
    assert await recorder.step() == 1
    with pytest.raises(StoreUnavailable):
        await recorder.step()
    recorder.report_trouble("away", NOW)
    status = bench.status()
    assert (status.offset, status.backlog, status.pending) == (3, 1, 2)
    assert (status.trouble, status.trouble_since) == ("away", NOW)
    assert counts(bench.ledger()) == {"received": 4, "stored": 1, "queued": 3}


async def test_it_stops_while_it_waits(tmp_path: Path) -> None:
    bench, stop = Bench(tmp_path), asyncio.Event()
    bench.receive(position(1))
    store = MovingStore(bench, [StoreUnavailable("away", 299.0)], asyncio.Event())
    running = asyncio.create_task(run_recorder(bench.start(store=store), stop, clock=lambda: NOW), name="recorder")
    await eventually(lambda: bench.status().trouble is not None)
    stop.set()
    await running
    assert counts(bench.ledger()) == {"received": 1, "queued": 1}


async def test_what_is_committed_is_written_before_it_stops(tmp_path: Path) -> None:
    bench, stop = Bench(tmp_path), asyncio.Event()
    bench.receive(position(1))

    class StopWhenCommitted(RecorderState):
        def commit(self, commit: BatchCommit) -> OutboxBatch | None:
            stop.set()
            return super().commit(commit)

    recorder = bench.start(state=StopWhenCommitted(bench.state_path))
    await run_recorder(recorder, stop, clock=lambda: NOW)
    assert counts(bench.ledger()) == {"received": 1, "stored": 1}
    assert bench.log.committed == {"recorder": 1}


class FailingAtOne(SqliteStore):
    """Answers 500 to every call that holds the reading at this second."""

    def __init__(self, path: Path, second: int) -> None:
        super().__init__(path)
        self._mark = str(T0 + second * 1000)
        self.calls = 0

    async def write_lines(self, lines: Sequence[str]) -> None:
        self.calls += 1
        if any(line.endswith(self._mark) for line in lines):
            raise StoreFailing("HTTP 500: panic: runtime error")
        await super().write_lines(lines)


async def test_a_reading_at_which_the_store_fails_for_ever_blocks_nobody(tmp_path: Path) -> None:
    bench, stop = Bench(tmp_path), asyncio.Event()
    bench.receive(*(position(second) for second in range(40)))
    store = FailingAtOne(tmp_path / "points.db", 17)

    async def run() -> None:
        await run_recorder(bench.start(store=store), stop, clock=lambda: NOW, backoff=Backoff(first_s=0.0, cap_s=0.0))

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run(), name="recorder")
        await eventually(lambda: bench.ledger().total.quarantined)
        bench.receive(position(99))
        await eventually(lambda: bench.ledger().total.stored == 40)
        stop.set()
        await running
    assert counts(bench.ledger()) == {"received": 41, "stored": 40, "quarantined": {"rejected_by_store": 1}}
    [letter] = DeadLetters(bench.state_path).list()
    assert "the store fails at this reading" in letter.detail
    assert "500" in letter.detail
    await store.close()
