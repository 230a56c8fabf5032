"""A checkpoint is of one topic: one that was made anew is refused, however long it is already."""

from contextlib import closing
from pathlib import Path

import pytest

from ingest.judge.checkpoint import Checkpoint, JudgeState
from ingest.log.errors import LogMadeAnew
from ingest.migration.plan import Move
from ingest.migration.states import JudgeFile
from tests.ingest.judge.saving import save


def judged(path: Path, log_id: str) -> None:
    with closing(JudgeState(path)) as state:
        state.bind(log_id)
        save(state, Checkpoint(7, b"", positions={0: 3, 1: 4}), [])


def bind(path: Path, log_id: str) -> None:
    with closing(JudgeState(path)) as state:
        state.bind(log_id)


def test_a_topic_made_anew_is_refused_until_the_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "judge.db"
    judged(path, "first")
    judged(path, "first")
    with pytest.raises(LogMadeAnew, match=r"its id is second.*judge.db is of the one before \(first\): to judge"):
        bind(path, "second")
    path.unlink()
    judged(path, "second")


def test_a_checkpoint_of_no_named_log_or_that_was_cleared_is_of_any(tmp_path: Path) -> None:
    path = tmp_path / "judge.db"
    with closing(JudgeState(path)) as state:  # a log on disk, or a former version
        save(state, Checkpoint(7, b""), [])
    judged(path, "first")
    with closing(JudgeState(path)) as state:
        state.bind("first")
        state.clear()
    bind(path, "second")


def test_a_file_that_begins_anew_is_still_of_its_topic(tmp_path: Path) -> None:
    path = tmp_path / "judge.db"
    with closing(JudgeState(path)) as state:
        state.bind("first")
        state.begin_anew("spoiled")
        save(state, Checkpoint(7, b""), [])
    with pytest.raises(LogMadeAnew):
        bind(path, "second")


def test_what_a_migration_moved_is_of_the_log_that_it_was_moved_to(tmp_path: Path) -> None:
    path = tmp_path / "judge.db"
    judged(path, "first")
    JudgeFile(path).move("a", Move(positions={0: 5}, places={}))
    bind(path, "second")
