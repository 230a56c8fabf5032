"""Writes a checkpoint at once."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

from ingest.judge.checkpoint import Checkpoint, JudgeState
from rules.engine.rows.unwritten import Row


class InPlace(JudgeState):
    """Commits where it is told to, so that there is one order of events."""

    def commit_beside(self, partition: int, checkpoint: Checkpoint) -> Future[None]:
        done = Future[None]()
        self.commit(partition, checkpoint)
        done.set_result(None)
        return done


def save(state: JudgeState, checkpoint: Checkpoint, rows: Iterable[Row]) -> None:
    state.begin()
    state.put([*rows])
    state.commit(0, checkpoint)


def save_not_judged(path: Path, counts: Mapping[str, Mapping[str, int]]) -> None:
    """A file with readings that were not judged, by device and reason."""
    with closing(JudgeState(path)) as state:
        save(state, Checkpoint(1, b""), [Row(device_id, b"x" * 300, count, ()) for device_id, count in counts.items()])
