"""Dead letters: refused readings with reason and bytes; people look through them and redrive them when it is fixed.

Works from any process while the recorder runs. `ingest.ledger.quarantine` writes them.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from devices.codecs.registry import dialect_of
from devices.readings.refusals import Reason
from ingest.ledger.quarantine import LETTER_BYTES, CountKey, change_counts
from ingest.ledger.state.port import Statements, Tables
from ingest.ledger.state_file import opened_tables
from ingest.log.ports import LogWriter
from ingest.log.raw_log import RawLogError
from ingest.log.records import RawMessage

_SHOWN_BYTES: Final = 4_096
_COLUMNS: Final = (
    "id", "partition", "device", "counted_as", "reason", "detail", "field", "topic", "payload", "received_at",
    "redriven_at", "redriven_offset", "stands_for", "kept",
)  # fmt: skip
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM dead_letter"  # noqa: S608 - a constant
_Row = Mapping[str, Any]
_NOT_SHOWN: Final = frozenset({"partition", "counted_as", "payload", "reason"})
_PURGE_LETTERS: Final = 500
"""Deleted in one transaction, so that the recorder waits for some milliseconds only."""


class DeadLetter(BaseModel):
    """One refused reading, one message of which nothing could be read, or many of them."""

    model_config = ConfigDict(frozen=True)

    id: int
    device: str
    """Named by the topic; empty if the topic names none."""
    reason: Reason
    detail: str
    field: str | None
    topic: str
    shown: str
    """Its bytes, safe to print: no control characters, undecodable bytes as \\xNN, cut at 4 KiB."""
    size_bytes: int
    received_at: int
    """Collector's clock, ms; 0 if the disk has spoiled the record."""
    redriven_at: int | None
    """ms since 1970 UTC; None before it is redriven."""
    redriven_offset: int | None
    """Offset of its copy in the raw log; None while it waits."""
    stands_for: int = 1
    """Readings: elements of one array, or all that one device sent beyond its limits."""
    kept: bool = True
    """False: of the readings it stands for only the first is kept, so it cannot be redriven."""


class NoSuchLetter(LookupError):
    """No dead letter has this id."""


class NotRedrivable(Exception):
    """It cannot be redriven; the message says why."""


class AlreadyRedriven(NotRedrivable):
    """The letter was redriven before; its reading is counted where it ended."""


class NotKept(NotRedrivable):
    """The letter stands for readings of which only the first is kept."""


Redriven = int | NoSuchLetter | NotRedrivable
"""Offset of the copy in the raw log, or why there is none."""


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead letters among the recorder's tables. Every method raises StateUnavailable."""

    place: Path | Tables

    def list(  # noqa: PLR0913 - one filter each
        self,
        *,
        device: str | None = None,
        devices: Collection[str] | None = None,
        reason: Reason | None = None,
        since: int | None = None,
        until: int | None = None,
        redriven: bool = False,
        after_id: int = 0,
        limit: int = 100,
    ) -> "list[DeadLetter]":
        """Letters that wait, or with `redriven` those that were redriven; oldest first.

        since <= received_at < until (ms). `devices`: of one of these. The next page starts `after_id` the last id of
        this one.
        """
        asked = [
            ("id > ?", after_id),
            ("device = ?", device),
            ("device IN (SELECT value FROM json_each(?))", None if devices is None else json.dumps(sorted(devices))),
            ("reason = ?", reason and str(reason)),
            ("received_at >= ?", since),
            ("received_at < ?", until),
        ]
        where, parameters = _filters(asked)
        state = "NOT NULL" if redriven else "NULL"
        with opened_tables(self.place) as tables, tables.snapshot() as db:
            rows = db.execute(
                f"{_SELECT} WHERE {where} AND redriven_offset IS {state} ORDER BY id LIMIT ?", (*parameters, limit)
            ).fetchall()
        return [_letter(_named(row)) for row in rows]

    def show(self, letter_id: int) -> DeadLetter:
        """Raises NoSuchLetter."""
        with opened_tables(self.place) as tables, tables.snapshot() as db:
            return _letter(_row(db, letter_id))

    def payload(self, letter_id: int) -> bytes:
        """The bytes as they came. Raises NoSuchLetter."""
        with opened_tables(self.place) as tables, tables.snapshot() as db:
            return bytes(_row(db, letter_id)["payload"])

    def redrive(self, letter_id: int, log: LogWriter, now: int) -> int:
        """Append a copy of the letter to the raw log and return its offset. `now` is ms since 1970 UTC.

        Raises NoSuchLetter, NotRedrivable, RawLogError; nothing has changed then.
        """
        outcome = self.redrive_all([letter_id], log, now)[letter_id]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def redrive_all(self, letter_ids: Sequence[int], log: LogWriter, now: int) -> dict[int, Redriven]:
        """Redrive many letters for the cost of one; return for each the offset of its copy, or why there is none.

        1. The letters leave `received` and `quarantined`.
        2. Copies are appended; the recorder counts them when it reads them.
        3. The copies' offsets are noted.

        After a crash in between the letters still wait: at worst they are redriven twice, and the second copies are
        duplicates. Step 1 comes first, or the recorder could take the copy of a conflict for a duplicate of the letter
        itself.

        Raises RawLogError; nothing has changed then.
        """
        outcome: dict[int, Redriven] = {}
        with opened_tables(self.place) as tables:
            rows = _take_out(tables, letter_ids, now, outcome)
            if not rows:
                return outcome
            try:
                last = log.append([_copy(row, now) for row in rows])
            except RawLogError:
                _put_back(tables, rows)
                raise
            first = last - len(rows) + 1
            outcome |= _note_offsets(tables, rows, first, now)
        return outcome

    def purge(
        self, *, device: str | None = None, reason: Reason | None = None, before: int | None = None
    ) -> tuple[int, int]:
        """Delete letters, redriven ones too, received before `before` (ms). Their readings stay counted as quarantined.

        Returns how many letters there were, and how many bytes they took. Works in small transactions; what it has
        deleted stays deleted if it fails.
        """
        purged = purged_bytes = 0
        where, parameters = _filters(
            [("id > ?", 0), ("device = ?", device), ("reason = ?", reason and str(reason)), ("received_at < ?", before)]
        )
        query = f"{_PURGEABLE} WHERE {where} LIMIT ?"
        with opened_tables(self.place) as tables:
            while True:
                with tables.changing() as db:
                    rows = db.execute(query, (*parameters, _PURGE_LETTERS)).fetchall()
                    db.executemany("DELETE FROM dead_letter WHERE id = ?", [(row[0],) for row in rows])
                    freed: Counter[CountKey] = Counter()
                    for _, partition, counted_as, of_reason, size in rows:
                        freed[partition, counted_as, of_reason] -= size
                    change_counts(db, Counter(), freed)
                if not rows:
                    break
                purged += len(rows)
                purged_bytes -= freed.total()
                tables.give_back(rest=False)
            if purged:
                tables.give_back(rest=True)
        return purged, purged_bytes


