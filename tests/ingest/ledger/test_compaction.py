"""Compaction of ledger deltas: readers of the ledger never see it, wherever it is cut short."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from weakref import proxy

import pytest

from ingest.ledger import compaction
from ingest.ledger.compaction import MAX_AGE_S
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.state.port import Statements
from ingest.ledger.state_file import StateUnavailable
from ingest.log.raw_log import RawLogError
from ingest.log.records import FLOOD_TOPIC
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store import LineStore
from tests.ingest.recorder.parts import NOW, T0, Bench, counts, fill, position
from tests.ingest.recorder.test_recorder_crash import CutStore, Fuse, PowerCut, RefusingStore
from tests.ingest.recorder.test_recorder_flood import flood

DEVICES = ("", "point-1", "truck-1", "truck-2", "truck-9")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def one_row_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "SLICE_ROWS", 1)


def receive_one_of_each(bench: Bench, second: int = 1) -> None:
    """One of each: new, duplicate, conflict, refused, unregistered device, no device, flood."""
    for truck, step in (("truck-1", 1), ("truck-2", 3)):
        bench.receive(*(position(second + n, device=truck, seq=(second + n) * step) for n in range(4)))
    bench.receive(position(second, lat=36.0), position(second + 1, device="truck-2"), fill(second, "glass", 5.0))
    bench.receive(position(second, device="truck-9", seq=second), position(100_000 + second))
    bench.receive_raw("haulwatch/v1/truck-1/position", b"noise", NOW + second)
    bench.receive_raw("nowhere", b"noise", NOW - second)
    flood(bench, "truck-2", 50)


def in_rows(bench: Bench) -> dict[str, int]:
    with closing(sqlite3.connect(bench.state_path)) as db:
        return dict(db.execute("SELECT device, received FROM ledger"))


def pending_deltas(bench: Bench) -> int:
    with closing(sqlite3.connect(bench.state_path)) as db:
        return int(db.execute("SELECT count(*) FROM daybook").fetchone()[0])


def fail_to_commit(consumer: str, offset: int) -> None:
    raise RawLogError(f"{consumer} at {offset}: disk full")


async def steps(recorder: Recorder, count: int) -> None:
    for _ in range(count):
        await recorder.step()


async def after_slices(bench: Bench, *, slices: int, store: LineStore | None = None) -> Recorder:
    """A recorder that has committed everything and compacted so many slices; the first slice reads the deltas."""
    recorder = bench.start(store=store)
    await bench.drain(recorder)
    bench.monotonic_s += MAX_AGE_S
    await steps(recorder, slices)
    return recorder


async def test_totals_are_left_alone_until_the_oldest_delta_is_four_minutes_old(bench: Bench) -> None:
    receive_one_of_each(bench)
    recorder = bench.start()
    before = await bench.drain(recorder)
    assert (in_rows(bench), pending_deltas(bench)) == ({}, 1)
    bench.monotonic_s += MAX_AGE_S - 1
    receive_one_of_each(bench, 10)
    before = await bench.drain(recorder)
    assert (in_rows(bench), pending_deltas(bench)) == ({}, 2)
    bench.monotonic_s += 1
    await steps(recorder, 3)
    assert pending_deltas(bench) == 0
    assert sum(in_rows(bench).values()) == before.total.received
    assert bench.ledger() == before


async def test_many_pending_readings_are_compacted_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MIN_READINGS", 6)
    bench.batch_records = 3
    bench.receive(*(position(second) for second in range(6)))
    recorder = bench.start()
    await bench.drain(recorder)
    await recorder.step()
    assert (in_rows(bench), pending_deltas(bench)) == ({"truck-1": 6}, 0)
    bench.receive(*(position(second) for second in range(6, 15)))
    await bench.drain(recorder)
    await recorder.step()
    assert (in_rows(bench), pending_deltas(bench)) == ({"truck-1": 6}, 3), "a row is worth ten readings"
    bench.receive(position(15))
    await bench.drain(recorder)
    await steps(recorder, 3)
    assert (in_rows(bench), pending_deltas(bench)) == ({"truck-1": 16}, 0)


async def test_deltas_of_floods_only_are_not_all_read_in_one_slice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MAX_READINGS", 4)
    bench.batch_records = 2
    for _ in range(10):
        flood(bench, "truck-2", 50)
    bench.log.messages = [message for message in bench.log.messages if message.topic == FLOOD_TOPIC]
    recorder = bench.start()
    before = await bench.drain(recorder)
    assert (in_rows(bench), pending_deltas(bench)) == ({}, 5)
    bench.monotonic_s += MAX_AGE_S
    await steps(recorder, 3)
    assert (in_rows(bench), pending_deltas(bench)) == ({"truck-2": 192}, 3)
    assert bench.ledger() == before


async def test_deltas_are_compacted_although_the_raw_log_cannot_be_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.batch_records = 1
    bench.receive(*(position(second) for second in range(12)))
    recorder = bench.start()
    monkeypatch.setattr(bench.log, "commit", fail_to_commit)
    for _ in range(12):
        bench.monotonic_s += MAX_AGE_S
        with pytest.raises(RawLogError):
            await recorder.step()
    assert bench.line("truck-1").received == 12
    assert pending_deltas(bench) < 6


@pytest.mark.usefixtures("one_row_a_slice")
async def test_readers_see_the_same_ledger_during_compaction(bench: Bench) -> None:
    receive_one_of_each(bench)
    recorder = await after_slices(bench, slices=0)
    before = bench.ledger()
    seen = []
    while pending_deltas(bench):
        await recorder.step()
        seen.append(sorted(in_rows(bench)))
        assert bench.ledger() == before
    assert seen == [[], *(list(DEVICES[: n + 1]) for n in range(len(DEVICES))), list(DEVICES)]
    assert before.balanced
    assert {line.device for line in before.devices} == {"(unknown)", *DEVICES[1:]}


@pytest.mark.usefixtures("one_row_a_slice")
@pytest.mark.parametrize("slices", range(len(DEVICES) + 3))
async def test_a_power_cut_between_slices_counts_nothing_twice(bench: Bench, slices: int) -> None:
    receive_one_of_each(bench)
    bench.receive(position(2, seq=20), position(9, seq=25))
    await after_slices(bench, slices=slices)
    before, received = bench.ledger(), sum(in_rows(bench).values())
    assert (received == before.total.received) == (slices > len(DEVICES))
    recorder = bench.start()
    assert sum(in_rows(bench).values()) == before.total.received, "a new recorder compacts everything before it begins"
    assert bench.ledger() == before
    receive_one_of_each(bench, 10)
    later = await bench.drain(recorder)
    bench.start()
    assert bench.ledger() == later
    assert later.total.received == 2 * before.total.received - 2


@pytest.mark.usefixtures("one_row_a_slice")
@pytest.mark.parametrize("slices", range(1, len(DEVICES) + 2))
async def test_a_batch_committed_during_a_compaction_waits_for_the_next(bench: Bench, slices: int) -> None:
    receive_one_of_each(bench)
    recorder = await after_slices(bench, slices=slices)
    receive_one_of_each(bench, 10)
    assert await recorder.step()
    await recorder.finish()
    before = bench.ledger()
    assert before.total.queued == 0
    bench.start()
    assert pending_deltas(bench) == 0
    assert bench.ledger() == before


@contextmanager
def no_room_for(bench: Bench, device: str) -> Iterator[None]:
    """The disk takes every row except one."""
    with closing(sqlite3.connect(bench.state_path)) as db:
        db.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON ledger WHEN new.device = '{device}'"
            " BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
        yield
        db.execute("DROP TRIGGER full")


@pytest.mark.usefixtures("one_row_a_slice")
@pytest.mark.parametrize("device", DEVICES)
async def test_a_compaction_that_fails_raises_and_is_started_again(bench: Bench, device: str) -> None:
    receive_one_of_each(bench)
    recorder = await after_slices(bench, slices=0)
    before = bench.ledger()
    with no_room_for(bench, device):
        for _ in range(3):
            with pytest.raises(StateUnavailable, match="disk is full"):
                await steps(recorder, len(DEVICES) + 1)
            assert bench.ledger() == before
    while pending_deltas(bench):
        await recorder.step()
    assert bench.ledger() == before
    assert in_rows(bench).keys() == set(DEVICES)


class Doubtful(RecorderState):
    """Commits, and then raises as if it could not."""

    doubtful = False

    @contextmanager
    def changing(self) -> Iterator[Statements]:
        with super().changing() as db:
            yield db
        if self.doubtful:
            raise StateUnavailable("was it written?")


@pytest.mark.usefixtures("one_row_a_slice")
async def test_rows_that_were_written_despite_an_error_are_not_written_again(bench: Bench) -> None:
    receive_one_of_each(bench)
    at = proxy(bench)  # or the bench would live as long as its file, and neither would ever be closed
    state, failures = Doubtful(bench.state_path, clock=lambda: at.monotonic_s), 0
    recorder = bench.start(state=state)
    before = await bench.drain(recorder)
    bench.monotonic_s += MAX_AGE_S
    state.doubtful = True
    while pending_deltas(bench):
        try:
            await recorder.step()
        except StateUnavailable:
            failures += 1
        assert bench.ledger() == before
    assert failures == len(DEVICES) + 1


@pytest.mark.usefixtures("one_row_a_slice")
@pytest.mark.parametrize("slices", range(6))
async def test_what_the_store_rejects_while_deltas_wait_is_taken_out_of_stored(bench: Bench, slices: int) -> None:
    bench.receive(position(1, device="truck-2"), position(1))
    store = RefusingStore(bench.store, Fuse("no cut"))
    recorder = await after_slices(bench, slices=slices, store=store)
    bench.receive(position(2), position(3, lat=66.0), position(4, lat=66.0), position(5))
    after = await bench.drain(recorder)
    expected = {"received": 6, "stored": 4, "quarantined": {"rejected_by_store": 2}}
    assert counts(after) == expected
    bench.start()
    assert (counts(bench.ledger()), pending_deltas(bench)) == (expected, 0)


async def test_a_rejection_alone_is_compacted_too(bench: Bench) -> None:
    bench.receive(position(1), position(2, lat=66.0))
    with pytest.raises(PowerCut):
        await bench.drain(bench.start(store=CutStore(bench.store, Fuse("during write"))))
    recorder = bench.start(store=RefusingStore(bench.store, Fuse("no cut")))
    assert pending_deltas(bench) == 0
    await recorder.step()
    assert pending_deltas(bench) == 1
    bench.monotonic_s += MAX_AGE_S
    await steps(recorder, 3)
    assert pending_deltas(bench) == 0
    assert counts(bench.ledger()) == {"received": 2, "stored": 1, "quarantined": {"rejected_by_store": 1}}


async def test_a_flood_waits_in_its_delta(bench: Bench) -> None:
    flood(bench, "truck-1", 1_000)
    flood(bench, "truck-9", 10)
    recorder = await after_slices(bench, slices=0)
    before, line = bench.ledger(), bench.line("truck-1")
    assert counts(before) == {"received": 1_010, "stored": 2, "quarantined": {"flood": 1_006, "unknown_device": 2}}
    assert (counts(line)["received"], line.first_seen, line.last_seen) == (1_000, NOW, NOW + 999)
    await steps(recorder, 3)
    assert in_rows(bench) == {"truck-1": 1_000, "truck-9": 10}
    assert bench.ledger() == before


@pytest.mark.parametrize("slices", range(4))
async def test_a_letter_may_be_redriven_before_its_device_has_a_row_and_after(bench: Bench, slices: int) -> None:
    bench.receive_raw("haulwatch/v1/truck-1/position", b"noise")
    recorder = await after_slices(bench, slices=slices)
    letters = DeadLetters(bench.state_path)
    letters.redrive(letters.list()[0].id, bench.log, NOW)
    expected = {"received": 1, "quarantined": {"broken_json": 1}}
    assert counts(bench.ledger()) == {"received": 1, "queued": 1}
    assert counts(await bench.drain(recorder)) == expected
    bench.start()
    assert (counts(bench.ledger()), pending_deltas(bench)) == (expected, 0)


async def test_a_lost_file_and_a_cut_before_compaction_overwrite_nothing(bench: Bench) -> None:
    bench.receive(position(100, seq=100))
    await bench.drain()
    bench.state_path.unlink()
    bench.log.messages.clear()
    bench.receive(position(50, lat=36.0))
    await bench.drain()
    assert in_rows(bench) == {}
    bench.receive(position(100, lat=37.0), position(101))
    expected = {"received": 3, "stored": 2, "quarantined": {"conflict": 1}}
    assert counts(await bench.drain(bench.start())) == expected, "the delta keeps what stood in the store"
    [first, second, _] = await bench.store.rows("position", "truck-1", T0, NOW, limit=9)
    assert (first.fields["lat"], second.fields["lat"]) == (36.0, 35.5)


async def test_a_refused_time_does_not_move_the_newest_instant(bench: Bench) -> None:
    bench.receive(position(5), position(100_000), fill(7, "glass", 5.0), position(3))
    await bench.drain()
    bench.start()
    with closing(RecorderState(bench.state_path)) as state:
        assert {series.device_id: ts for series, ts in state.newest_by_series().items()} == {
            "truck-1": T0 + 5_000,
            "point-1": T0 + 7_000,
        }


async def test_a_backlog_of_any_size_is_compacted_as_fast_as_it_comes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SLICE_ROWS": 4, "_SLICE_READINGS": 40, "MIN_READINGS": 40, "MAX_READINGS": 100}.items():
        monkeypatch.setattr(compaction, name, value)
    bench.batch_records = 10
    bench.receive(*(position(1, device=f"truck-{n}") for n in range(900)))
    recorder, most = bench.start(), 0
    while await recorder.step():
        most = max(most, pending_deltas(bench))
    assert most <= 20, "those of one round and those that come meanwhile"
    assert counts(bench.ledger())["received"] == 900
    bench.start()
    assert sum(in_rows(bench).values()) == 900
