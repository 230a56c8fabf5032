"""The ledger as others read it: what became of every reading, in total and per device, and what the recorder is at.

    received = stored + duplicate + quarantined + queued

Queued are settled readings whose write is not confirmed, and readings the recorder has not come to yet: those are
counted by decoding them, up to `MAX_DECODED` readings. Of a longer backlog each further message counts as one reading
of nobody known, and `exact` is false.
"""

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict, computed_field

from devices.codecs.codec import MAX_PAYLOAD_BYTES
from devices.codecs.registry import codec_of, dialect_of
from devices.readings.refusals import DecodeError
from ingest.ledger.deltas import current_totals
from ingest.ledger.device_health import DeviceHealth
from ingest.log.flood_record import flood_of
from ingest.log.raw_log import RawLogCorrupt
from ingest.log.records import TICK_TOPIC, LogRecord, RawMessage
from ingest.recorder.state import open_state, queued, queued_by_device, state_errors

MAX_DECODED: Final = 20_000
"""About a quarter of a second of decoding."""
UNKNOWN: Final = "(unknown)"
"""The line of messages whose device cannot be told, and of made-up ids beyond those that have lines of their own."""
_PAGE: Final = 2_000


class Log(Protocol):
    """The part of the raw log the ledger reads."""

    def read(self, after: int, limit: int) -> list[LogRecord]: ...

    def last_offset(self) -> int: ...


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class LedgerLine(_Value):
    """Readings, each stored, duplicate, quarantined or queued. A message nobody can read is one reading."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: dict[str, int] = {}
    """By reason."""
    queued: int = 0
    gaps: int = 0
    """Sequence numbers that were given to readings and have not arrived, as far as the recorder has come."""

    @property
    def balanced(self) -> bool:
        return self.received == self.stored + self.duplicate + sum(self.quarantined.values()) + self.queued


class DeviceLedgerLine(LedgerLine):
    device: str
    first_seen: int | None = None
    """Collector's clock, ms; None while all of it is queued."""
    last_seen: int | None = None
    resets: int = 0
    """How often its sequence numbers began anew."""
    clock_offset_ms: int | None = None
    """Receive time less device time, running median: positive where its clock is behind; None until heard."""
    clock_drift_ms_per_h: float | None = None
    """How fast the offset grows; None until it was heard for an hour."""


class Ledger(_Value):
    """Serialises as `{"total": {…}, "devices": [{"device": …, …}], "exact": …, "balanced": …}`."""

    total: LedgerLine
    devices: tuple[DeviceLedgerLine, ...]
    """By device id."""
    exact: bool
    """False when the backlog was too long to decode, so that `queued` and `received` are estimates from below."""

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own advice for a computed property
    @property
    def balanced(self) -> bool:
        return self.total.balanced and all(line.balanced for line in self.devices)


class RecorderStatus(_Value):
    """How far the recorder is, and what it waits for."""

    offset: int
    backlog: int
    """Records of the raw log it has not come to."""
    pending: int
    """Settled readings that are not known to be in the store."""
    trouble: str | None
    """Why it waits, while it does."""
    trouble_since: int | None
    """ms since 1970 UTC."""
    write_ms: float | None = None
    """How long the last write to the store took; None before the first."""
    slowest_write_ms: float | None = None
    """Of the last hundred writes of this process."""


def read_ledger(state_path: Path, log: Log, *, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> Ledger:
    """Read it as of now, from any process. Raises StateUnavailable, RawLogFull."""
    with state_errors(state_path), closing(open_state(state_path)) as db:
        db.execute("BEGIN")  # one view of all tables
        (offset,) = db.execute("SELECT offset FROM progress").fetchone()
        settled = current_totals(db)
        letters = db.execute(
            "SELECT counted_as, reason, sum(stands_for) FROM dead_letter WHERE redriven_at IS NULL"
            " GROUP BY counted_as, reason"
        ).fetchall()
        pending = queued_by_device(db)
    unread, exact = _unread(log, offset, max_payload_bytes)
    quarantined: dict[str, dict[str, int]] = {}
    for name, reason, count in letters:
        quarantined.setdefault(name, {})[reason] = count
    lines = {
        (name := account.line): DeviceLedgerLine(
            device=name or UNKNOWN,
            received=account.received + unread[name],
            stored=account.stored - pending[name],
            duplicate=account.duplicate,
            quarantined=quarantined.get(name, {}),
            queued=pending[name] + unread[name],
            first_seen=account.first_seen,
            last_seen=account.last_seen,
            **_watched(account.watch),
        )
        for account in settled
    }
    for name in unread.keys() - lines.keys():
        lines[name] = DeviceLedgerLine(device=name or UNKNOWN, received=unread[name], queued=unread[name])
    devices = tuple(lines[name] for name in sorted(lines))
    return Ledger(total=_total(devices), devices=devices, exact=exact)


def read_status(state_path: Path, log: Log) -> RecorderStatus:
    """Raises StateUnavailable, RawLogFull."""
    with state_errors(state_path), closing(open_state(state_path)) as db:
        row = db.execute("SELECT offset, trouble, trouble_since, write_ms, slowest_write_ms FROM progress").fetchone()
        pending = queued(db)
    offset, trouble, since, write_ms, slowest_write_ms = row
    return RecorderStatus(
        offset=offset,
        backlog=max(log.last_offset() - offset, 0),
        pending=pending,
        trouble=trouble,
        trouble_since=since,
        write_ms=write_ms,
        slowest_write_ms=slowest_write_ms,
    )


def _watched(packed: bytes | None) -> dict[str, Any]:
    watch = DeviceHealth(packed)
    return {
        "gaps": watch.gaps,
        "resets": watch.resets,
        "clock_offset_ms": watch.clock_offset_ms,
        "clock_drift_ms_per_h": watch.clock_drift_ms_per_h,
    }


def _total(lines: tuple[DeviceLedgerLine, ...]) -> LedgerLine:
    quarantined: Counter[str] = Counter()
    for line in lines:
        quarantined.update(line.quarantined)
    return LedgerLine(
        received=sum(line.received for line in lines),
        stored=sum(line.stored for line in lines),
        duplicate=sum(line.duplicate for line in lines),
        quarantined=dict(sorted(quarantined.items())),
        queued=sum(line.queued for line in lines),
        gaps=sum(line.gaps for line in lines),
    )


def _unread(log: Log, offset: int, max_payload_bytes: int) -> tuple[Counter[str], bool]:
    """Readings after `offset` by device, and whether all of them were counted one by one."""
    readings: Counter[str] = Counter()
    decoded = 0
    while decoded < MAX_DECODED:
        try:
            records = log.read(offset, min(_PAGE, MAX_DECODED - decoded))
        except RawLogCorrupt as exc:
            readings[""] += 1
            decoded += 1
            offset = exc.offset
            continue
        if not records:
            return readings, True
        for record in records:
            offset, found = record.offset, 1
            if (flood := flood_of(record.message)) is not None:
                readings[codec_of(dialect_of(flood.topic)).device_of(flood.topic)] += flood.messages
            elif record.message.topic != TICK_TOPIC:
                found = _count(record.message, max_payload_bytes)
                readings[codec_of(record.message.dialect).device_of(record.message.topic)] += found
            decoded += found
            if decoded >= MAX_DECODED:
                break
    rest = max(log.last_offset() - offset, 0)
    if rest:
        readings[""] += rest
    return readings, rest == 0


def _count(message: RawMessage, max_payload_bytes: int) -> int:
    try:
        return len(codec_of(message.dialect).decode(message.topic, message.payload, max_bytes=max_payload_bytes))
    except DecodeError:
        return 1
