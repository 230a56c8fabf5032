"""Opens the SQLite files of a process, and translates their errors."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BUSY_TIMEOUT_S: Final = 30.0
"""Another process holds the write lock for some milliseconds only; a wait of this length means a stuck disk."""


def open_sqlite(path: Path, *, timeout_s: float = BUSY_TIMEOUT_S, synchronous: str = "FULL") -> sqlite3.Connection:
    """Open the file, or create it with its folder. The caller closes the connection.

    Write-ahead log, so that other processes read while one writes; autocommit, so that transactions are explicit (see
    `transaction`). `synchronous` FULL: anything less lets a power cut take back a commit.

    Raises sqlite3.Error, OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={synchronous}")
        # Debian's SQLite overwrites deleted rows with zeros: the recorder deletes a megabyte of outbox with each batch.
        db.execute("PRAGMA secure_delete=OFF")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Take the write lock, and commit at the end of the block; an exception rolls back."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        yield db


@contextmanager
def translated(path: Path, error: Callable[[str], Exception]) -> Iterator[None]:
    """Raise `error` with the path and the cause in place of an SQLite or operating-system error."""
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raise error(f"{path}: {exc}") from exc
