"""Opens the SQLite files of a process, translates their errors, and sets spoiled ones aside."""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

BUSY_TIMEOUT_S: Final = 30.0
"""Another process holds the write lock for some milliseconds only; a wait of this length means a stuck disk."""

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_log = logging.getLogger(__name__)


def open_sqlite(
    path: Path, *, timeout_s: float = BUSY_TIMEOUT_S, synchronous: str = "FULL", shrinks: bool = False
) -> sqlite3.Connection:
    """Open the file, or create it with its folder. The caller closes the connection.

    Write-ahead log, so that other processes read while one writes; autocommit, so that transactions are explicit (see
    `transaction`). `synchronous` FULL: anything less lets a power cut take back a commit. `shrinks`: a
    new file can give space back to the disk (`PRAGMA incremental_vacuum`).

    Raises sqlite3.Error, OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    try:
        if shrinks:  # before the first page is written
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={synchronous}")
        # Debian's SQLite overwrites deleted rows with zeros: the recorder deletes a megabyte of outbox with each batch.
        db.execute("PRAGMA secure_delete=OFF")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that another process writes, for reading; it is not created. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        yield db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Take the write lock, and commit at the end of the block; an exception rolls back."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        yield db


@contextmanager
def translated(
    path: Path, error: Callable[[str], Exception], spoiled: Callable[[str], Exception] | None = None
) -> Iterator[None]:
    """Raise `error` with the path and the cause in place of an SQLite or operating-system error.

    `spoiled`: raised instead where pages of the file are spoiled.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raised = spoiled if spoiled is not None and is_damaged(exc) else error
        raise raised(f"{path}: {exc}") from exc


def is_damaged(error: BaseException) -> bool:
    """True if the file's pages are spoiled: trying again does not help."""
    if not isinstance(error, sqlite3.Error):
        return False
    # Extended codes carry the primary code in their low byte. Of a column of another type Python gives no code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED or "Could not decode" in str(error)


def set_aside(path: Path, why: object) -> Path:
    """Rename a spoiled file with its write-ahead log, so that a new one can take its place. Returns the new name.

    Close its connections first. Raises OSError.
    """
    aside = next(name for n in count(1) if not (name := path.with_name(f"{path.name}.spoiled-{n}")).exists())
    path.replace(aside)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{aside}{suffix}")
    _log.error("%s is spoiled and was set aside as %s: %s", path, aside.name, why)
    return aside


def open_cache(
    path: Path, tables: Sequence[str], *, timeout_s: float = BUSY_TIMEOUT_S, once_spoiled: Sequence[str] = ()
) -> sqlite3.Connection:
    """Open a small file that can be made again, with its tables; a spoiled one is set aside and begun anew.

    Every page is checked. `once_spoiled`: statements for the file that takes the place of a spoiled one. Raises
    sqlite3.Error, OSError.
    """
    try:
        db = open_sqlite(path, timeout_s=timeout_s)
        try:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise _Spoiled(found)
            for table in tables:
                db.execute(table)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as exc:
        if not isinstance(exc, _Spoiled) and not is_damaged(exc):
            raise
        set_aside(path, exc)
        return open_cache(path, (*tables, *once_spoiled), timeout_s=timeout_s)
    return db


class _Spoiled(sqlite3.DatabaseError):
    """A check of the pages found a fault."""
