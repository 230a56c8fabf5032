"""The recorder's tables in a real PostgreSQL, as the user of each process: what it needs is granted, and no more."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.rejections import read_rejections
from ingest.ledger.report import read_ledger, read_status
from ingest.ledger.shared.tables import LogTopic, SharedTables
from ingest.ledger.state.port import StateUnavailable
from ingest.recorder.state import RecorderState
from tests.haulwatch.wiring.roles.as_process import of_role
from tests.ingest.ledger.shared.test_tables import WITH_BRIDGE, SharedBench, readings
from tests.ingest.recorder.parts import NOW, counts, position

pytestmark = pytest.mark.real

Opened = Callable[[str], SharedTables]


@pytest.fixture
def tables_of(url: str) -> Iterator[Opened]:
    opened: list[SharedTables] = []

    def tables(process: str) -> SharedTables:
        opened.append(SharedTables(of_role(url, process)))
        return opened[-1]

    yield tables
    for one in opened:
        one.close()


@pytest.fixture
async def bench(tables_of: Opened, tmp_path: Path) -> SharedBench:
    """A recorder that works as its own user: it took letters, tickets and totals through all of its tables."""
    tables = tables_of("record")
    tables.prepare(1, LogTopic("city.raw", "1"))
    bench = SharedBench(tmp_path, WITH_BRIDGE, batch_records=3, tables=tables)
    dice = random.Random(1)
    for _ in range(10):
        bench.receive(*readings(dice))
    bench.receive(position(1), position(1, lat=36.0))
    bench.receive_raw("haulwatch/v1/truck-1/position", b"noise")
    await bench.drain()
    bench.monotonic_s += 1_000
    await bench.drain(bench.start())
    return bench


async def test_the_recorder_does_all_of_its_work_as_its_own_user(bench: SharedBench) -> None:
    ledger = bench.ledger()
    assert ledger.balanced
    assert {"conflict", "broken_json", "unknown_device"} <= ledger.total.quarantined.keys()
    assert DeadLetters(bench.shared).purge(before=NOW + 1)[0] > 2


async def test_the_api_reads_the_ledger_redrives_and_changes_nothing_else(
    bench: SharedBench, tables_of: Opened
) -> None:
    tables = tables_of("serve")
    assert read_ledger(tables, bench.log) == bench.ledger()
    assert read_status(tables, bench.log) == bench.status()
    assert not read_rejections(tables)
    letters = DeadLetters(tables)
    before = counts(bench.ledger())
    [letter] = [letter for letter in letters.list(limit=999) if letter.reason == "broken_json"]
    letters.redrive(letter.id, bench.log, NOW)
    assert counts(await bench.drain()) == before, "it is refused again"
    with pytest.raises(StateUnavailable, match="permission denied"):
        letters.purge()
    with pytest.raises(StateUnavailable, match="permission denied"):
        tables.claim(0, "not a recorder", NOW)
    for statement in ("UPDATE ledger SET stored = 0", "DELETE FROM outbox", 'UPDATE progress SET "offset" = 0'):
        with pytest.raises(StateUnavailable, match="permission denied"), tables.changing() as db:
            db.execute(statement)


def test_the_judge_sees_nothing_of_it(tables_of: Opened, bench: SharedBench) -> None:
    tables = tables_of("judge")
    with pytest.raises(StateUnavailable, match="permission denied"), tables.snapshot() as db:
        db.execute("SELECT device FROM ledger")
    with closing(RecorderState(bench.shared.claim(0, "test", NOW))) as state:
        assert state.positions()[0] == len(bench.log.messages)
