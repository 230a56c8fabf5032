"""Weighings among the recorder's tables: each once, numbered as they came, for the process that makes sessions of them.

They are in the transaction of their batch, so none is missing and none comes twice.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import json

from devices.readings.models import Weighing
from devices.readings.tickets import fault_of
from ingest.ledger.state.port import Statements, StateUnavailable, Tables
from ingest.ledger.state_file import watched

MOST_ROWS: Final = 500_000
"""50 bridges with 500 weighings a day, for 20 days: longer than the database may be away."""
_IS_NEW: Final = "SELECT 1 FROM weighing_row WHERE no > ? LIMIT 1"
_ROWS: Final = "SELECT no, body FROM weighing_row WHERE no > ? ORDER BY no LIMIT ?"
_ADD: Final = "INSERT INTO weighing_row (device, ts, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_FORGET: Final = "DELETE FROM weighing_row WHERE no <= (SELECT max(no) FROM weighing_row) - ?"


class WeighingRow(NamedTuple):
    """A weighing, and its number in the file."""

    no: int
    weighing: Weighing


class WeighingRows(NamedTuple):
    """What came after a number."""

    file_id: str
    """Of the file: another one counts from 1 again. Empty where there is none."""
    rows: Sequence[WeighingRow]


def put_weighings(db: Statements, weighings: Iterable[Weighing]) -> None:
    """Add weighings that may be believed and are not there yet."""
    found = [(one.device_id, one.ts, json.encode(one)) for one in weighings if fault_of(one) is None]
    if found:
        db.executemany(_ADD, found)
        db.execute(_FORGET, (MOST_ROWS,))


def read_weighings(place: Path | Tables, file_id: str, after: int, limit: int) -> WeighingRows:
    """Rows with a number above `after`, in its order, at most `limit`; `file_id` is that of the last call.

    None where it is another file: read that from 0. None where there is no file, or a spoiled one, which the recorder
    makes again.
    """
    try:
        with watched(place) as db:
            [(found_id,)] = db.execute("SELECT id FROM weighing_file").fetchall()
            if found_id != file_id or not db.execute(_IS_NEW, (after,)).fetchall():
                return WeighingRows(found_id, ())
        with _settled(place) as db:
            found = db.execute(_ROWS, (after, limit)).fetchall()
    except (StateUnavailable, ValueError):
        return WeighingRows("", ())
    return WeighingRows(found_id, [WeighingRow(no, json.decode(body, type=Weighing)) for no, body in found])


def _settled(place: Path | Tables) -> AbstractContextManager[Statements]:
    """While nobody is about to commit a number below one that is there, as one of several recorders may."""
    return watched(place) if isinstance(place, Path) else place.changing()
