"""The quarantine: how the recorder keeps refused readings as dead letters, within bounds. `dead_letters` reads them.

    refused readings → counted by device and reason → each a letter of its own, while there is room
                                                    → else added to one letter of the hour, which keeps the first

Counts are kept beside the letters, so that they stay when letters are purged.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from devices.readings.refusals import Reason
from ingest.ledger.refused import RefusedReading
from ingest.ledger.state.port import Statements
from ingest.process.over_limit import Limit
from ingest.store import Instant

LETTER_BYTES: Final = 512
"""What a letter takes on disk beside its payload."""
_SAMPLE_BYTES: Final = 1_024
"""Kept of the first payload where one letter stands for many."""
_MERGE_MS: Final = 3_600_000
"""Readings of one device and reason without letters of their own are one letter an hour."""
_MIB: Final = 1 << 20

_LIMIT_OF: Final = {
    Reason.TOO_MANY_COMPARTMENTS.value: Limit.COMPARTMENTS,
    Reason.NOT_COMPARED.value: Limit.SCATTERED_TIMES,
}

_Key = tuple[str, str]
"""Device of a row of the ledger, and reason."""
CountKey = tuple[int, str, str]
"""Row of the ledger (partition and device), and reason."""


class LetterLimits(NamedTuple):
    """How much space dead letters may take."""

    device_bytes: int = 64 * _MIB
    total_bytes: int = 1_024 * _MIB


@dataclass(slots=True)
class _Sum:
    """Readings of one device and reason that get no letters of their own."""

    first: RefusedReading
    until: int
    """Receive time of the last one, ms."""
    readings: int = 0


@dataclass(slots=True)
class _Added:
    """What is added in one transaction."""

    readings: Counter[_Key] = field(default_factory=Counter)
    bytes: Counter[_Key] = field(default_factory=Counter)
    rows: list[tuple[object, ...]] = field(default_factory=list)
    sums: dict[_Key, _Sum] = field(default_factory=dict)


class Quarantine:
    """Adds refused readings, in the recorder's transactions."""

    def __init__(
        self,
        limits: LetterLimits = LetterLimits(),  # noqa: B008 - immutable
        has_disk: Callable[[], bool] = lambda: True,
        note: Callable[[str, Limit, int], None] = lambda device_id, limit, count: None,
    ) -> None:
        """`has_disk`: whether the disk has room for letters. `note` is called with devices beyond a limit."""
        self._limits, self._has_disk, self._note = limits, has_disk, note

    def add(self, db: Statements, partition: int, letters: Sequence[RefusedReading]) -> None:
        """Keep refused readings of a partition; inside the transaction that counts them."""
        if not letters:
            return
        added, has_disk = _Added(), self._has_disk()
        room_total = self._limits.total_bytes - kept_bytes(db) if has_disk else 0
        room: dict[str, int] = {}
        for letter in letters:
            device, key, size = letter.counted_as, (letter.counted_as, letter.refusal.reason.value), _size(letter)
            added.readings[key] += letter.stands_for
            if device not in room:
                room[device] = self._limits.device_bytes - kept_bytes(db, (partition, device))
            if letter.flood_until is not None or size > min(room[device], room_total):
                _add_to_sum(added, key, letter)
                continue
            room[device] -= size
            room_total -= size
            added.bytes[key] += size
            added.rows.append(_row(partition, letter))
        db.executemany(_INSERT, added.rows)
        for key, summed in added.sums.items():
            added.bytes[key] += _add_sum(db, partition, key, summed, is_kept=has_disk)
            if summed.first.flood_until is None:
                self._note(key[0], Limit.DEAD_LETTERS, summed.readings)
        for (device, reason), readings in added.readings.items():
            if reason in _LIMIT_OF:
                self._note(device, _LIMIT_OF[reason], readings)
        change_counts(db, _of(partition, added.readings), _of(partition, added.bytes))


def kept_bytes(db: Statements, row: tuple[int, str] | None = None) -> int:
    """What the letters of a row of the ledger (partition and device) take on disk, by default all letters."""
    if row is None:
        (kept,) = db.execute("SELECT sum(bytes) FROM letters_kept").fetchone()
    else:
        (kept,) = db.execute("SELECT sum(bytes) FROM quarantine WHERE partition = ? AND device = ?", row).fetchone()
    return int(kept or 0)


