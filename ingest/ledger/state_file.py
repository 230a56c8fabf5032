"""Opens the recorder's SQLite file. Recorder and ledger share it, so that a batch is one transaction.

Other processes read it, and redrive dead letters, over connections of their own (write-ahead log).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from devices.errors import OperatorError
from ingest.ledger.schema import SCHEMA, VERSION, upgrade
from ingest.process.sqlite_file import open_sqlite, transaction, translated


class StateUnavailable(OperatorError):
    """The recorder's file cannot be read or written now (disk full, locked). Nothing was kept; try again."""


class StateSpoiled(StateUnavailable):
    """Pages of the file are spoiled. The next start of the recorder saves what can be read."""


class StateFile:
    """One connection to the file at `path`, which is created if it does not exist. Methods raise StateUnavailable."""

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


def positions_in(db: sqlite3.Connection) -> dict[int, int]:
    """The offset of the last committed record by partition of the raw log; their sum is that in a log read as one."""
    return dict(db.execute("SELECT partition, offset FROM progress ORDER BY partition"))


@contextmanager
def opened_state(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for one block. Raises StateUnavailable, also for SQLite errors in the block."""
    with translated(path, StateUnavailable), closing(open_state(path)) as db:
        yield db


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
