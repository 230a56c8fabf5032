"""The recorder's tables in a real PostgreSQL: they end as those in a file do, and one owner at a time changes them."""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from devices.city.model import Device, DeviceRole
from devices.readings.models import Reading, Weighing
from haulwatch import migrations
from ingest.ledger.dead_letters import AlreadyRedriven, DeadLetters
from ingest.ledger.deltas import LedgerDelta
from ingest.ledger.report import Ledger, RecorderStatus, read_ledger, read_status
from ingest.ledger.shared import tables as tables_module
from ingest.ledger.shared.tables import LogTopic, SharedTables, StateMisfit
from ingest.ledger.state.port import StateFenced, StateUnavailable, StateUncertain
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import BatchCommit, RecorderState, WriteTimes
from ingest.store import LineStore
from tests.closing import closed_later
from tests.ingest.recorder.parts import CITY, NOW, T0, Bench, MemoryLog, counts, position
from tests.ingest.recorder.test_recorder_flood import flood
from tests.servers.postgres import Postgres
from tests.waiting import until

pytestmark = pytest.mark.real

BRIDGE = Device("bridge-1", DeviceRole.WEIGHBRIDGE, site_id="site-1")
WITH_BRIDGE = replace(CITY, devices={**CITY.devices, BRIDGE.id: BRIDGE})


@pytest.fixture(scope="module")
def template(postgres_server: Postgres) -> str:
    url = postgres_server.new_database()
    migrations.upgrade(url)
    return url


@pytest.fixture
def tables(postgres_server: Postgres, template: str) -> Iterator[SharedTables]:
    opened = SharedTables(postgres_server.new_database(copied=template))
    yield opened
    opened.close()


@dataclass
class SharedBench(Bench):
    """A bench whose recorder keeps its tables in PostgreSQL. A restart takes the partition from the former recorder."""

    tables: SharedTables | None = None

    @property
    def shared(self) -> SharedTables:
        assert self.tables is not None
        return self.tables

    def start(self, *, store: LineStore | None = None, state: RecorderState | None = None) -> Recorder:
        return super().start(store=store, state=state or self.claimed())

    def claimed(self) -> RecorderState:
        return RecorderState(self.shared.claim(self.log.partition, "test", NOW), clock=lambda: self.monotonic_s)

    def ledger(self) -> Ledger:
        return read_ledger(self.shared, self.log)

    def status(self) -> RecorderStatus:
        return read_status(self.shared, self.log)


def readings(dice: random.Random) -> list[Reading]:
    """Some that repeat, conflict, come late or have gaps in their numbers; weighings that correct others."""
    made: list[Reading] = []
    for _ in range(dice.randint(1, 6)):
        second = dice.randint(0, 40)
        if dice.random() < 0.3:
            gross = 13_000.0 + dice.choice([17_000.0, 18_000.0])
            corrects = dice.choice([None, "A1"])
            ticket = dice.choice(["A1", "A2", "A3"])
            made.append(
                Weighing(
                    device_id=BRIDGE.id,
                    ts=T0 + second * 60_000,
                    ticket=ticket,
                    direction="out",
                    gross_kg=gross,
                    tare_kg=13_000.0,
                    net_kg=gross - 13_000.0,
                    corrects=corrects if corrects != ticket else None,
                )
            )
        else:
            lat = dice.choice([35.5, 35.6])
            made.append(position(second, lat=lat, device=dice.choice(["truck-1", "truck-2", "stray"]), seq=second))
    return made


