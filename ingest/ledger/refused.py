"""Refused readings, and how the recorder keeps them as dead letters. `dead_letters` reads and redrives them."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from devices.readings.refusals import Refusal
from ingest.store import Instant


@dataclass(frozen=True, slots=True)
class RefusedReading:
    """A refused reading, or a message of which nothing could be read."""

    device_id: str
    """Named by the topic; empty if the topic names none."""
    counted_as: str
    """Row of the ledger: the device id, or empty for unregistered devices without a row of their own."""
    refusal: Refusal
    topic: str
    payload: bytes
    """The bytes as they came."""
    received_at: int
    """Collector's clock, ms; 0 if it is lost."""
    conflict: tuple[Instant, bytes] | None = None
    """Of a conflict: its instant, and the digest of its content."""
    stands_for: int = 1
    """Readings; more than one only for a flood, of which only the first message is kept."""


def count_refused(letters: Iterable[RefusedReading]) -> Counter[str]:
    """Count readings by row of the ledger."""
    counts: Counter[str] = Counter()
    for letter in letters:
        counts[letter.counted_as] += letter.stands_for
    return counts


def insert_letters(db: sqlite3.Connection, letters: Iterable[RefusedReading]) -> None:
    """Keep refused readings as dead letters; inside the transaction that counts them."""
    rows = []
    for letter in letters:
        instant, digest = letter.conflict or (None, None)
        kind, part, ts = (instant.series.kind, instant.series.part, instant.ts) if instant else (None, None, None)
        refusal = letter.refusal
        rows.append(
            (
                *(letter.device_id, letter.counted_as, refusal.reason, refusal.detail, refusal.field),
                *(letter.topic, letter.payload, letter.received_at, kind, part, ts, digest, letter.stands_for),
            )
        )
    db.executemany(
        "INSERT INTO dead_letter (device, counted_as, reason, detail, field, topic, payload, received_at,"
        " kind, part, ts, digest, stands_for) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def has_conflict(db: sqlite3.Connection, instant: Instant, digest: bytes) -> bool:
    """Whether a conflict at this instant with this content is a dead letter that was not redriven."""
    found = db.execute(
        "SELECT 1 FROM dead_letter WHERE kind = ? AND device = ? AND part = ? AND ts = ? AND digest = ?"
        " AND redriven_at IS NULL",
        (*instant.series, instant.ts, digest),
    )
    return found.fetchone() is not None
