"""Power cuts, scripted: at every point between the lines of the path, and at random ones, against a simple model."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.city.model import Device, DeviceRole
from devices.readings.models import Weighing
from devices.readings.series import FieldValue, SeriesKey
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.refused import RefusedReading
from ingest.log.raw_log import RawLogCorrupt
from ingest.log.records import LogRecord
from ingest.recorder.state import BatchCommit, OutboxBatch, RecorderState, WriteTimes
from ingest.store import Instant, StoreRejected
from ingest.store.sqlite import SqliteStore
from tests.ingest.recorder.parts import CITY, NOW, T0, Bench, MemoryLog, counts, position


class PowerCut(Exception):
    pass


@dataclass
class Fuse:
    """Blows at the n-th passing of its point; from then on nothing passes anywhere."""

    point: str
    passings: int = 1

    def passes(self, point: str) -> None:
        if point == self.point:
            self.passings -= 1
        if self.passings <= 0:
            raise PowerCut(point)


class CutState(RecorderState):
    """A recorder's file on a machine that loses power."""

    def __init__(self, path: Path, fuse: Fuse) -> None:
        super().__init__(path)
        self._fuse = fuse

    def commit(self, commit: BatchCommit) -> OutboxBatch | None:
        self._fuse.passes("before commit")
        outgoing = super().commit(commit)
        self._fuse.passes("after commit, before write")
        return outgoing

    def confirm(self, batch: int, rejected: Sequence[RefusedReading], times: WriteTimes) -> None:
        self._fuse.passes("after write, before confirm")
        super().confirm(batch, rejected, times)
        self._fuse.passes("after confirm")


