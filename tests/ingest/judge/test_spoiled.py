"""Spoiled pages in `judge.db`: set aside, and judged again from the raw log."""

import random
from pathlib import Path

import pytest

from ingest.judge.checkpoint import JudgeState, JudgeStateSpoiled
from tests.closing import closed_later
from tests.ingest.judge.test_judge import expected, judge_all, judge_of, log
from tests.spoiled import spoil_pages


def test_a_file_with_spoiled_pages_is_set_aside_and_no_alert_is_lost_or_raised_twice(tmp_path: Path) -> None:
    """Real pages of the real file at random places, in the middle of the log. What follows is judged as if nothing was.

    A page that nothing is read from spoils nothing.
    """
    set_aside = 0
    for seed in range(16):
        folder, dice = tmp_path / str(seed), random.Random(seed)
        judge, _, journal = judge_of(folder)
        for _ in range(dice.randrange(3, 12)):
            judge.step(limit=20)
        judge.checkpoint()
        judge._state.close()
        spoil_pages(folder / "judge.db", dice, pages=dice.choice((1, 2)))
        try:
            judge_all(judge_of(folder, journal=journal)[0])
        except JudgeStateSpoiled as exc:  # found by the checkpoint outside a step, which would set it aside
            closed_later(JudgeState(folder / "judge.db")).begin_anew(exc)
            judge_all(judge_of(folder, journal=journal)[0])
        assert tuple(journal.order) == expected(), f"seed {seed}"
        assert judge_of(folder, journal=journal)[0].offset == len(log()), f"seed {seed}: the new file works"
        set_aside += bool(list(folder.glob("judge.db.spoiled-*")))
    assert set_aside > 8


def test_pages_that_are_spoiled_under_way_cost_no_restart(tmp_path: Path) -> None:
    """The process has pages of its own in memory: only what it reads again from the disk shows the fault."""
    for seed in range(6):
        folder, dice = tmp_path / str(seed), random.Random(seed)
        judge, raw, journal = judge_of(folder)
        for _ in range(6):
            judge.step(limit=20)
        judge.checkpoint()
        judge._state._db.execute("PRAGMA shrink_memory")
        spoil_pages(folder / "judge.db", dice, pages=4)
        for _ in range(200):
            judge.step(limit=20)
            if judge.offset == len(log()):
                break
        judge_all(judge)
        assert tuple(journal.order) == expected(), f"seed {seed}"
        assert raw.committed == len(log())


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE checkpoint SET log_offset = log_offset + 16",
        "UPDATE device SET known = CAST(known || x'00' AS BLOB) WHERE device_id = 'T2'",
        "UPDATE device SET device_id = 'T5' WHERE device_id = 'T2'",
    ],
)
def test_a_row_that_does_not_have_its_checksum_is_not_believed(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    judge, _, journal = judge_of(tmp_path)
    for _ in range(6):
        judge.step(limit=20)
    judge.checkpoint()
    judge._state.close()
    state = closed_later(JudgeState(tmp_path / "judge.db"))
    state._db.execute(damage)
    state.close()
    again, _, _ = judge_of(tmp_path, journal=journal)
    assert again.offset == 0
    assert "does not have its checksum" in caplog.text
    judge_all(again)
    assert tuple(journal.order) == expected()
