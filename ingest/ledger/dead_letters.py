"""Dead letters: refused readings with reason and bytes; people look through them and redrive them when it is fixed.

Works from any process while the recorder runs. `ingest.ledger.quarantine` writes them.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from devices.codecs.registry import dialect_of
from devices.readings.refusals import Reason
from ingest.ledger.quarantine import LETTER_BYTES, change_counts
from ingest.ledger.state_file import opened_state
from ingest.log.ports import LogWriter
from ingest.log.raw_log import RawLogError
from ingest.log.records import RawMessage
from ingest.process.sqlite_file import transaction

_SHOWN_BYTES: Final = 4_096
_COLUMNS: Final = (
    "id, device, counted_as, reason, detail, field, topic, payload, received_at, redriven_at, redriven_offset,"
    " stands_for, kept"
)
_PURGE_LETTERS: Final = 500
"""Deleted in one transaction, so that the recorder waits for some milliseconds only."""
_PURGE_PAGES: Final = 2_000
"""Given back to the disk after each of them: more would keep the recorder waiting."""


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
    """The dead letters in the recorder's file. Every method raises StateUnavailable."""

    state_path: Path

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
        filters = {"device": device, "reason": reason, "since": since, "until": until, "redriven": redriven}
        filters["devices"] = None if devices is None else json.dumps(sorted(devices))
        with opened_state(self.state_path) as db:
            db.row_factory = sqlite3.Row
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM dead_letter WHERE id > :after"  # noqa: S608 - a constant
                " AND (:device IS NULL OR device = :device)"
                " AND (:devices IS NULL OR device IN (SELECT value FROM json_each(:devices)))"
                " AND (:reason IS NULL OR reason = :reason)"
                " AND (:since IS NULL OR received_at >= :since) AND (:until IS NULL OR received_at < :until)"
                " AND (redriven_offset IS NOT NULL) = :redriven ORDER BY id LIMIT :limit",
                {**filters, "after": after_id, "limit": limit},
            ).fetchall()
        return [_letter(row) for row in rows]

    def show(self, letter_id: int) -> DeadLetter:
        """Raises NoSuchLetter."""
        with opened_state(self.state_path) as db:
            return _letter(_row(db, letter_id))

    def payload(self, letter_id: int) -> bytes:
        """The bytes as they came. Raises NoSuchLetter."""
        with opened_state(self.state_path) as db:
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
        with opened_state(self.state_path) as db:
            rows = _take_out(db, letter_ids, now, outcome)
            if not rows:
                return outcome
            try:
                last = log.append([_copy(row, now) for row in rows])
            except RawLogError:
                _put_back(db, rows)
                raise
            first = last - len(rows) + 1
            outcome |= _note_offsets(db, rows, first, now)
        return outcome

    def purge(
        self, *, device: str | None = None, reason: Reason | None = None, before: int | None = None
    ) -> tuple[int, int]:
        """Delete letters, redriven ones too, received before `before` (ms). Their readings stay counted as quarantined.

        Returns how many letters there were, and how many bytes they took. Works in small transactions; what it has
        deleted stays deleted if it fails.
        """
        purged = purged_bytes = 0
        filters = {"device": device, "reason": reason, "before": before}
        with opened_state(self.state_path) as db:
            while True:
                with transaction(db):
                    rows = db.execute(_PURGEABLE, {**filters, "limit": _PURGE_LETTERS}).fetchall()
                    db.executemany("DELETE FROM dead_letter WHERE id = ?", [(row[0],) for row in rows])
                    freed: Counter[tuple[str, str]] = Counter()
                    for _, counted_as, of_reason, size in rows:
                        freed[counted_as, of_reason] -= size
                    change_counts(db, Counter(), freed)
                if not rows:
                    break
                purged += len(rows)
                purged_bytes -= freed.total()
                # As a script: `execute` takes one step, which frees one page.
                db.executescript(f"PRAGMA incremental_vacuum({_PURGE_PAGES})")
            if purged:
                db.executescript("PRAGMA incremental_vacuum")
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return purged, purged_bytes


_PURGEABLE: Final = (
    f"SELECT id, counted_as, reason, length(payload) + {LETTER_BYTES} FROM dead_letter"  # noqa: S608 - a constant
    " WHERE (:device IS NULL OR device = :device) AND (:reason IS NULL OR reason = :reason)"
    " AND received_at < coalesce(:before, 9223372036854775807) LIMIT :limit"
)


def _take_out(
    db: sqlite3.Connection, letter_ids: Sequence[int], now: int, outcome: dict[int, Redriven]
) -> list[sqlite3.Row]:
    """Take letters out of the counts and return them; why others cannot be redriven goes into `outcome`."""
    rows: list[sqlite3.Row] = []
    with transaction(db):
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


def _copy(row: sqlite3.Row, now: int) -> RawMessage:
    return RawMessage(row["topic"], bytes(row["payload"]), now, dialect_of(row["topic"]))


def _put_back(db: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> None:
    """Count letters again whose copies could not be appended."""
    with transaction(db):
        for row in rows:
            if _row(db, row["id"])["redriven_offset"] is None:  # otherwise another process redrove it meanwhile
                _count(db, row, +1, None)


def _note_offsets(db: sqlite3.Connection, rows: Sequence[sqlite3.Row], first: int, now: int) -> dict[int, int]:
    """Mark letters as redriven; the copy of the first one has offset `first`."""
    offsets: dict[int, int] = {}
    with transaction(db):
        for offset, row in enumerate(rows, first):
            if _row(db, row["id"])["redriven_at"] is None:  # another process failed and put it back meanwhile
                _count(db, row, -1, now)
            db.execute("UPDATE dead_letter SET redriven_offset = ? WHERE id = ?", (offset, row["id"]))
            offsets[row["id"]] = offset
    return offsets


def _redrivable(db: sqlite3.Connection, letter_id: int) -> sqlite3.Row:
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


def _count(db: sqlite3.Connection, row: sqlite3.Row, letters: int, redriven_at: int | None) -> None:
    readings = letters * row["stands_for"]
    change_counts(db, Counter({(row["counted_as"], row["reason"]): readings}), Counter())
    # The device may have no row yet while all its readings are in pending deltas.
    db.execute(
        "INSERT INTO ledger (device, received, duplicate) VALUES (?, ?, 0)"
        " ON CONFLICT (device) DO UPDATE SET received = received + excluded.received",
        (row["counted_as"], readings),
    )
    db.execute("UPDATE dead_letter SET redriven_at = ? WHERE id = ?", (redriven_at, row["id"]))


def _row(db: sqlite3.Connection, letter_id: int) -> sqlite3.Row:
    db.row_factory = sqlite3.Row
    found = db.execute(f"SELECT {_COLUMNS} FROM dead_letter WHERE id = ?", (letter_id,)).fetchone()  # noqa: S608
    if not isinstance(found, sqlite3.Row):
        raise NoSuchLetter(f"there is no dead letter {letter_id}")
    return found


def _letter(row: sqlite3.Row) -> DeadLetter:
    payload = bytes(row["payload"])
    columns = {name: row[name] for name in row.keys() if name not in {"counted_as", "payload", "reason"}}  # noqa: SIM118
    return DeadLetter(**columns, reason=Reason(row["reason"]), shown=_printable(payload), size_bytes=len(payload))


def _printable(payload: bytes) -> str:
    text = payload[:_SHOWN_BYTES].decode(errors="backslashreplace")
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return safe + ("…" if len(payload) > _SHOWN_BYTES else "")
