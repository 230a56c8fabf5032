"""A recorder's state in a file on either log, so that tests of the copy need no PostgreSQL."""

from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path

from msgspec import json

from ingest.ledger.state_file import StateFile, positions_in
from ingest.log.records import RECORDER, ReadingLocation
from ingest.migration.plan import MigrationRefused, Move


class RecorderFile:
    """A recorder that keeps its state in a file, whichever log it reads."""

    reader = RECORDER

    def __init__(self, path: Path) -> None:
        self._path = path

    def positions(self) -> Mapping[int, int]:
        """Raises StateUnavailable."""
        if not self._path.exists():
            return {}
        with closing(StateFile(self._path)) as file, file.reading() as db:
            return positions_in(db)

    def places(self) -> Collection[int]:
        """Raises StateUnavailable."""
        if not self._path.exists():
            return ()
        with closing(StateFile(self._path)) as file, file.reading() as db:
            rows = db.execute("SELECT places FROM outbox").fetchall()
        return {found.offset for (places,) in rows for found in json.decode(places, type=list[ReadingLocation])}

    def move(self, migration: str, move: Move) -> None:
        """One transaction, which also notes that it was done. Raises StateUnavailable, MigrationRefused."""
        if not self._path.exists():
            return
        with closing(StateFile(self._path)) as file, file.changing() as db:
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
