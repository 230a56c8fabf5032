"""The ledger for readers: what became of every reading, in total and per device, and how far the recorder is.

    received = stored + duplicate + quarantined + queued

Queued are committed readings whose write is not confirmed, and readings that the recorder has not read yet. The latter
are counted by decoding them, up to `MAX_DECODED` readings. Beyond that each message counts as one reading of an unknown
device, and `exact` is false.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, computed_field

from devices.codecs.codec import MAX_PAYLOAD_BYTES
from devices.codecs.registry import codec_of, dialect_of
from devices.readings.refusals import DecodeError
from ingest.ledger.corrected import corrected_of
from ingest.ledger.deltas import current_totals
from ingest.ledger.device_health import DeviceHealth
from ingest.ledger.queued import queued, queued_by_device
from ingest.ledger.state.port import Tables
from ingest.ledger.state_file import opened_tables, positions_in
from ingest.log.flood_record import flood_of
from ingest.log.ports import Log, LogReader
from ingest.log.raw_log import RawLogCorrupt
from ingest.log.records import RawMessage, holds_readings

MAX_DECODED: Final = 20_000
"""About a quarter of a second of decoding."""
UNKNOWN: Final = "(unknown)"
"""Shown as the device of messages that name none, and of unregistered ids beyond those with a line of their own."""
_READ_RECORDS: Final = 2_000


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class LedgerLine(_Value):
    """Readings, each stored, duplicate, quarantined or queued. A message that cannot be read is one reading."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: dict[str, int] = {}
    """By reason."""
    queued: int = 0
    gaps: int = 0
    """Sequence numbers that devices gave to readings and that have not arrived, up to the recorder's offset."""
    dropped_fields: dict[str, int] = {}
    """Faulty values that accepted readings stand without, by field: `{"temperature_c": 12}`."""
    clamped_fields: dict[str, int] = {}
    """Levels between 100 and 120 % that count as 100 %, by field."""
    outside_region: int = 0
    """Positions outside the city's region: stored with `located` false, never judged."""
    clock_corrected: int = 0
    """Readings whose time has the correction of their device's clock in it."""

    not_judged: dict[str, int] = {}
    """Accepted readings that no rule has judged, by reason (`rules.engine.not_judged`), as of its checkpoint."""

    @property
    def balanced(self) -> bool:
        return self.received == self.stored + self.duplicate + sum(self.quarantined.values()) + self.queued


class DeviceLedgerLine(LedgerLine):
    device: str
    first_seen: int | None = None
    """Collector's clock, ms; None while all its readings are queued."""
    last_seen: int | None = None
    heard_at: int | None = None
    """Receive time of its last new reading, none that was sent before, replayed by the broker or refused."""
    resets: int = 0
    """How often its sequence numbers started again."""
    clock_offset_ms: int | None = None
    """Receive time minus device time, corrected, running median: positive where its clock is behind; None before any
    sample."""
    clock_drift_ms_per_h: float | None = None
    """How fast the offset grows; None before an hour of samples."""


class Ledger(_Value):
    """Serialises as `{"total": {…}, "devices": [{"device": …, …}], "exact": …, "balanced": …}`."""

    total: LedgerLine
    devices: tuple[DeviceLedgerLine, ...]
    """By device id."""
    exact: bool
    """False when the backlog is too long to decode: `queued` and `received` are then lower bounds."""
    since: int | None = Field(None, exclude=True)
    """Wall clock, ms: when who reads it first saw it balanced, or not, as it is. None: nobody watches it."""

    def with_waiting(self, by_device: Mapping[str, int]) -> "Ledger":
        """Add messages that wait for their device's share of the raw log, as received and queued; one reading each."""
        if not by_device:
            return self
        lines = {line.device: line for line in self.devices}
        for device_id, count in by_device.items():
            name = device_id or UNKNOWN
            line = lines.get(name, DeviceLedgerLine(device=name))
            more = {"received": line.received + count, "queued": line.queued + count}
            lines[name] = line.model_copy(update=more)
        devices = tuple(lines[name] for name in sorted(lines))
        return self.model_copy(
            update={
                "total": _total(devices).model_copy(update={"not_judged": self.total.not_judged}),
                "devices": devices,
                "exact": False,
            }
        )

    def with_not_judged(self, by_device: Mapping[str, Mapping[str, int]]) -> "Ledger":
        """Add what the judge reports, by device and reason."""
        if not by_device:
            return self
        devices = tuple(
            line.model_copy(update={"not_judged": dict(by_device[line.device])}) if line.device in by_device else line
            for line in self.devices
        )
        total: Counter[str] = Counter()
        for line in devices:
            total.update(line.not_judged)
        total_line = self.total.model_copy(update={"not_judged": dict(sorted(total.items()))})
        return self.model_copy(update={"total": total_line, "devices": devices})

    def of_devices(self, device_ids: Collection[str]) -> "Ledger":
        """The lines of these devices, and their total."""
        devices = tuple(line for line in self.devices if line.device in device_ids)
        not_judged: Counter[str] = Counter()
        for line in devices:
            not_judged.update(line.not_judged)
        total = _total(devices).model_copy(update={"not_judged": dict(sorted(not_judged.items()))})
        return self.model_copy(update={"total": total, "devices": devices, "since": None})

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own advice for a computed property
    @property
    def balanced(self) -> bool:
        return self.total.balanced and all(line.balanced for line in self.devices)


