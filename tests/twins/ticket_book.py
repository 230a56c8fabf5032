"""What the ticket book of a scale's gateway has on disk."""

import sqlite3
from pathlib import Path

from ingest.process.sqlite_file import read_only


def rows(book: Path, table: str) -> int:
    """Rows of a table; 0 while the book is being made."""
    if not book.exists():
        return 0
    try:
        with read_only(book) as db:
            [count] = db.execute(f"SELECT count(*) FROM {table}").fetchone()
            return int(count)
    except sqlite3.Error:
        return 0
