"""The state of the raw log's readers, as a migration moves it: how far each is, and which records it names."""

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from msgspec import json

from ingest.judge.checkpoint import JudgeState
from ingest.ledger.state_file import open_state, opened_state, positions_in
from ingest.log.records import JUDGE, ONLY_PARTITION, RECORDER, ReadingLocation
from ingest.migration.plan import MigrationRefused, Move
from ingest.process.sqlite_file import transaction


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


class RecorderFile:
    """`recorder.db`: progress, and the places of readings whose write to the store is not confirmed."""

    reader = RECORDER

    def __init__(self, path: Path) -> None:
        self._path = path

    def positions(self) -> Mapping[int, int]:
        """Raises StateUnavailable."""
        if not self._path.exists():
            return {}
        with opened_state(self._path) as db:
            return positions_in(db)

    def places(self) -> Collection[int]:
        """Raises StateUnavailable."""
        if not self._path.exists():
            return ()
        with opened_state(self._path) as db:
            rows = db.execute("SELECT places FROM outbox").fetchall()
        return {found.offset for (places,) in rows for found in json.decode(places, type=list[ReadingLocation])}

    def move(self, migration: str, move: Move) -> None:
        """One transaction, which also notes that it was done. Raises StateUnavailable, MigrationRefused."""
        if not self._path.exists():
            return
        with closing(open_state(self._path)) as db, transaction(db):
            db.execute("CREATE TABLE IF NOT EXISTS migrated (id TEXT PRIMARY KEY NOT NULL)")
            if not db.execute("INSERT OR IGNORE INTO migrated VALUES (?)", (migration,)).rowcount:
                return
            db.execute("DELETE FROM progress")
            db.executemany("INSERT INTO progress (partition, offset) VALUES (?, ?)", sorted(move.positions.items()))
            moved = [
                (json.encode([_moved(found, move) for found in json.decode(places, type=list[ReadingLocation])]), batch)
                for batch, places in db.execute("SELECT batch, places FROM outbox").fetchall()
            ]
            db.executemany("UPDATE outbox SET places = ? WHERE batch = ?", moved)


def _moved(found: ReadingLocation, move: Move) -> ReadingLocation:
    place = move.places.get(found.offset)
    if place is None:
        raise MigrationRefused(
            f"a reading that waits for the store is of record {found.offset}, which the raw log does not keep: run "
            "`haulwatch record` until the store has taken it"
        )
    return ReadingLocation(place, found.index)


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
