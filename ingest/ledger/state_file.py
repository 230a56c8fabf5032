"""Opens the recorder's SQLite file. Recorder and ledger share it, so that a batch is one transaction.

Other processes read it, and redrive dead letters, over connections of their own (write-ahead log).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from ingest.ledger.schema import SCHEMA, VERSION, upgrade
from ingest.ledger.state.port import OwnTables, Statements, StateSpoiled, StateUnavailable, Tables
from ingest.log.records import ONLY_PARTITION
from ingest.process.sqlite_file import open_sqlite, read_only, transaction, translated

__all__ = [
    "StateFile",
    "StateSpoiled",
    "StateUnavailable",
    "open_state",
    "opened_tables",
    "own_tables",
    "positions_in",
    "watched",
]

_GIVEN_BACK_PAGES: Final = 2_000
"""At once: more would keep the recorder waiting."""


class StateFile:
    """One connection to the file at `path`, which is created if it does not exist. Methods raise StateUnavailable."""

    partition = ONLY_PARTITION

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_state(path)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with translated(self._path, StateUnavailable, StateSpoiled):
            yield self._db

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: everything done in the block is kept, or nothing."""
        with translated(self._path, StateUnavailable, StateSpoiled), transaction(self._db) as db:
            yield db

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        with translated(self._path, StateUnavailable, StateSpoiled), self._db as db:
            db.execute("BEGIN")
            yield db

    def check_owner(self) -> None:
        """Nothing: a lock of the data directory keeps a second recorder away."""

    def positions(self) -> dict[int, int]:
        """Of all partitions: one recorder reads them all."""
        with self.reading() as db:
            return positions_in(db)

    def give_back(self, *, rest: bool) -> None:
        with self.reading() as db:
            # As a script: `execute` takes one step, which frees one page.
            db.executescript(f"PRAGMA incremental_vacuum({0 if rest else _GIVEN_BACK_PAGES})")
            if rest:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def open_state(path: Path) -> sqlite3.Connection:
    """Open the file, create it, or upgrade an earlier version. The caller closes it. Raises StateUnavailable."""
    with translated(path, StateUnavailable):
        db = open_sqlite(path, shrinks=True)
        try:
            if (version := _version(db)) == 0:
                db.executescript(SCHEMA)  # not for a file that has tables: its readers write nothing
            elif version < VERSION:
                with transaction(db):
                    if _version(db) < VERSION:  # otherwise another process was faster
                        upgrade(db)
        except BaseException:
            db.close()
            raise
        return db


def positions_in(db: Statements) -> dict[int, int]:
    """The offset of the last committed record by partition of the raw log; their sum is that in a log read as one."""
    found = db.execute('SELECT partition, "offset" FROM progress ORDER BY partition')
    return dict(found.fetchall())


def own_tables(place: Path | OwnTables) -> OwnTables:
    """The tables of the recorder at this place, a file or a partition in PostgreSQL. Raises StateUnavailable."""
    return StateFile(place) if isinstance(place, Path) else place


@contextmanager
def opened_tables(place: Path | Tables) -> Iterator[Tables]:
    """All tables at this place, a file or PostgreSQL, for one block. Raises StateUnavailable, also in the block."""
    if isinstance(place, Path):
        with translated(place, StateUnavailable), closing(StateFile(place)) as tables:
            yield tables
    else:
        yield place


@contextmanager
def watched(place: Path | Tables) -> Iterator[Statements]:
    """As `opened_tables(…).snapshot()`, of a file that is neither created nor upgraded. Raises StateUnavailable."""
    if isinstance(place, Path):
        with translated(place, StateUnavailable), read_only(place) as db:
            yield db
    else:
        with place.snapshot() as tables:
            yield tables


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