class CutStore:
    """A store whose writes are cut off half way."""

    def __init__(self, inner: SqliteStore, fuse: Fuse) -> None:
        self._inner, self._fuse = inner, fuse

    async def write_lines(self, lines: Sequence[str]) -> None:
        await self._inner.write_lines(lines[: len(lines) // 2])
        self._fuse.passes("during write")
        await self._inner.write_lines(lines)

    async def stored_fields(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]:
        return await self._inner.stored_fields(instants)

    async def newest(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, int]:
        return await self._inner.newest(series)


async def run_through(bench: Bench, fuse: Fuse) -> bool:
    """Drain, through at most one power cut; whether there was one."""
    state = CutState(bench.state_path, fuse)
    try:
        await bench.drain(bench.start(store=CutStore(bench.store, fuse), state=state))
    except PowerCut:
        state.close()
        assert bench.ledger().balanced, "the ledger balances at the moment of the cut too"
        await bench.drain(bench.start())
        return True
    return False


POINTS = ("before commit", "after commit, before write", "during write", "after write, before confirm", "after confirm")


@pytest.mark.parametrize("passings", [1, 2])
@pytest.mark.parametrize("point", POINTS)
async def test_a_power_cut_changes_neither_ledger_nor_store(tmp_path: Path, point: str, passings: int) -> None:
    bench = Bench(tmp_path, batch_records=4)
    bench.receive(position(1), position(2), position(2), position(3, lat=36.0))
    bench.receive(position(3), position(4), position(4, lat=37.0), position(1))
    bench.receive_raw("haulwatch/v1/truck-1/position", b"noise")
    assert await run_through(bench, Fuse(point, passings))
    assert counts(bench.ledger()) == {
        "received": 9,
        "stored": 4,
        "duplicate": 2,
        "quarantined": {"broken_json": 1, "conflict": 2},
    }
    assert bench.ledger().balanced
    rows = await bench.store.rows("position", "truck-1", T0, NOW, limit=99)
    assert [(row.ts - T0, row.fields["lat"]) for row in rows] == [
        (1000, 35.5),
        (2000, 35.5),
        (3000, 36.0),
        (4000, 35.5),
    ]


@pytest.mark.parametrize("passings", [1, 2, 3])
@pytest.mark.parametrize("point", POINTS)
async def test_a_power_cut_does_not_change_what_counts(tmp_path: Path, point: str, passings: int) -> None:
    """18 t, sent again in each batch, then corrected to 17 t; marks of earlier batches wait in the outbox."""
    bridge = Device("bridge-1", DeviceRole.WEIGHBRIDGE, site_id="site-1")
    bench = Bench(tmp_path, batch_records=3, city=replace(CITY, devices={**CITY.devices, bridge.id: bridge}))

    def weighing(second: int, net_kg: float) -> Weighing:
        return Weighing(
            device_id=bridge.id,
            ts=T0 + second * 1000,
            ticket="A1",
            direction="out",
            gross_kg=13_000.0 + net_kg,
            tare_kg=13_000.0,
            net_kg=net_kg,
        )

    for second in (60, 0, 120, 180, 30, 600, 660):
        bench.receive(weighing(second, 17_000.0 if second >= 600 else 18_000.0), position(second))
    assert await run_through(bench, Fuse(point, passings))
    rows = await bench.store.rows("weighing", bridge.id, T0, NOW, limit=99)
    states = {(row.ts - T0) // 1000: (row.fields["counted"], row.fields["counted_kg"]) for row in rows}
    assert {second: state for second, state in states.items() if state != (0, 0.0)} == {600: (1, 17_000.0)}
    assert counts(bench.ledger()) == {"received": 14, "stored": 14}
    assert bench.ledger().balanced


@pytest.mark.parametrize("passings", [1, 2, 3])
@pytest.mark.parametrize("point", POINTS)
async def test_a_power_cut_changes_neither_gaps_nor_resets_nor_clock(tmp_path: Path, point: str, passings: int) -> None:
    bench = Bench(tmp_path, batch_records=4)
    # 3, 7, 8, 10, 11 never come; then the counter begins anew, without 3; then 6 comes at last.
    bench.receive(*(position(10 * seq, seq=seq) for seq in (1, 2, 5, 4, 9, 9, 12)))
    bench.receive(*(position(200 + seq, seq=seq) for seq in (1, 2, 4)), position(60, seq=6))
    bench.receive_raw("haulwatch/v1/truck-1/position", b'{"ts":%d,"seq":5,"lat":91}' % (T0 + 900_000), T0 + 901_000)
    assert await run_through(bench, Fuse(point, passings))
    line = bench.line("truck-1")
    assert (line.gaps, line.resets, bench.ledger().total.gaps) == (6, 1, 6)
    assert line.clock_offset_ms == 1_000
    assert bench.ledger().balanced


async def test_committed_readings_are_queued_until_their_write_is_confirmed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.receive(position(1), position(2), position(2))
    with pytest.raises(PowerCut):
        await bench.drain(bench.start(store=CutStore(bench.store, Fuse("during write"))))
    assert counts(bench.ledger()) == {"received": 3, "duplicate": 1, "queued": 2}
    assert bench.ledger().balanced


class RefusingStore(CutStore):
    """Rejects one latitude."""

    async def write_lines(self, lines: Sequence[str]) -> None:
        poison = [index for index, line in enumerate(lines) if " lat=66.0," in line]
        await self._inner.write_lines([line for index, line in enumerate(lines) if index not in poison])
        self._fuse.passes("during write")
        if poison:
            raise StoreRejected([(index, "lat: not in this store") for index in poison])


@pytest.mark.parametrize("point", ["no cut", "during write", "after write, before confirm", "after confirm"])
async def test_poison_is_quarantined_once_and_its_neighbours_are_stored(tmp_path: Path, point: str) -> None:
    bench = Bench(tmp_path)
    bench.receive(position(1), position(2, lat=66.0), position(3))
    fuse = Fuse(point)
    try:
        await bench.drain(bench.start(store=RefusingStore(bench.store, fuse), state=CutState(bench.state_path, fuse)))
    except PowerCut:
        await bench.drain(bench.start(store=RefusingStore(bench.store, Fuse("no cut"))))
    assert counts(bench.ledger()) == {"received": 3, "stored": 2, "quarantined": {"rejected_by_store": 1}}


async def test_poison_whose_bytes_are_gone_is_quarantined_without_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.receive(position(1), position(2, lat=66.0))
    with pytest.raises(PowerCut):
        await bench.drain(bench.start(store=RefusingStore(bench.store, Fuse("during write"))))
    bench.log = SpoiledLog(bench.log.messages)
    recorder = bench.start(store=RefusingStore(bench.store, Fuse("no cut")))
    assert counts(await bench.drain(recorder)) == {"received": 2, "stored": 1, "quarantined": {"rejected_by_store": 1}}
    [letter] = DeadLetters(bench.state_path).list()
    assert (letter.device, letter.size_bytes) == ("truck-1", 0)
    assert "not in this store" in letter.detail


class SpoiledLog(MemoryLog):
    """The disk has spoiled record 2."""

    def read(self, after: int, limit: int) -> list[LogRecord]:
        if after == 1:
            raise RawLogCorrupt(Path("segment"), 2, "checksum does not match")
        return super().read(after, limit if after > 1 else 1)


def first_wins(received: list[tuple[int, int]]) -> tuple[dict[int, int], dict[str, object]]:
    """The model: what stands, and the counts."""
    stands: dict[int, int] = {}
    refused: set[tuple[int, int]] = set()
    duplicates = 0
    for second, lat in received:
        if second not in stands:
            stands[second] = lat
        elif stands[second] == lat or (second, lat) in refused:
            duplicates += 1
        else:
            refused.add((second, lat))
    expected: dict[str, object] = {"received": len(received), "stored": len(stands), "duplicate": duplicates}
    if refused:
        expected["quarantined"] = {"conflict": len(refused)}
    return stands, {name: figure for name, figure in expected.items() if figure}


def expected_gaps(received: list[tuple[int, int]]) -> int:
    """The model of the gaps: second s bears the number 10 + 2 s; what is older than the first received is no gap."""
    seconds = [second for second, _ in received]
    if not seconds:
        return 0
    first, last = seconds[0], max(seconds)
    return 2 * (last - first) - len({second for second in seconds if second > first})


@settings(max_examples=40)
@given(
    received=st.lists(st.tuples(st.integers(0, 6), st.integers(30, 32)), max_size=30),
    batch_records=st.integers(1, 9),
    cuts=st.lists(st.tuples(st.sampled_from(POINTS), st.integers(1, 4)), max_size=4),
)
async def test_any_feed_any_batches_any_power_cuts_agree_with_the_model(
    received: list[tuple[int, int]], batch_records: int, cuts: list[tuple[str, int]]
) -> None:
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), batch_records=batch_records)
        bench.receive(*(position(second, lat=float(lat), seq=10 + 2 * second) for second, lat in received))
        for point, passings in cuts:
            await run_through(bench, Fuse(point, passings))
        await bench.drain()
        stands, expected = first_wins(received)
        assert counts(bench.ledger()) == expected
        assert bench.ledger().total.gaps == expected_gaps(received)
        rows = await bench.store.rows("position", "truck-1", T0, NOW, limit=99)
        assert {(row.ts - T0) // 1000: row.fields["lat"] for row in rows} == stands
        await bench.store.close()
