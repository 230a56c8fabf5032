"""A refill brings back what was stored, and nothing else."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ingest.ledger.dead_letters import DeadLetters
from ingest.recorder.refill import Refilled, refill_readings
from ingest.store import StoreRejected
from ingest.store.sqlite import SqliteStore
from tests.ingest.recorder.parts import CITY, Bench, counts, position


class Choosy(SqliteStore):
    """Rejects some positions, as InfluxDB rejects a field of another type."""

    async def write_lines(self, lines: Sequence[str]) -> None:
        rejected = [(index, "field type conflict") for index, line in enumerate(lines) if "36.25" in line]
        await super().write_lines([line for index, line in enumerate(lines) if index not in dict(rejected)])
        if rejected:
            raise StoreRejected(rejected)


def stored(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM points").fetchone()[0])


async def test_what_the_former_store_rejected_stays_a_dead_letter(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for second in range(10):
        bench.receive(position(second, lat=36.25 if second in {3, 4} else 35.5))
    choosy, fresh = Choosy(tmp_path / "choosy.db"), SqliteStore(tmp_path / "fresh.db")
    before = await bench.drain(bench.start(store=choosy))
    assert counts(before)["stored"] == 8
    letters = DeadLetters(bench.state_path)
    assert len(letters.list()) == 2

    refilled = await refill_readings(bench.log, fresh, letters, lambda: CITY, tmp_path, lambda done: None)
    assert refilled == Refilled(written=8, present=0, refused=2)
    assert stored(tmp_path / "fresh.db") == 8, "as many as the ledger counts"
    await choosy.close()
    await fresh.close()
    assert (len(letters.list()), counts(bench.ledger())) == (2, counts(before))