class Both:
    """A bench on a file and one on PostgreSQL, to which the same happens."""

    def __init__(self, folder: Path, tables: SharedTables, dice: random.Random) -> None:
        for name in ("here", "there"):
            (folder / name).mkdir()
        here = Bench(folder / "here", WITH_BRIDGE, batch_records=3)
        there = SharedBench(folder / "there", WITH_BRIDGE, batch_records=3, tables=tables)
        self.benches: Sequence[Bench] = (here, there)
        self.letters = (DeadLetters(here.state_path), DeadLetters(tables))
        self.recorders = [here.start(), there.start()]
        self.redriven = 0
        self._dice = dice

    def receive(self, at: int) -> None:
        sent, noise, flooded = readings(self._dice), self._dice.random() < 0.3, self._dice.random() < 0.1
        for bench in self.benches:
            bench.receive(*sent)
            if noise:
                bench.receive_raw("haulwatch/v1/truck-1/position", b"noise", at)
                bench.receive_raw("somewhere/else", b"noise", at)
            if flooded:
                flood(bench, "truck-2", 7)

    async def record(self) -> None:
        for _ in range(self._dice.randint(0, 3)):
            assert await self.recorders[0].step() == await self.recorders[1].step()

    def end_and_start(self) -> None:
        self.recorders = [bench.start() for bench in self.benches]

    def pass_time(self) -> None:
        for bench in self.benches:
            bench.monotonic_s += 1_000  # compaction is due

    def redrive(self, at: int) -> None:
        count = len(self.letters[0].list())
        index = self._dice.randrange(count) if count else 0
        for letters, bench in zip(self.letters, self.benches, strict=True):
            for chosen in letters.list()[index : index + 1]:
                if chosen.kept:
                    letters.redrive(chosen.id, bench.log, at)
                    self.redriven += 1
                    with pytest.raises(AlreadyRedriven):
                        letters.redrive(chosen.id, bench.log, at)

    def assert_alike(self) -> None:
        here, there = self.benches
        assert there.ledger() == here.ledger()
        assert there.ledger().balanced
        assert shown(self.letters[1]) == shown(self.letters[0])
        figures = [(bench.status().offset, bench.status().backlog, bench.status().pending) for bench in self.benches]
        assert figures[1] == figures[0]


@pytest.mark.parametrize("seed", range(3))
async def test_the_same_messages_end_the_same_in_a_file_and_in_postgresql(
    tables: SharedTables, tmp_path: Path, seed: int
) -> None:
    """Whatever is received, redriven, purged, and wherever the recorder ends."""
    tables.prepare(1)
    dice = random.Random(seed)
    both = Both(tmp_path, tables, dice)
    for turn in range(30):
        both.receive(NOW + turn)
        await both.record()
        if dice.random() < 0.2:
            both.end_and_start()
        if dice.random() < 0.2:
            both.pass_time()
        if dice.random() < 0.2:
            both.redrive(NOW + turn)
        both.assert_alike()
    for bench, recorder in zip(both.benches, both.recorders, strict=True):
        await bench.drain(recorder)
    both.assert_alike()
    assert both.redriven
    assert {"conflict", "broken_json", "unknown_device"} <= both.benches[1].ledger().total.quarantined.keys()
    for kind, device in [("position", "truck-1"), ("position", "truck-2"), ("weighing", BRIDGE.id)]:
        rows = [await bench.store.rows(kind, device, T0, NOW + 1, limit=999) for bench in both.benches]
        assert rows[0] == rows[1] != []
    purged = [letters.purge(before=NOW + 20) for letters in both.letters]
    assert purged[0] == purged[1] != (0, 0)
    both.assert_alike()


def shown(letters: DeadLetters) -> list[Any]:
    found = [*letters.list(limit=999), *letters.list(limit=999, redriven=True)]
    some = letters.list(devices=["truck-1", "stray"], since=NOW, until=NOW + 30, limit=999)
    return [letter.model_dump(exclude={"id"}) for letter in [*found, *some]]


