"""Pages of the daybook are posted to the ledger: nobody who reads it sees when, whatever is cut short."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ingest.ledger import compaction as posting
from ingest.ledger.compaction import MOST_AGE_S
from ingest.ledger.dead_letters import DeadLetters
from ingest.log.raw_log import RawLogError
from ingest.log.records import FLOOD_TOPIC
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState, StateUnavailable
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
    monkeypatch.setattr(posting, "SLICE_ROWS", 1)


def hear_of_all(bench: Bench, second: int = 1) -> None:
    """Something of each kind: new, again, a contradiction, refused, of a stranger, of nobody, a flood."""
    for truck, step in (("truck-1", 1), ("truck-2", 3)):
        bench.hear(*(position(second + n, device=truck, seq=(second + n) * step) for n in range(4)))
    bench.hear(position(second, lat=36.0), position(second + 1, device="truck-2"), fill(second, "glass", 5.0))
    bench.hear(position(second, device="truck-9", seq=second), position(100_000 + second))
    bench.hear_raw("haulwatch/v1/truck-1/position", b"noise", NOW + second)
    bench.hear_raw("nowhere", b"noise", NOW - second)
    flood(bench, "truck-2", 50)


def in_rows(bench: Bench) -> dict[str, int]:
    with closing(sqlite3.connect(bench.state_path)) as db:
        return dict(db.execute("SELECT device, received FROM ledger"))


def waiting_pages(bench: Bench) -> int:
    with closing(sqlite3.connect(bench.state_path)) as db:
        return int(db.execute("SELECT count(*) FROM daybook").fetchone()[0])


def no_notes(consumer: str, offset: int) -> None:
    raise RawLogError(f"{consumer} at {offset}: disk full")


async def steps(recorder: Recorder, count: int) -> None:
    for _ in range(count):
        await recorder.step()


async def begun(bench: Bench, *, slices: int, store: LineStore | None = None) -> Recorder:
    """A recorder that has settled all there was and posted so many slices of it; the first of them reads the pages."""
    recorder = bench.start(store=store)
    await bench.drain(recorder)
    bench.monotonic_s += MOST_AGE_S
    await steps(recorder, slices)
    return recorder


async def test_rows_are_left_alone_until_the_oldest_page_is_a_minute_old(bench: Bench) -> None:
    hear_of_all(bench)
    recorder = bench.start()
    before = await bench.drain(recorder)
    assert (in_rows(bench), waiting_pages(bench)) == ({}, 1)
    bench.monotonic_s += MOST_AGE_S - 1
    hear_of_all(bench, 10)
    before = await bench.drain(recorder)
    assert (in_rows(bench), waiting_pages(bench)) == ({}, 2)
    bench.monotonic_s += 1
    await steps(recorder, 3)
    assert waiting_pages(bench) == 0
    assert sum(in_rows(bench).values()) == before.total.received
    assert bench.ledger() == before


async def test_when_many_readings_wait_they_are_posted_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "LEAST_READINGS", 6)
    bench.batch_records = 3
    bench.hear(*(position(second) for second in range(6)))
    recorder = bench.start()
    await bench.drain(recorder)
    await recorder.step()
    assert (in_rows(bench), waiting_pages(bench)) == ({"truck-1": 6}, 0)
    bench.hear(*(position(second) for second in range(6, 15)))
    await bench.drain(recorder)
    await recorder.step()
    assert (in_rows(bench), waiting_pages(bench)) == ({"truck-1": 6}, 3), "a row is worth ten readings"
    bench.hear(position(15))
    await bench.drain(recorder)
    await steps(recorder, 3)
    assert (in_rows(bench), waiting_pages(bench)) == ({"truck-1": 16}, 0)


async def test_pages_of_nothing_but_floods_are_not_all_read_in_one_slice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "MOST_READINGS", 4)
    bench.batch_records = 2
    for _ in range(10):
        flood(bench, "truck-2", 50)
    bench.log.messages = [message for message in bench.log.messages if message.topic == FLOOD_TOPIC]
    recorder = bench.start()
    before = await bench.drain(recorder)
    assert (in_rows(bench), waiting_pages(bench)) == ({}, 5)
    bench.monotonic_s += MOST_AGE_S
    await steps(recorder, 3)
    assert (in_rows(bench), waiting_pages(bench)) == ({"truck-2": 192}, 3)
    assert bench.ledger() == before


async def test_pages_are_posted_though_the_raw_log_takes_no_notes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.batch_records = 1
    bench.hear(*(position(second) for second in range(12)))
    recorder = bench.start()
    monkeypatch.setattr(bench.log, "commit", no_notes)
    for _ in range(12):
        bench.monotonic_s += MOST_AGE_S
        with pytest.raises(RawLogError):
            await recorder.step()
    assert bench.line("truck-1").received == 12
    assert waiting_pages(bench) < 6


@pytest.mark.usefixtures("one_row_a_slice")
async def test_who_reads_the_ledger_in_the_middle_sees_what_was_before_and_after(bench: Bench) -> None:
    hear_of_all(bench)
    recorder = await begun(bench, slices=0)
    before = bench.ledger()
    seen = []
    while waiting_pages(bench):
        await recorder.step()
        seen.append(sorted(in_rows(bench)))
        assert bench.ledger() == before
    assert seen == [[], *(list(DEVICES[: n + 1]) for n in range(len(DEVICES))), list(DEVICES)]
    assert before.balanced
    assert {line.device for line in before.devices} == {"(unknown)", *DEVICES[1:]}


@pytest.mark.usefixtures("one_row_a_slice")
@pytest.mark.parametrize("slices", range(len(DEVICES) + 3))
async def test_a_power_cut_between_slices_counts_nothing_twice(bench: Bench, slices: int) -> None:
    hear_of_all(bench)
    bench.hear(position(2, seq=20), position(9, seq=25))
    await begun(bench, slices=slices)
    before, received = bench.ledger(), sum(in_rows(bench).values())
    assert (received == before.total.received) == (slices > len(DEVICES))
    recorder = bench.start()
    assert sum(in_rows(bench).values()) == before.total.received, "a new recorder posts all before it begins"
    assert bench.ledger() == before
    hear_of_all(bench, 10)
    later = await bench.drain(recorder)
    bench.start()
    assert bench.ledger() == later
    assert later.total.received == 2 * before.total.received - 2


@pytest.mark.usefixtures("one_row_a_slice")
@pytest.mark.parametrize("slices", range(1, len(DEVICES) + 2))
async def test_what_is_settled_during_a_posting_waits_for_the_next(bench: Bench, slices: int) -> None:
    hear_of_all(bench)
    recorder = await begun(bench, slices=slices)
    hear_of_all(bench, 10)
    assert await recorder.step()
    await recorder.finish()
    before = bench.ledger()
    assert before.total.queued == 0
    bench.start()
    assert waiting_pages(bench) == 0
    assert bench.ledger() == before


@contextmanager
def no_room_for(bench: Bench, device: str) -> Iterator[None]:
    """The disk takes every row but one."""
    with closing(sqlite3.connect(bench.state_path)) as db:
        db.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON ledger WHEN new.device = '{device}'"
            " BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
        yield
        db.execute("DROP TRIGGER full")


@pytest.mark.usefixtures("one_row_a_slice")
@pytest.mark.parametrize("device", DEVICES)
async def test_a_posting_that_fails_says_so_and_is_taken_up_again(bench: Bench, device: str) -> None:
    hear_of_all(bench)
    recorder = await begun(bench, slices=0)
    before = bench.ledger()
    with no_room_for(bench, device):
        for _ in range(3):
            with pytest.raises(StateUnavailable, match="disk is full"):
                await steps(recorder, len(DEVICES) + 1)
            assert bench.ledger() == before
    while waiting_pages(bench):
        await recorder.step()
    assert bench.ledger() == before
    assert in_rows(bench).keys() == set(DEVICES)


class Doubtful(RecorderState):
    """Writes what it is given and says that it could not."""

    doubtful = False

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        with super().changing() as db:
            yield db
        if self.doubtful:
            raise StateUnavailable("was it written?")


@pytest.mark.usefixtures("one_row_a_slice")
async def test_rows_that_were_written_after_all_are_not_written_again(bench: Bench) -> None:
    hear_of_all(bench)
    state, failures = Doubtful(bench.state_path), 0
    recorder = bench.start(state=state)
    before = await bench.drain(recorder)
    bench.monotonic_s += MOST_AGE_S
    state.doubtful = True
    while waiting_pages(bench):
        try:
            await recorder.step()
        except StateUnavailable:
            failures += 1
        assert bench.ledger() == before
    assert failures == len(DEVICES) + 1


@pytest.mark.usefixtures("one_row_a_slice")
@pytest.mark.parametrize("slices", range(6))
async def test_what_the_store_refuses_while_pages_wait_is_taken_out_of_stored(bench: Bench, slices: int) -> None:
    bench.hear(position(1, device="truck-2"), position(1))
    store = RefusingStore(bench.store, Fuse("no cut"))
    recorder = await begun(bench, slices=slices, store=store)
    bench.hear(position(2), position(3, lat=66.0), position(4, lat=66.0), position(5))
    after = await bench.drain(recorder)
    expected = {"received": 6, "stored": 4, "quarantined": {"rejected_by_store": 2}}
    assert counts(after) == expected
    bench.start()
    assert (counts(bench.ledger()), waiting_pages(bench)) == (expected, 0)


async def test_a_refusal_alone_is_posted_after_a_minute_too(bench: Bench) -> None:
    bench.hear(position(1), position(2, lat=66.0))
    with pytest.raises(PowerCut):
        await bench.drain(bench.start(store=CutStore(bench.store, Fuse("during write"))))
    recorder = bench.start(store=RefusingStore(bench.store, Fuse("no cut")))
    assert waiting_pages(bench) == 0
    await recorder.step()
    assert waiting_pages(bench) == 1
    bench.monotonic_s += MOST_AGE_S
    await steps(recorder, 3)
    assert waiting_pages(bench) == 0
    assert counts(bench.ledger()) == {"received": 2, "stored": 1, "quarantined": {"rejected_by_store": 1}}


async def test_a_flood_waits_on_its_page_as_it_is(bench: Bench) -> None:
    flood(bench, "truck-1", 1_000)
    flood(bench, "truck-9", 10)
    recorder = await begun(bench, slices=0)
    before, line = bench.ledger(), bench.line("truck-1")
    assert counts(before) == {"received": 1_010, "stored": 2, "quarantined": {"flood": 1_006, "unknown_device": 2}}
    assert (counts(line)["received"], line.first_seen, line.last_seen) == (1_000, NOW, NOW + 999)
    await steps(recorder, 3)
    assert in_rows(bench) == {"truck-1": 1_000, "truck-9": 10}
    assert bench.ledger() == before


@pytest.mark.parametrize("slices", range(4))
async def test_a_letter_may_be_driven_again_before_its_device_has_a_row_and_after(bench: Bench, slices: int) -> None:
    bench.hear_raw("haulwatch/v1/truck-1/position", b"noise")
    recorder = await begun(bench, slices=slices)
    letters = DeadLetters(bench.state_path)
    letters.redrive(letters.list()[0].id, bench.log, NOW)
    expected = {"received": 1, "quarantined": {"broken_json": 1}}
    assert counts(bench.ledger()) == {"received": 1, "queued": 1}
    assert counts(await bench.drain(recorder)) == expected
    bench.start()
    assert (counts(bench.ledger()), waiting_pages(bench)) == (expected, 0)


async def test_a_lost_file_and_a_cut_before_anything_is_posted_overwrite_nothing(bench: Bench) -> None:
    bench.hear(position(100, seq=100))
    await bench.drain()
    bench.state_path.unlink()
    bench.log.messages.clear()
    bench.hear(position(50, lat=36.0))
    await bench.drain()
    assert in_rows(bench) == {}
    bench.hear(position(100, lat=37.0), position(101))
    expected = {"received": 3, "stored": 2, "quarantined": {"conflict": 1}}
    assert counts(await bench.drain(bench.start())) == expected, "what stood in the store is known from the page"
    [first, second, _] = await bench.store.rows("position", "truck-1", T0, NOW, limit=9)
    assert (first.fields["lat"], second.fields["lat"]) == (36.0, 35.5)


async def test_a_refused_time_moves_no_mark(bench: Bench) -> None:
    bench.hear(position(5), position(100_000), fill(7, "glass", 5.0), position(3))
    await bench.drain()
    bench.start()
    with closing(RecorderState(bench.state_path)) as state:
        assert {series.device_id: ts for series, ts in state.marks().items()} == {
            "truck-1": T0 + 5_000,
            "point-1": T0 + 7_000,
        }


async def test_a_backlog_of_any_size_is_posted_as_fast_as_it_comes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SLICE_ROWS": 4, "_SLICE_READINGS": 40, "LEAST_READINGS": 40, "MOST_READINGS": 100}.items():
        monkeypatch.setattr(posting, name, value)
    bench.batch_records = 10
    bench.hear(*(position(1, device=f"truck-{n}") for n in range(900)))
    recorder, most = bench.start(), 0
    while await recorder.step():
        most = max(most, waiting_pages(bench))
    assert most <= 20, "those of one round and those that come meanwhile"
    assert counts(bench.ledger())["received"] == 900
    bench.start()
    assert sum(in_rows(bench).values()) == 900
