"""The state of the raw log's readers, as a migration moves it: how far each is, and which records it names.

That of recorders is moved by `ingest.migration.recorder_tables`.
"""

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ingest.judge.checkpoint import JudgeState
from ingest.log.records import JUDGE, ONLY_PARTITION
from ingest.migration.plan import Move


class ReaderState(Protocol):
    """What a reader of the raw log keeps."""

    @property
    def reader(self) -> str:
        """Its name among the readers of the log."""

    def positions(self) -> Mapping[int, int]:
        """The offset of the last record it has read, by partition; empty before the first."""

    def places(self) -> Collection[int]:
        """Places of records that it will look up."""

    def move(self, migration: str, move: Move) -> None:
        """Take the new positions and places, once for each id of a migration; durable on return."""


class JudgeFile:
    """`judge.db`: the checkpoint, whose rows do not depend on where the log is."""

    reader = JUDGE

    def __init__(self, path: Path) -> None:
        self._path = path

    def positions(self) -> Mapping[int, int]:
        """Raises JudgeStateUnavailable."""
        if not self._path.exists():
            return {}
        with closing(JudgeState(self._path)) as state:
            found = state.load(ONLY_PARTITION)
        if found is None:
            return {}
        return found.positions or {ONLY_PARTITION: found.offset}

    def places(self) -> Collection[int]:
        return ()

    def move(self, migration: str, move: Move) -> None:
        """Doing it again changes nothing. Raises JudgeStateUnavailable."""
        if not self._path.exists():
            return
        with closing(JudgeState(self._path)) as state:
            found = state.load(ONLY_PARTITION)
            if found is None:
                return
            offset = sum(move.positions.values())
            state.begin()
            state.commit(
                ONLY_PARTITION, replace(found, offset=offset, positions=move.positions, devices=(), revisions={})
            )