async def test_who_lost_the_partition_changes_nothing_more(tables: SharedTables, tmp_path: Path) -> None:
    tables.prepare(1)
    bench = SharedBench(tmp_path, batch_records=2, tables=tables)
    bench.receive(position(1), position(2), position(3), position(4))
    former = bench.claimed()
    paused = bench.start(state=former)
    assert await paused.step() == 2  # committed, and not written: it is paused here, and its session ends
    own = bench.start()
    with pytest.raises(StateFenced, match="another recorder has taken it over"):
        await paused.step()
    assert counts(await bench.drain(own)) == {"received": 4, "stored": 4}
    before = bench.ledger()
    attempts: list[Callable[[], object]] = [
        lambda: former.commit(BatchCommit({0: 99}, ["x"], [], [], [], LedgerDelta([("truck-1", NOW, 1, T0, True)]))),
        lambda: former.confirm(1, [], WriteTimes(1.0, 1.0)),
        lambda: former.report_trouble("mine", NOW),
        lambda: former.forget_weighings([("truck-1", T0)]),
        former.check_owner,
    ]
    for attempt in attempts:
        with pytest.raises(StateFenced):
            attempt()
    assert bench.ledger() == before
    assert (bench.status().offset, bench.status().trouble) == (4, None)
    rows = await bench.store.rows("position", "truck-1", T0, NOW, limit=9)
    assert [(row.ts - T0) // 1000 for row in rows] == [1, 2, 3, 4]


async def test_a_commit_without_an_answer_counts_nothing_twice(tables: SharedTables, tmp_path: Path) -> None:
    """PostgreSQL keeps the batch and its host disappears before it says so."""
    tables.prepare(1)
    bench = SharedBench(tmp_path, batch_records=2, tables=tables)
    bench.receive(position(1), position(2), position(2), position(3))
    recorder = bench.start()

    def unanswered(connection: Connection) -> None:
        connection.connection.commit()
        raise OperationalError("COMMIT", None, Exception("server closed the connection unexpectedly"))

    event.listen(tables._engine, "commit", unanswered)
    with pytest.raises(StateUncertain, match=r"partition 0 .* closed the connection unexpectedly"):
        await recorder.step()
    event.remove(tables._engine, "commit", unanswered)
    assert counts(await bench.drain(bench.start())) == {"received": 4, "stored": 3, "duplicate": 1}
    with pytest.raises(StateUnavailable) as refused, tables.claim(0, "test", NOW).changing():
        raise StateUnavailable("before its end: nothing was kept, and it may be done again")
    assert not isinstance(refused.value, StateUncertain)


def test_compaction_that_another_owner_did_meanwhile_ends(tables: SharedTables) -> None:
    """The former owner has begun a round, and finds the deltas gone: it ends, and changes nothing."""
    tables.prepare(1)
    former = RecorderState(tables.claim(0, "test", NOW))
    former.commit(BatchCommit({0: 1}, [], [], [], [], LedgerDelta([("truck-1", NOW, 1, T0, True)])))
    read = former.ledger._compaction._start_round
    former.ledger._compaction._round = read()
    own = RecorderState(tables.claim(0, "test", NOW))
    own.ledger.compact_all()
    with pytest.raises(StateFenced):
        former.ledger.compact_all()
    with tables.snapshot() as db:
        assert db.execute("SELECT received FROM ledger").fetchall() == [(1,)]


async def test_the_next_owner_writes_what_the_former_committed(tables: SharedTables, tmp_path: Path) -> None:
    tables.prepare(1)
    bench = SharedBench(tmp_path, batch_records=2, tables=tables)
    bench.receive(position(1), position(2), position(3))
    recorder = bench.start()
    await recorder.step()
    assert bench.status().pending == 2
    assert bench.ledger().total.queued == 3
    await bench.drain(bench.start())
    assert counts(bench.ledger()) == {"received": 3, "stored": 3}


def test_the_tables_are_of_so_many_partitions_for_ever(tables: SharedTables) -> None:
    tables.prepare(4)
    tables.prepare(4)
    with pytest.raises(StateMisfit, match="written for 4 partitions and HAULWATCH_KAFKA_PARTITIONS is 8: set it to 4"):
        tables.prepare(8)
    with tables.snapshot() as db:
        assert db.execute('SELECT partition, "offset" FROM progress ORDER BY 1').fetchall() == [
            (number, 0) for number in range(4)
        ]


def test_the_tables_are_of_one_topic_for_ever(tables: SharedTables) -> None:
    tables.prepare(2)  # as a migration does
    first = LogTopic("city.raw", "kMw8n1ZbTsm5o0w4rXk7Xg")
    tables.prepare(2, first)
    tables.prepare(2, first)
    for other in (first._replace(id="another"), LogTopic("town.raw", "one-more")):
        with pytest.raises(StateMisfit, match=r"of topic city.raw \(id kMw8.* it was made anew, or is another city's"):
            tables.prepare(2, other)
        with pytest.raises(StateMisfit, match="it was made anew"):  # while a recorder runs
            tables.claim(1, "test", NOW, other)
    tables.claim(1, "test", NOW, first).check_owner()


def test_a_recorder_of_before_the_tables_were_restored_or_moved_is_fenced(tables: SharedTables) -> None:
    """A backup goes back to a number that was given before, and after a move they begin anew."""
    tables.prepare(1)
    before = tables.claim(0, "before", NOW)
    with tables.changing() as db:
        db.execute("UPDATE owner SET epoch = 0")
    now = tables.claim(0, "now", NOW)
    with now.changing():
        pass
    with pytest.raises(StateFenced):
        before.check_owner()
    with tables.changing() as db:
        db.execute("DELETE FROM owner")
    with pytest.raises(StateFenced):
        now.check_owner()


async def test_a_topic_that_postgresql_cannot_hold_does_not_stop_its_partition(
    tmp_path: Path, tables: SharedTables
) -> None:
    tables.prepare(1)
    bench = SharedBench(tmp_path, WITH_BRIDGE, tables=tables)
    bench.receive_raw("haulwatch/v1/truck-1/pos\0x", b"{}")
    bench.receive(position(1))
    await bench.drain()
    assert counts(bench.ledger())["stored"] == 1
    assert [letter.topic for letter in DeadLetters(tables).list()] == ["haulwatch/v1/truck-1/pos\\0x"]


def test_a_database_that_is_no_postgresql_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StateMisfit, match="HAULWATCH_DATABASE_URL names no PostgreSQL"):
        SharedTables(f"sqlite:///{tmp_path / 'haulwatch.db'}")


