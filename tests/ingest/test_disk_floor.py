"""At the floor of the disk recorder and judge wait: nothing is lost, nothing grows, and they go on by themselves."""

from pathlib import Path

import pytest

from ingest.judge.checkpoint import JudgeState, JudgeStateUnavailable
from ingest.judge.judge import Judge
from ingest.ledger.state_file import StateUnavailable
from ingest.log.disk_guard import DiskFloor
from ingest.log.raw_log import RawLog
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from rules.catalogue import build_rules
from tests.closing import closed_later
from tests.ingest.judge.test_judge import CITY, FakeJournal, log
from tests.ingest.recorder.parts import Bench, counts, position

FREE = 100


def disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


class Disk:
    free = 0

    def free_bytes(self) -> int:
        return self.free


async def test_the_recorder_waits_and_goes_on(tmp_path: Path) -> None:
    bench, disk = Bench(tmp_path), Disk()
    bench.receive(position(1), position(2))
    floor = DiskFloor(disk.free_bytes, 4 * FREE)
    state = closed_later(RecorderState(bench.state_path))
    recorder = Recorder(bench.log, bench.store, state, lambda: bench.city, disk_trouble=floor.trouble)
    size = disk_bytes(tmp_path)
    for _ in range(3):
        with pytest.raises(StateUnavailable, match="haulwatch deadletter purge"):
            await recorder.step()
    assert disk_bytes(tmp_path) == size
    assert counts(bench.ledger()) == {"received": 2, "queued": 2}
    disk.free = FREE
    assert counts(await bench.drain(recorder)) == {"received": 2, "stored": 2}


def test_the_judge_waits_and_goes_on(tmp_path: Path) -> None:
    disk, journal, raw = Disk(), FakeJournal(), closed_later(RawLog(tmp_path / "raw"))
    raw.append([record.message for record in log()])
    state = closed_later(JudgeState(tmp_path / "judge.db"))
    floor = DiskFloor(disk.free_bytes, 4 * FREE)
    judge = Judge(raw, journal, state, build_rules(), lambda: CITY, disk_trouble=floor.trouble)
    with pytest.raises(JudgeStateUnavailable, match="free disk space"):
        judge.step()
    assert (judge.offset, journal.order) == (0, [])
    disk.free = FREE
    while judge.step():
        pass
    assert judge.offset == len(log())
    assert journal.order
