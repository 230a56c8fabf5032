"""The store is away: the recorder waits, reports why, and goes on."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest

from devices.readings.series import FieldValue, SeriesKey
from ingest.process.backoff import Backoff
from ingest.recorder.run import run_recorder
from ingest.recorder.state import BatchCommit, OutboxBatch, RecorderState
from ingest.store import Instant, StoreMisconfigured, StoreUnavailable
from ingest.store.sqlite import SqliteStore
from tests.ingest.recorder.parts import NOW, Bench, counts, position
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
