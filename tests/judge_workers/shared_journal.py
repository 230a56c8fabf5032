"""An alert journal in one SQLite file that several processes write: each change once by its key, as the real one.

It also says which change came again with other content, and which worker took a partition over, and when.
"""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from devices.db.database import DatabaseUnavailable
from rules.alerts.model import AlertChange
from tests.waiting import PATIENCE_S

_TABLES = (
    "CREATE TABLE IF NOT EXISTS change (key TEXT PRIMARY KEY, change TEXT NOT NULL, worker INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS conflict (key TEXT NOT NULL, former TEXT NOT NULL, change TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS owner (at REAL NOT NULL, topic TEXT NOT NULL, part INTEGER NOT NULL, worker INTEGER)",
)


class SharedJournal:
    """One handle; `worker`: the process that writes."""

    def __init__(self, path: Path, worker: int = 0) -> None:
        self._worker = worker
        self._db = sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        for table in _TABLES:
            self._db.execute(table)

    def record(self, changes: Sequence[AlertChange], recorded_at: int, /) -> int:
        rows = [(change.key, change.model_dump_json(), self._worker) for change in changes]
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                for key, change, worker in rows:
                    found = self._db.execute("SELECT change FROM change WHERE key = ?", (key,)).fetchone()
                    if found is None:
                        self._db.execute("INSERT INTO change VALUES (?, ?, ?)", (key, change, worker))
                    elif found[0] != change:
                        self._db.execute("INSERT INTO conflict VALUES (?, ?, ?)", (key, found[0], change))
        except sqlite3.Error as exc:
            raise DatabaseUnavailable(str(exc)) from exc
        return len(changes)

    def has(self, key: str, /) -> bool:
        return self._db.execute("SELECT 1 FROM change WHERE key = ?", (key,)).fetchone() is not None

    def note_owner(self, topic: str, partition: int) -> None:
        """Note that this worker has restored a partition and goes on with it."""
        self._db.execute("INSERT INTO owner VALUES (?, ?, ?, ?)", (time.monotonic(), topic, partition, self._worker))

    def changes(self) -> dict[str, AlertChange]:
        found = self._db.execute("SELECT key, change FROM change")
        return {key: AlertChange.model_validate_json(change) for key, change in found}

    def keys(self) -> set[str]:
        return {key for (key,) in self._db.execute("SELECT key FROM change")}

    def conflicts(self) -> list[tuple[str, str, str]]:
        """Changes that came again with other content: key, the first and the other."""
        return self._db.execute("SELECT * FROM conflict").fetchall()

    def owners(self) -> list[tuple[float, str, int, int]]:
        """When, of which topic, which partition, which worker; in order."""
        return self._db.execute("SELECT at, topic, part, worker FROM owner ORDER BY at").fetchall()

    def close(self) -> None:
        self._db.close()
