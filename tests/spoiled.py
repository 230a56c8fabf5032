"""Spoils pages of real SQLite files, as a failing disk does."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

_PAGE_BYTES = 4096


def spoil_pages(path: Path, dice: random.Random, pages: int = 1) -> list[int]:
    """Overwrite so many pages with noise, after everything is in the file itself. Returns their numbers, from 0."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    count = path.stat().st_size // _PAGE_BYTES
    chosen = dice.sample(range(count), min(pages, count))
    with path.open("r+b") as file:
        for page in chosen:
            file.seek(page * _PAGE_BYTES)
            file.write(dice.randbytes(_PAGE_BYTES))
    return chosen
