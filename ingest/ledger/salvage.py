"""Saves what can be read of a recorder's file with spoiled pages. Runs before the recorder opens it.

The file is no cache: it holds the ledger and the quarantine. A new file gets every row that can be read, from the
start of each table and from its end; what lies between is lost and named. The recorder then goes on at the offset up to
which everything is in the store: readings after it that were recorded already count as duplicates.
"""

import logging
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from ingest.ledger.deltas import LedgerDelta
from ingest.ledger.state_file import StateFile, StateUnavailable, positions_in
from ingest.ledger.writer import LedgerWriter
from ingest.log.records import ReadingLocation
from ingest.process.salvage import copy_readable, page_fault
from ingest.process.sqlite_file import set_aside, translated

_log = logging.getLogger(__name__)


def salvage_if_spoiled(path: Path, committed: Callable[[], Mapping[int, int]]) -> bool:
    """Check every page; True if the file was spoiled and has been replaced by one with what could be read.

    `committed`: the offsets that the recorder noted in the raw log, by partition. Raises StateUnavailable, and what
    `committed` raises.
    """
    with translated(path, StateUnavailable):
        fault = page_fault(path) if path.exists() else None
        if fault is None:
            return False
        noted = committed()  # before the file is touched: it may raise
        aside = set_aside(path, fault)
    with closing(StateFile(path)) as state:
        with (
            translated(aside, StateUnavailable),
            closing(sqlite3.connect(aside, isolation_level=None)) as old,
            state.changing() as new,
        ):
            lost = list(copy_readable(old, new, _is_whole))
            kept = positions_in(new)
            resumed = {partition: min(kept.get(partition) or offset, offset) for partition, offset in noted.items()}
            new.executemany(
                "INSERT INTO progress (partition, offset) VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET offset = excluded.offset",
                resumed.items(),
            )
            new.execute("UPDATE progress SET trouble = NULL, trouble_since = NULL")
        LedgerWriter(state, lambda: 0.0).compact_all()
        with state.changing() as new:
            _balance(new)
    for what in lost:
        _log.error("recorder: %s could not be read from %s and is lost", what, aside.name)
    _log.error(
        "recorder: going on after offset %d; what was recorded after it counts as duplicate", sum(resumed.values())
    )
    return True


def _is_whole(table: str, values: Mapping[str, Any]) -> bool:
    """False for a delta or a batch whose bytes cannot be decoded."""
    try:
        if table == "daybook":
            msgspec.msgpack.decode(values["body"], type=LedgerDelta)
        if table == "outbox":
            msgspec.json.decode(values["lines"], type=list[str])
            msgspec.json.decode(values["places"], type=list[ReadingLocation])
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError):
        return False
    return True


def _balance(db: sqlite3.Connection) -> None:
    """Let received be what is accounted for: rows of one table may be lost, and those of another there."""
    db.execute(
        "INSERT OR IGNORE INTO quarantine (partition, device, reason, readings, bytes)"
        " SELECT partition, counted_as, reason, sum(CASE WHEN redriven_at IS NULL THEN stands_for ELSE 0 END),"
        " sum(length(payload)) FROM dead_letter GROUP BY partition, counted_as, reason"
    )
    db.execute(
        "INSERT OR IGNORE INTO ledger (partition, device, received, duplicate)"
        " SELECT DISTINCT partition, device, 0, 0 FROM quarantine WHERE readings > 0"
    )
    db.execute(
        "UPDATE ledger SET received = stored + duplicate"
        " + coalesce((SELECT sum(readings) FROM quarantine WHERE quarantine.device = ledger.device), 0)"
    )
