"""Readings that were not judged, by device and reason, as other processes read them from the judge's file."""

import sqlite3
from pathlib import Path
from typing import Final

from ingest.process.sqlite_file import read_only

CREATE_NOT_JUDGED: Final = """
CREATE TABLE IF NOT EXISTS not_judged (
    device_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    readings INTEGER NOT NULL,
    PRIMARY KEY (device_id, reason)
)
"""
"""Reasons are those of `rules.engine.not_judged`. Written with each checkpoint, of the devices that changed."""
PUT_NOT_JUDGED: Final = """
INSERT INTO not_judged VALUES (?, ?, ?) ON CONFLICT (device_id, reason) DO UPDATE SET readings = excluded.readings
"""
_ALL: Final = "SELECT device_id, reason, readings FROM not_judged WHERE readings > 0"


def read_not_judged(judge_db: Path) -> dict[str, dict[str, int]]:
    """Counts by device and reason as of the last checkpoint; empty where there is no file or table, or a spoiled one.

    Never raises: the judge makes the file again.
    """
    found: dict[str, dict[str, int]] = {}
    try:
        with read_only(judge_db) as db:
            for device_id, reason, readings in db.execute(_ALL):
                found.setdefault(device_id, {})[reason] = readings
    except sqlite3.Error:
        return {}
    return found