def change_counts(db: Statements, readings: Counter[CountKey], kept: Counter[CountKey]) -> None:
    """Add to the counts, negative numbers too; inside the transaction that changes the letters."""
    rows = [(*key, readings[key], kept[key]) for key in sorted(readings.keys() | kept.keys())]
    db.executemany(
        "INSERT INTO quarantine (partition, device, reason, readings, bytes) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (partition, device, reason) DO UPDATE"
        " SET readings = quarantine.readings + excluded.readings, bytes = quarantine.bytes + excluded.bytes",
        rows,
    )
    by_partition: Counter[int] = Counter()
    for (partition, _, _), size in kept.items():
        by_partition[partition] += size
    db.executemany(
        "INSERT INTO letters_kept (partition, bytes) VALUES (?, ?)"
        " ON CONFLICT (partition) DO UPDATE SET bytes = letters_kept.bytes + excluded.bytes",
        sorted(by_partition.items()),
    )


def _of(partition: int, counts: Counter[_Key]) -> Counter[CountKey]:
    return Counter({(partition, *key): count for key, count in counts.items()})


def has_conflict(db: Statements, instant: Instant, digest: bytes) -> bool:
    """Whether a conflict at this instant with this content is a dead letter that was not redriven."""
    found = db.execute(
        "SELECT 1 FROM dead_letter WHERE kind = ? AND device = ? AND part = ? AND ts = ? AND digest = ?"
        " AND redriven_at IS NULL",
        (str(instant.series.kind), instant.series.device_id, instant.series.part, instant.ts, digest),
    )
    return found.fetchone() is not None


_INSERT: Final = (
    "INSERT INTO dead_letter (partition, device, counted_as, reason, detail, field, topic, payload, received_at,"
    " kind, part, ts, digest, stands_for, kept) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _row(partition: int, letter: RefusedReading) -> tuple[object, ...]:
    instant, digest = letter.conflict or (None, None)
    kind, part, ts = (str(instant.series.kind), instant.series.part, instant.ts) if instant else (None, None, None)
    refusal = letter.refusal
    return (
        *(partition, letter.device_id, letter.counted_as, str(refusal.reason), refusal.detail, refusal.field),
        *(_writable(letter.topic), letter.payload, letter.received_at, kind, part, ts, digest, letter.stands_for, 1),
    )


def _writable(topic: str) -> str:
    """The topic without U+0000, which PostgreSQL's texts cannot hold: one message would stop its partition for ever."""
    return topic.replace("\0", "\\0")


def _size(letter: RefusedReading) -> int:
    return len(letter.payload) + LETTER_BYTES


def _add_to_sum(added: _Added, key: _Key, letter: RefusedReading) -> None:
    until = letter.received_at if letter.flood_until is None else letter.flood_until
    summed = added.sums.setdefault(key, _Sum(letter, until))
    summed.until = max(summed.until, until)
    summed.readings += letter.stands_for


def _add_sum(db: Statements, partition: int, key: _Key, summed: _Sum, *, is_kept: bool) -> int:
    """Add to the letter of the hour, or begin one; return what that takes on disk."""
    first = summed.first
    found = db.execute(
        "SELECT id, stands_for, received_at FROM dead_letter WHERE counted_as = ? AND reason = ? AND kept = 0"
        " AND redriven_at IS NULL AND partition = ? ORDER BY id DESC LIMIT 1",
        (*key, partition),
    ).fetchone()
    if found is not None and abs(summed.until - found[2]) < _MERGE_MS:
        letter_id, readings, since = found[0], found[1] + summed.readings, found[2]
        detail = _detail(first, readings, since, summed.until)
        db.execute("UPDATE dead_letter SET stands_for = ?, detail = ? WHERE id = ?", (readings, detail, letter_id))
        return 0
    sample = first.payload[:_SAMPLE_BYTES] if is_kept else b""
    refusal, detail = first.refusal, _detail(first, summed.readings, first.received_at, summed.until)
    db.execute(
        _INSERT,
        (
            *(partition, first.device_id, first.counted_as, str(refusal.reason), detail, refusal.field),
            *(_writable(first.topic), sample),
            *(first.received_at, None, None, None, None, summed.readings, 0),
        ),
    )
    return len(sample) + LETTER_BYTES


def _detail(first: RefusedReading, readings: int, since: int, until: int) -> str:
    between = f"between {_utc(since)} and {_utc(until)}"
    if first.refusal.reason is Reason.FLOOD:
        return f"{readings} messages beyond the limits of the device {between}; the first is kept"
    beyond = "for which the dead letters of the device have no room"
    return f"{readings} readings {between}, {beyond}; only the first is kept: {first.refusal.detail}"


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
