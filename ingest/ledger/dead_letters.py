"""Dead letters: what was refused, why, with its bytes; looked through and driven again once the cause is mended.

Works from any process while the recorder runs.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict

from devices.readings.refusals import Reason
from ingest.log.raw_log import RawLogError
from ingest.log.records import RawMessage
from ingest.recorder.state import open_state, state_errors, transaction

_SHOWN_BYTES: Final = 4_096
_COLUMNS: Final = (
    "id, device, counted_as, reason, detail, field, topic, payload, received_at, redriven_at, redriven_offset,"
    " stands_for"
)


class Appender(Protocol):
    """The part of the raw log a redrive uses."""

    def append(self, messages: Sequence[RawMessage]) -> int: ...


class DeadLetter(BaseModel):
    """One refused reading, or message of which nothing could be read, or a flood's messages in sum."""

    model_config = ConfigDict(frozen=True)

    id: int
    device: str
    """As its topic says; empty if the topic names none."""
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
    """When it was driven again, ms."""
    redriven_offset: int | None
    """Where its copy stands in the raw log; it waits while None."""
    stands_for: int = 1
    """Readings it is counted as: more than one only for a flood, of which the first message alone is kept."""


class NoSuchLetter(LookupError):
    """No dead letter has this id."""


class NotRedrivable(Exception):
    """It cannot be driven again, and the message says why."""


class AlreadyRedriven(NotRedrivable):
    """The letter was driven again before; its reading is counted where it ended."""


class NotKept(NotRedrivable):
    """The letter stands for a flood's messages, of which only the first is kept."""


Redriven = int | NoSuchLetter | NotRedrivable
"""The new offset in the raw log, or why there is none."""


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead letters in the recorder's file. Every method raises `recorder_state.StateUnavailable`."""

    state_path: Path

    def list(
        self,
        *,
        device: str | None = None,
        reason: Reason | None = None,
        since: int | None = None,
        until: int | None = None,
        redriven: bool = False,
        after_id: int = 0,
        limit: int = 100,
    ) -> "list[DeadLetter]":
        """Oldest first, since <= received_at < until (ms); the next page starts `after_id` the last id of this one.

        Letters that wait, or with `redriven` those that were driven again.
        """
        filters = {"device": device, "reason": reason, "since": since, "until": until, "redriven": redriven}
        with state_errors(self.state_path), closing(open_state(self.state_path)) as db:
            db.row_factory = sqlite3.Row
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM dead_letter WHERE id > :after"  # noqa: S608 - a constant
                " AND (:device IS NULL OR device = :device) AND (:reason IS NULL OR reason = :reason)"
                " AND (:since IS NULL OR received_at >= :since) AND (:until IS NULL OR received_at < :until)"
                " AND (redriven_offset IS NOT NULL) = :redriven ORDER BY id LIMIT :limit",
                {**filters, "after": after_id, "limit": limit},
            ).fetchall()
        return [_letter(row) for row in rows]

    def show(self, letter_id: int) -> DeadLetter:
        """Raises NoSuchLetter."""
        with state_errors(self.state_path), closing(open_state(self.state_path)) as db:
            return _letter(_row(db, letter_id))

    def payload(self, letter_id: int) -> bytes:
        """The bytes as they came. Raises NoSuchLetter."""
        with state_errors(self.state_path), closing(open_state(self.state_path)) as db:
            return bytes(_row(db, letter_id)["payload"])

    def redrive(self, letter_id: int, log: Appender, now: int) -> int:
        """Send a letter through the path again; its new offset in the raw log. `now` is ms since 1970 UTC.

        Raises NoSuchLetter, NotRedrivable, RawLogError (nothing has changed then).
        """
        outcome = self.redrive_all([letter_id], log, now)[letter_id]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def redrive_all(self, letter_ids: Sequence[int], log: Appender, now: int) -> dict[int, Redriven]:
        """The same for many at once, at the price of one: for each its new offset, or why it is not driven.

        First they leave `received` and `quarantined`, then their copies are appended (and counted when the recorder
        reads them), then the copies' offsets are noted. A crash in between leaves them among those that wait, so at
        worst they are driven twice and the second time are duplicates. The mark comes first, or the recorder could take
        the copy of a conflict for a duplicate of the letter itself.

        Raises RawLogError (nothing has changed then).
        """
        outcome: dict[int, Redriven] = {}
        driven: list[sqlite3.Row] = []
        with state_errors(self.state_path), closing(open_state(self.state_path)) as db:
            with transaction(db):
                for letter_id in dict.fromkeys(letter_ids):
                    try:
                        row = _drivable(db, letter_id)
                    except (NoSuchLetter, NotRedrivable) as exc:
                        outcome[letter_id] = exc
                        continue
                    if row["redriven_at"] is None:
                        _count(db, row, -1, now)
                    driven.append(row)
            if not driven:
                return outcome
            try:
                last = log.append([RawMessage(row["topic"], bytes(row["payload"]), now) for row in driven])
            except RawLogError:
                with transaction(db):
                    for row in driven:
                        if _row(db, row["id"])["redriven_offset"] is None:  # else another hand has driven it meanwhile
                            _count(db, row, +1, None)
                raise
            with transaction(db):
                for offset, row in enumerate(driven, last - len(driven) + 1):
                    if _row(db, row["id"])["redriven_at"] is None:  # another hand has failed and undone it meanwhile
                        _count(db, row, -1, now)
                    db.execute("UPDATE dead_letter SET redriven_offset = ? WHERE id = ?", (offset, row["id"]))
                    outcome[row["id"]] = offset
        return outcome


def _drivable(db: sqlite3.Connection, letter_id: int) -> sqlite3.Row:
    row = _row(db, letter_id)
    if row["redriven_offset"] is not None:
        raise AlreadyRedriven(f"dead letter {letter_id} was driven again already")
    if row["stands_for"] != 1:
        raise NotKept(
            f"dead letter {letter_id} stands for {row['stands_for']} messages of a flood, of which only the first is"
            " kept: raise the device's rate limit, or have the device send them again"
        )
    return row


def _count(db: sqlite3.Connection, row: sqlite3.Row, readings: int, redriven_at: int | None) -> None:
    # It may have no row yet, while what is known of it stands on pages of the daybook.
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
    said = {name: row[name] for name in row.keys() if name not in {"counted_as", "payload", "reason"}}  # noqa: SIM118
    return DeadLetter(**said, reason=Reason(row["reason"]), shown=_shown(payload), size_bytes=len(payload))


def _shown(payload: bytes) -> str:
    text = payload[:_SHOWN_BYTES].decode(errors="backslashreplace")
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return safe + ("…" if len(payload) > _SHOWN_BYTES else "")