def test_who_stands_still_in_a_transaction_does_not_keep_its_partition(
    tables: SharedTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables_module, "_IDLE_MS", 200)
    tables.prepare(1)
    url = tables._engine.url.render_as_string(hide_password=False)
    paused = closed_later(SharedTables(url))
    former = paused.claim(0, "paused", NOW)

    def claimed() -> bool:
        try:
            tables.claim(0, "next", NOW)
        except StateUnavailable:
            return False
        return True

    def stand_still() -> None:
        with former.changing() as db:
            db.execute("UPDATE progress SET trouble = 'half done'")
            until(claimed)
            db.execute("UPDATE progress SET trouble = 'it goes on'")

    with pytest.raises(StateUnavailable):
        stand_still()
    with tables.snapshot() as db:
        assert db.execute("SELECT trouble FROM progress").fetchall() == [(None,)]


def test_what_no_device_names_is_one_line_over_all_partitions(tables: SharedTables) -> None:
    """And a device's partition alone counts for it."""
    tables.prepare(3)
    for partition in range(3):
        state = RecorderState(tables.claim(partition, "test", NOW))
        entries = [("", NOW + partition, None, None, True), (f"truck-{partition}", NOW, 1, T0 + partition, True)]
        state.commit(BatchCommit({partition: 2}, [], [], [], [], LedgerDelta(entries)))
        if partition == 1:
            state.ledger.compact_all()
    log = MemoryLog()
    log.resume = lambda positions: 0  # type: ignore[method-assign]
    found = {line.device: (line.received, line.first_seen) for line in read_ledger(tables, log).devices}
    assert found == {"(unknown)": (3, NOW), "truck-0": (1, NOW), "truck-1": (1, NOW), "truck-2": (1, NOW)}


def test_compaction_and_a_redrive_at_once_lose_no_count(tables: SharedTables) -> None:
    """The redrive waits for the recorder's transaction, and reads what that wrote."""
    tables.prepare(1)
    own = tables.claim(0, "test", NOW)
    state = closed_later(RecorderState(own))
    state.commit(BatchCommit({0: 1}, [], [], [], [], LedgerDelta([("truck-1", NOW, 1, T0, True)])))
    state.ledger.compact_all()
    with ThreadPoolExecutor(1) as pool:
        with own.changing() as db:
            [(received,)] = db.execute("SELECT received FROM ledger").fetchall()
            other = pool.submit(_add_one, tables)
            db.execute("UPDATE ledger SET received = ?", (received + 1,))
        other.result()
    with tables.snapshot() as db:
        assert db.execute("SELECT received FROM ledger").fetchall() == [(3,)]


def _add_one(tables: SharedTables) -> None:
    with tables.changing() as db:
        [(received,)] = db.execute("SELECT received FROM ledger").fetchall()
        db.execute("UPDATE ledger SET received = ?", (received + 1,))
