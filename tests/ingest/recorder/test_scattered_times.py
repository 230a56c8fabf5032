"""A device that sends readings of scattered times costs the store a bounded number of questions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from devices.readings.refusals import Reason
from devices.readings.series import FieldValue
from ingest.ledger.dead_letters import DeadLetters
from ingest.store import Instant, StoreOverasked
from ingest.store.sqlite import SqliteStore
from tests.ingest.recorder.parts import NOW, Bench, counts, position


class Overasked(SqliteStore):
    """Answers for the oldest `most` instants of a call."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path)
        self.most = most

    async def stored_fields(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]:
        ordered = sorted(instants, key=lambda instant: instant.ts)
        found = await super().stored_fields(ordered[: self.most])
        if len(ordered) > self.most:
            raise StoreOverasked(found, ordered[self.most :])
        return found


async def test_what_could_not_be_compared_waits_in_quarantine_and_is_redriven(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.receive(position(1000), position(10))
    await bench.drain()
    store = Overasked(tmp_path / "points.db", most=3)
    recorder = bench.start(store=store)
    bench.receive(position(10), position(20), position(30), position(40), position(50), position(60), position(1001))
    ledger = await bench.drain(recorder)
    quarantined = {"not_compared": 3}
    assert counts(ledger) == {"received": 9, "stored": 5, "duplicate": 1, "quarantined": quarantined}
    letters = DeadLetters(bench.state_path)
    assert [letter.detail.split(":")[0] for letter in letters.list(reason=Reason.NOT_COMPARED)] == ["ts"] * 3
    letters.redrive_all([letter.id for letter in letters.list()], bench.log, NOW)
    assert counts(await bench.drain(recorder)) == {"received": 9, "stored": 8, "duplicate": 1}
    assert bench.ledger().balanced
    await store.close()