_PURGEABLE: Final = f"SELECT id, partition, counted_as, reason, length(payload) + {LETTER_BYTES} FROM dead_letter"  # noqa: S608 - a constant


def _filters(asked: Sequence[tuple[str, str | int | None]]) -> tuple[str, list[str | int]]:
    """The conditions that are asked for, and their parameters; None asks for nothing."""
    conditions = [condition for condition, value in asked if value is not None]
    return " AND ".join(conditions), [value for _, value in asked if value is not None]


def _take_out(tables: Tables, letter_ids: Sequence[int], now: int, outcome: dict[int, Redriven]) -> list[_Row]:
    """Take letters out of the counts and return them; why others cannot be redriven goes into `outcome`."""
    rows: list[_Row] = []
    with tables.changing() as db:
        for letter_id in dict.fromkeys(letter_ids):
            try:
                row = _redrivable(db, letter_id)
            except (NoSuchLetter, NotRedrivable) as exc:
                outcome[letter_id] = exc
                continue
            if row["redriven_at"] is None:
                _count(db, row, -1, now)
            rows.append(row)
    return rows


def _copy(row: _Row, now: int) -> RawMessage:
    return RawMessage(row["topic"], bytes(row["payload"]), now, dialect_of(row["topic"]))


def _put_back(tables: Tables, rows: Sequence[_Row]) -> None:
    """Count letters again whose copies could not be appended."""
    with tables.changing() as db:
        for row in rows:
            if _row(db, row["id"])["redriven_offset"] is None:  # otherwise another process redrove it meanwhile
                _count(db, row, +1, None)


def _note_offsets(tables: Tables, rows: Sequence[_Row], first: int, now: int) -> dict[int, int]:
    """Mark letters as redriven; the copy of the first one has offset `first`."""
    offsets: dict[int, int] = {}
    with tables.changing() as db:
        for offset, row in enumerate(rows, first):
            if _row(db, row["id"])["redriven_at"] is None:  # another process failed and put it back meanwhile
                _count(db, row, -1, now)
            db.execute("UPDATE dead_letter SET redriven_offset = ? WHERE id = ?", (offset, row["id"]))
            offsets[row["id"]] = offset
    return offsets


def _redrivable(db: Statements, letter_id: int) -> _Row:
    """Raises NoSuchLetter, NotRedrivable."""
    row = _row(db, letter_id)
    if row["redriven_offset"] is not None:
        raise AlreadyRedriven(f"dead letter {letter_id} was already redriven")
    if not row["kept"]:
        raise NotKept(
            f"dead letter {letter_id} stands for {row['stands_for']} readings, of which only the first is kept: raise"
            " the limits of a device, or have the device send them again"
        )
    return row


def _count(db: Statements, row: _Row, letters: int, redriven_at: int | None) -> None:
    readings = letters * row["stands_for"]
    change_counts(db, Counter({(row["partition"], row["counted_as"], row["reason"]): readings}), Counter())
    # The device may have no row yet while all its readings are in pending deltas.
    db.execute(
        "INSERT INTO ledger (partition, device, received, duplicate) VALUES (?, ?, ?, 0)"
        " ON CONFLICT (partition, device) DO UPDATE SET received = ledger.received + excluded.received",
        (row["partition"], row["counted_as"], readings),
    )
    db.execute("UPDATE dead_letter SET redriven_at = ? WHERE id = ?", (redriven_at, row["id"]))


def _row(db: Statements, letter_id: int) -> _Row:
    found = db.execute(f"{_SELECT} WHERE id = ?", (letter_id,)).fetchone()
    if found is None:
        raise NoSuchLetter(f"there is no dead letter {letter_id}")
    return _named(found)


def _named(row: Sequence[Any]) -> _Row:
    return dict(zip(_COLUMNS, row, strict=True))


def _letter(row: _Row) -> DeadLetter:
    payload = bytes(row["payload"])
    columns = {name: value for name, value in row.items() if name not in _NOT_SHOWN}
    return DeadLetter(**columns, reason=Reason(row["reason"]), shown=_printable(payload), size_bytes=len(payload))


def _printable(payload: bytes) -> str:
    text = payload[:_SHOWN_BYTES].decode(errors="backslashreplace")
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return safe + ("…" if len(payload) > _SHOWN_BYTES else "")
