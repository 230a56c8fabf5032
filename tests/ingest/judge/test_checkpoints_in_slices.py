"""A checkpoint of many devices is written in slices between steps, and is of the moment at which it began."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import pytest

from ingest.judge.checkpoint import Checkpoint, JudgeState, JudgeStateUnavailable
from ingest.judge.judge import Judge
from ingest.log.records import LogRecord
from rules.catalogue import build_rules
from rules.engine.rows.unwritten import Row
from tests.closing import closed_later
from tests.ingest.judge.saving import InPlace
from tests.ingest.judge.test_judge import CITY, FakeJournal, FakeLog, message
from tests.rules.engine.test_reorder_buffer import fix
from tests.waiting import PATIENCE_S, until

TRUCKS, ROUNDS, EVERY_S, BEGUN_AT = 6, 20, 20, 60


class Slices(InPlace):
    """Notes how many rows each slice has, and fails before the one that is chosen."""

    def __init__(self, path: Path, fails_at: int = -1) -> None:
        super().__init__(path)
        self.slices: list[int] = []
        self._fails_at = fails_at

    def put(self, rows: Sequence[Row]) -> None:
        if len(self.slices) == self._fails_at:
            self._fails_at = -1
            raise JudgeStateUnavailable("disk full")
        self.slices.append(len(rows))
        super().put(rows)


def records() -> list[LogRecord]:
    """Trucks that report one after the other; the last ones of the log are of the first truck only."""
    fixes = [fix(n * EVERY_S, device_id=f"T{truck + 1}") for n in range(ROUNDS) for truck in range(TRUCKS)]
    first = [fix((ROUNDS + n) * EVERY_S, device_id="T1") for n in range(100)]
    return [LogRecord(offset, message(reading)) for offset, reading in enumerate([*fixes, *first], 1)]


def judge_of(state: JudgeState) -> tuple[Judge, FakeLog]:
    raw = FakeLog(records())
    judge = Judge(raw, FakeJournal(), state, build_rules(), lambda: CITY, checkpoint_max_messages=BEGUN_AT)
    return judge, raw


def offset_on_disk(folder: Path) -> int:
    db = closed_later(sqlite3.connect(folder / "judge.db"))
    return max([offset for (offset,) in db.execute("SELECT log_offset FROM checkpoint")], default=0)


@pytest.fixture(autouse=True)
def _one_row_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.judge.judge.SLICE_ROWS", 1)


def test_it_goes_on_judging_while_the_rows_are_written(tmp_path: Path) -> None:
    state = closed_later(Slices(tmp_path / "judge.db"))
    judge, raw = judge_of(state)
    judge.step(limit=BEGUN_AT)
    assert (state.slices, raw.committed) == ([1], 0)
    while not raw.committed:
        assert offset_on_disk(tmp_path) == 0
        judge.step(limit=1)
    assert judge.offset > BEGUN_AT
    assert raw.committed == offset_on_disk(tmp_path) == BEGUN_AT
    assert sum(state.slices) == TRUCKS
    assert max(state.slices) <= 2, "one of the slice, and one of the truck that was heard"
    again, _ = judge_of(closed_later(JudgeState(tmp_path / "judge.db")))
    at_once, _ = judge_of(closed_later(JudgeState(tmp_path / "another.db")))
    at_once.step(limit=BEGUN_AT)
    assert again.offset == BEGUN_AT
    assert again.engine.judged == at_once.engine.judged
    assert judge.engine.judged != at_once.engine.judged


def test_rows_that_cannot_be_written_are_all_in_the_next_checkpoint(tmp_path: Path) -> None:
    """Also those that were written before the failure, and those of trucks that send no more."""
    state = closed_later(Slices(tmp_path / "judge.db", fails_at=3))
    judge, raw = judge_of(state)
    judge.step(limit=BEGUN_AT)
    judge.step(limit=1)
    judge.step(limit=1)
    with pytest.raises(JudgeStateUnavailable):
        judge.step(limit=1)
    assert offset_on_disk(tmp_path) == 0
    state.slices.clear()
    while not raw.committed:
        judge.step(limit=1)
    assert sum(state.slices) == TRUCKS
    assert offset_on_disk(tmp_path) == raw.committed > BEGUN_AT


class SlowDisk(JudgeState):
    """Commits once the disk is quick again."""

    quick = Event()

    def commit(self, partition: int, checkpoint: Checkpoint) -> None:
        assert self.quick.wait(PATIENCE_S)
        super().commit(partition, checkpoint)


def test_it_goes_on_judging_while_the_disk_is_slow(tmp_path: Path) -> None:
    state = closed_later(SlowDisk(tmp_path / "judge.db"))
    judge, raw = judge_of(state)
    while judge.step(limit=10):
        pass
    assert (judge.offset, raw.committed) == (len(records()), 0)
    state.quick.set()
    until(lambda: judge.step() == 0 and raw.committed, "the checkpoint is in place")
    assert raw.committed == offset_on_disk(tmp_path) == BEGUN_AT
