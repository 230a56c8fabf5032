"""One batch is written while the next is committed: cut between any two steps, at most two wait, nothing is lost."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ledger.dead_letters import DeadLetters
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import BatchCommit, OutboxBatch, RecorderState
from ingest.store import StoreRejected, StoreUnavailable
from ingest.store.sqlite import SqliteStore
from tests.ingest.recorder.parts import NOW, T0, Bench, counts, position
from tests.ingest.recorder.test_recorder_crash import CutState, CutStore, Fuse, PowerCut, RefusingStore, first_wins


class SlowStore(CutStore):
    """A write is half done while the next batch is committed, and done after that."""

    def __init__(self, inner: SqliteStore, fuse: Fuse, committed: "CountedState", batches: int) -> None:
        super().__init__(inner, fuse)
        self._committed, self._batches, self._writes = committed, batches, 0
        self._left_over = len(committed.outbox())

    async def write_lines(self, lines: Sequence[str]) -> None:
        self._fuse.passes("before write")
        await self._inner.write_lines(lines[: len(lines) // 2])
        if self._left_over:  # of the process before: written before anything is committed
            self._left_over -= 1
            return await super().write_lines(lines)
        self._writes += 1
        while self._committed.count < min(self._writes + 1, self._batches):  # noqa: ASYNC110 - another coroutine counts
            await asyncio.sleep(0)
        return await super().write_lines(lines)


class CountedState(CutState):
    count = 0

    def commit(self, commit: BatchCommit) -> OutboxBatch | None:
        try:
            return super().commit(commit)
        finally:
            self.count += 1


async def run_through(bench: Bench, fuse: Fuse, batches: int) -> bool:
    """Drain with writes that last as long as they may, through at most one power cut; whether there was one."""
    state = CountedState(bench.state_path, fuse)
    try:
        await bench.drain(bench.start(store=SlowStore(bench.store, fuse, state, batches), state=state))
    except PowerCut:
        assert bench.ledger().balanced, "the ledger balances at the moment of the cut too"
        return True
    finally:
        state.close()
    return False


POINTS = (
    "before commit",
    "after commit, before write",
    "before write",
    "during write",
    "after write, before confirm",
    "after confirm",
)


@pytest.mark.parametrize("passings", [1, 2, 3])
@pytest.mark.parametrize("point", POINTS)
async def test_a_power_cut_in_the_overlap_changes_nothing(tmp_path: Path, point: str, passings: int) -> None:
    bench = Bench(tmp_path, batch_records=3)
    bench.receive(position(1), position(2), position(3, lat=36.0))
    bench.receive(position(3), position(2), position(4), position(1, lat=37.0), position(5), position(4))
    assert await run_through(bench, Fuse(point, passings), batches=3)
    await bench.drain()
    expected = {"received": 9, "stored": 5, "duplicate": 2, "quarantined": {"conflict": 2}}
    assert counts(bench.ledger()) == expected
    rows = await bench.store.rows("position", "truck-1", T0, NOW, limit=99)
    assert [((row.ts - T0) // 1000, row.fields["lat"]) for row in rows] == [
        (1, 35.5),
        (2, 35.5),
        (3, 36.0),
        (4, 35.5),
        (5, 35.5),
    ]


async def test_two_batches_wait_in_the_file_when_the_power_goes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, batch_records=2)
    bench.receive(*(position(second) for second in range(6)))
    assert await run_through(bench, Fuse("during write"), batches=3)
    status = bench.status()
    assert (status.offset, status.pending, status.backlog) == (4, 4, 2)
    assert bench.log.committed["recorder"] == 0, "the log keeps what the store may yet refuse"
    assert counts(bench.ledger()) == {"received": 6, "queued": 6}


@settings(max_examples=40)
@given(
    received=st.lists(st.tuples(st.integers(0, 6), st.integers(30, 32)), max_size=24),
    batch_records=st.integers(1, 6),
    cuts=st.lists(st.tuples(st.sampled_from(POINTS), st.integers(1, 4)), max_size=4),
)
async def test_any_feed_any_batches_any_cuts_in_the_overlap_agree_with_the_model(
    received: list[tuple[int, int]], batch_records: int, cuts: list[tuple[str, int]]
) -> None:
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), batch_records=batch_records)
        bench.receive(*(position(second, lat=float(lat)) for second, lat in received))
        for point, passings in cuts:
            batches = -(-bench.status().backlog // batch_records)
            await run_through(bench, Fuse(point, passings), batches)
        await bench.drain()
        stands, expected = first_wins(received)
        assert counts(bench.ledger()) == expected
        rows = await bench.store.rows("position", "truck-1", T0, NOW, limit=99)
        assert {(row.ts - T0) // 1000: row.fields["lat"] for row in rows} == stands
        await bench.store.close()


class AwayStore(CutStore):
    """Fails, but not before the next batch is committed."""

    async def write_lines(self, lines: Sequence[str]) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        raise StoreUnavailable("away")


async def test_while_the_store_is_away_no_more_than_two_batches_are_committed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, batch_records=1)
    bench.receive(position(1))
    await bench.drain()
    bench.receive(*(position(second) for second in range(2, 9)))
    recorder = bench.start(store=AwayStore(bench.store, Fuse("never")))
    assert await recorder.step() == 1
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            await recorder.step()
        assert (bench.status().offset, bench.status().pending) == (3, 2)
    assert bench.log.committed == {"recorder": 1}
    assert counts(await bench.drain()) == {"received": 8, "stored": 8}


class ChangingStore(RefusingStore):
    """Accepts the latitude once `takes_all` is set."""

    takes_all = False

    async def write_lines(self, lines: Sequence[str]) -> None:
        await (CutStore.write_lines(self, lines) if self.takes_all else super().write_lines(lines))


async def test_poison_that_came_again_during_its_write_is_stored_when_it_is_redriven(tmp_path: Path) -> None:
    bench = Bench(tmp_path, batch_records=2)
    bench.receive(position(1), position(2, lat=66.0), position(2, lat=66.0), position(3))
    store = ChangingStore(bench.store, Fuse("never"))
    recorder = bench.start(store=store)
    expected = {"received": 4, "stored": 2, "duplicate": 1, "quarantined": {"rejected_by_store": 1}}
    assert counts(await bench.drain(recorder)) == expected
    store.takes_all = True
    letters = DeadLetters(bench.state_path)
    letters.redrive(letters.list()[0].id, bench.log, NOW)
    assert counts(await bench.drain(recorder)) == {"received": 4, "stored": 3, "duplicate": 1}


class RefusingLate(RefusingStore):
    """Rejects after the next batch is committed."""

    async def write_lines(self, lines: Sequence[str]) -> None:
        try:
            await super().write_lines(lines)
        except StoreRejected:
            for _ in range(20):
                await asyncio.sleep(0)
            raise


@pytest.mark.parametrize("point", ["after write, before confirm", "after confirm", "after commit, before write"])
async def test_poison_in_the_overlap_is_quarantined_once(tmp_path: Path, point: str) -> None:
    bench = Bench(tmp_path, batch_records=2)
    bench.receive(position(1), position(2, lat=66.0), position(3), position(4, lat=66.0), position(5))
    fuse = Fuse(point, passings=2)
    state: RecorderState = CutState(bench.state_path, fuse)
    recorder: Recorder = bench.start(store=RefusingLate(bench.store, fuse), state=state)
    with pytest.raises(PowerCut):
        await bench.drain(recorder)
    assert bench.ledger().balanced
    await bench.drain(bench.start(store=RefusingLate(bench.store, Fuse("never"))))
    assert counts(bench.ledger()) == {"received": 5, "stored": 3, "quarantined": {"rejected_by_store": 2}}
    assert len(DeadLetters(bench.state_path).list()) == 2