class RecorderStatus(_Value):
    """How far the recorder is, and what it waits for."""

    offset: int
    backlog: int
    """Records that the raw log keeps after its offset."""
    pending: int
    """Committed readings whose write is not confirmed."""
    trouble: str | None
    """Why it waits; None while it does not."""
    trouble_since: int | None
    """ms since 1970 UTC."""
    write_ms: float | None = None
    """Duration of the last write to the store; None before the first."""
    slowest_write_ms: float | None = None
    """The slowest of the last hundred writes of the recorder's process."""


def read_ledger(place: Path | Tables, log: Log, *, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> Ledger:
    """Read the ledger as of now, from any process. Raises StateUnavailable, RawLogError."""
    with opened_tables(place) as tables, tables.snapshot() as db:
        positions = positions_in(db)
        all_totals = current_totals(db)
        letters = db.execute(
            "SELECT device, reason, sum(readings) FROM quarantine WHERE readings > 0 GROUP BY device, reason"
        ).fetchall()
        unwritten = queued_by_device(db)
    unread, exact = _count_unread(log, positions, max_payload_bytes)
    quarantined: dict[str, dict[str, int]] = {}
    for device_id, reason, count in letters:
        quarantined.setdefault(device_id, {})[reason] = int(count)
    lines = {
        (device_id := totals.device_id): DeviceLedgerLine(
            device=device_id or UNKNOWN,
            received=totals.received + unread[device_id],
            stored=totals.stored - unwritten[device_id],
            duplicate=totals.duplicate,
            quarantined=quarantined.get(device_id, {}),
            queued=unwritten[device_id] + unread[device_id],
            first_seen=totals.first_seen,
            last_seen=totals.last_seen,
            heard_at=totals.heard_at,
            **_health_figures(totals.health),
            **corrected_of(totals.corrected)._asdict(),
        )
        for totals in all_totals
    }
    for device_id in unread.keys() - lines.keys():
        count = unread[device_id]
        lines[device_id] = DeviceLedgerLine(device=device_id or UNKNOWN, received=count, queued=count)
    devices = tuple(lines[device_id] for device_id in sorted(lines))
    return Ledger(total=_total(devices), devices=devices, exact=exact)


def read_status(place: Path | Tables, log: LogReader) -> RecorderStatus:
    """Read the recorder's progress, from any process. Raises StateUnavailable, RawLogError."""
    with opened_tables(place) as tables, tables.snapshot() as db:
        rows = db.execute("SELECT trouble, trouble_since, write_ms, slowest_write_ms FROM progress").fetchall()
        positions, pending = positions_in(db), queued(db)
    trouble, since = min([(row[0], row[1]) for row in rows if row[0] is not None], key=_since, default=(None, None))
    write_ms = max([row[2] for row in rows if row[2] is not None], default=None)
    slowest_write_ms = max([row[3] for row in rows if row[3] is not None], default=None)
    return RecorderStatus(
        offset=sum(positions.values()),
        backlog=log.unread(positions),
        pending=pending,
        trouble=trouble,
        trouble_since=since,
        write_ms=write_ms,
        slowest_write_ms=slowest_write_ms,
    )


def _since(trouble: tuple[str, int | None]) -> int:
    return trouble[1] or 0


def _health_figures(packed: bytes | None) -> dict[str, Any]:
    health = DeviceHealth(packed)
    return {
        "gaps": health.gaps,
        "resets": health.resets,
        "clock_offset_ms": health.clock_offset_ms,
        "clock_drift_ms_per_h": health.clock_drift_ms_per_h,
    }


def _total(lines: tuple[DeviceLedgerLine, ...]) -> LedgerLine:
    quarantined: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    clamped: Counter[str] = Counter()
    for line in lines:
        quarantined.update(line.quarantined)
        dropped.update(line.dropped_fields)
        clamped.update(line.clamped_fields)
    return LedgerLine(
        received=sum(line.received for line in lines),
        stored=sum(line.stored for line in lines),
        duplicate=sum(line.duplicate for line in lines),
        quarantined=dict(sorted(quarantined.items())),
        queued=sum(line.queued for line in lines),
        gaps=sum(line.gaps for line in lines),
        dropped_fields=dict(sorted(dropped.items())),
        clamped_fields=dict(sorted(clamped.items())),
        outside_region=sum(line.outside_region for line in lines),
        clock_corrected=sum(line.clock_corrected for line in lines),
    )


def _count_unread(log: Log, positions: Mapping[int, int], max_payload_bytes: int) -> tuple[Counter[str], bool]:
    """Count readings after these positions by device; True if all of them were decoded."""
    readings: Counter[str] = Counter()
    offset = log.resume(positions)
    decoded = 0
    while decoded < MAX_DECODED:
        try:
            records = log.read(offset, min(_READ_RECORDS, MAX_DECODED - decoded))
        except RawLogCorrupt as exc:
            readings[""] += 1
            decoded += 1
            offset = exc.through
            continue
        if not records:
            return readings, True
        for record in records:
            offset, found = record.offset, 1
            if (flood := flood_of(record.message)) is not None:
                readings[codec_of(dialect_of(flood.topic)).device_of(flood.topic)] += flood.messages
            elif holds_readings(record.message):
                found = _count_readings(record.message, max_payload_bytes)
                readings[codec_of(record.message.dialect).device_of(record.message.topic)] += found
            decoded += found
            if decoded >= MAX_DECODED:
                break
    rest = log.unread(log.positions(offset))  # the end less the offset would count what retention has removed
    if rest:
        readings[""] += rest
    return readings, rest == 0


def _count_readings(message: RawMessage, max_payload_bytes: int) -> int:
    try:
        return len(codec_of(message.dialect).decode(message.topic, message.payload, max_bytes=max_payload_bytes))
    except DecodeError:
        return 1
