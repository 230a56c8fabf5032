"""Records of the raw log → readings that may be believed, and letters for what may not: decode and admit, counted."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from pydantic_core import from_json

from devices.city.model import City, Device
from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw
from devices.codecs.registry import codec_of, dialect_of
from devices.codecs.topics import reading_topic
from devices.readings.models import MAX_TS_MS, MIN_TS_MS, Kind, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal
from devices.readings.series import SeriesKey, part_of, series_key
from ingest.admission import admit
from ingest.ledger.totals import FloodEntry, ReadingEntry
from ingest.log.flood_record import Flood, flood_of
from ingest.log.records import FLOOD_TOPIC, TICK_TOPIC, LogRecord, RawMessage, ReadingLocation
from ingest.recorder.accepted import AcceptedReading, SeriesState
from ingest.recorder.line import line_head, measured, whole_line
from ingest.recorder.state import RefusedReading
from ingest.store.line_protocol import Unencodable

MAX_UNREGISTERED: Final = 1_000
"""Unregistered ids with a ledger line of their own; more are counted together, so that made-up ids fill no table."""
MAX_COMPARTMENTS: Final = 32
"""Of one device. The largest recycling points have a dozen; each more is a series in the store for ever, so a faulty or
hostile device must not make them up."""
_MAX_SEQ: Final = (1 << 53) - 1
_MOST_READINGS: Final = 10_000
"""A batch ends with the message that brings it here: arrays by the thousand fit into no process."""


@dataclass(slots=True)
class DecodedBatch:
    """Records on their way to a settlement. Every reading is in `admitted` or in `letters`, and in `entries`."""

    offset: int
    """Of the last record."""
    admitted: list[AcceptedReading] = field(default_factory=list)
    letters: list[RefusedReading] = field(default_factory=list)
    entries: list[ReadingEntry] = field(default_factory=list)
    """Of all readings in the order of the log, for the ledger."""
    floods: list[FloodEntry] = field(default_factory=list)


class DecodeStage:
    """Decodes and admits."""

    def __init__(
        self, strangers: set[str], marks: Mapping[SeriesKey, int], max_payload_bytes: int = MAX_PAYLOAD_BYTES
    ) -> None:
        """`strangers` are the unregistered ids that have a ledger line, `marks` the series that were settled before."""
        self._strangers = strangers
        self._city: City | None = None
        self._max_payload_bytes = max_payload_bytes
        self._series: dict[str, SeriesState] = {}
        """By topic and compartment."""
        self._compartments: defaultdict[str, set[str]] = defaultdict(set)
        for key, newest in marks.items():
            self.series(key).newest = newest
            if key.kind is Kind.FILL:
                self._compartments[key.device_id].add(key.part)

    def series(self, key: SeriesKey) -> SeriesState:
        """The one object for it."""
        name = _name(reading_topic(key.device_id, key.kind), key.part)
        known = self._series.get(name)
        if known is None:
            known = self._series[name] = SeriesState(key)
        return known

    def take(self, batch: DecodedBatch, records: Iterable[LogRecord], city: City) -> None:
        """Add records, as many as the batch may hold; ticks are passed over."""
        if city is not self._city:
            self._city = city
            for series in self._series.values():
                series.device = None
        for record in records:
            if len(batch.admitted) + len(batch.letters) >= _MOST_READINGS:
                break
            topic = record.message.topic
            if topic == FLOOD_TOPIC and (flood := flood_of(record.message)) is not None:
                self._take_flood(batch, flood, city)
            elif topic != TICK_TOPIC:
                self._take_message(batch, record, city)
            batch.offset = record.offset

    def _take_flood(self, batch: DecodedBatch, flood: Flood, city: City) -> None:
        device_id = codec_of(dialect_of(flood.topic)).device_of(flood.topic)
        line = self._line(device_id, city)
        batch.floods.append((line, flood.first_at, flood.last_at, flood.messages))
        between = f"between {_utc(flood.first_at)} and {_utc(flood.last_at)}"
        detail = f"{flood.messages} messages beyond the device's rate {between}; the first is kept"
        kept = RefusedReading(
            device_id, line, Refusal(Reason.FLOOD, detail), flood.topic, flood.payload, flood.first_at
        )
        batch.letters.append(replace(kept, stands_for=flood.messages))

    def _take_message(self, batch: DecodedBatch, record: LogRecord, city: City) -> None:
        message = record.message
        topic, payload, received_at = message.topic, message.payload, message.received_at
        codec = codec_of(message.dialect)
        device_id = codec.device_of(topic)
        line = self._line(device_id, city)
        try:
            found = codec.decode(topic, payload, max_bytes=self._max_payload_bytes)
        except DecodeError as exc:
            batch.letters.append(RefusedReading(device_id, line, exc.refusal, topic, payload, received_at))
            seq, ts = (None, None) if exc.refusal.reason is Reason.TOO_LARGE else _sifted(payload)
            batch.entries.append((line, received_at, seq, ts, False))
            return
        for place, item in enumerate(found):
            if isinstance(item, Flaw):
                batch.letters.append(refused_reading(message, place, item.refusal, line))
                batch.entries.append((line, received_at, *_sifted(item.raw), False))
                continue
            said = self._admitted(item, record, place, device_id, city)
            if isinstance(said, Refusal):
                batch.letters.append(refused_reading(message, place, said, line))
                own = said.reason is not Reason.FOREIGN_DEVICE
                batch.entries.append((line, received_at, item.seq if own else None, item.ts if own else None, False))
            else:
                batch.admitted.append(said)
                batch.entries.append((line, received_at, item.seq, item.ts, True))

    def _admitted(
        self, reading: Reading, record: LogRecord, place: int, device_id: str, city: City
    ) -> AcceptedReading | Refusal:
        message, part, ts = record.message, part_of(reading), reading.ts
        series = self._series.get(_name(message.topic, part))
        device = series.device if series is not None else None
        believed = admit(reading, message.received_at, device_id, device or city.devices.get(device_id))
        if isinstance(believed, Refusal):
            return believed
        if series is None or device is None:
            found = self._series_of(reading, believed)
            if isinstance(found, Refusal):
                return found
            series = found
        fields = measured(reading)
        line = whole_line(series.head, fields, reading.seq, ts)
        return AcceptedReading(series, ts, fields, line, ReadingLocation(record.offset, place), message)

    def _series_of(self, reading: Reading, device: Device) -> SeriesState | Refusal:
        key = series_key(reading)
        if key.part and (refusal := self._one_too_many(key)):
            return refusal
        try:
            head = line_head(key, device)
        except Unencodable as exc:
            return Refusal(Reason.REJECTED_BY_STORE, f"{device.id}: {exc}")
        series = self.series(key)
        series.device, series.head = device, head
        return series

    def _one_too_many(self, series: SeriesKey) -> Refusal | None:
        """The first so many compartments in the order of the log are taken, so a restart takes the same ones."""
        known = self._compartments[series.device_id]
        if series.part not in known:
            if len(known) >= MAX_COMPARTMENTS:
                detail = (
                    f"compartment: {series.part!r} would be one more than the {MAX_COMPARTMENTS} that a device may have"
                )
                return Refusal(Reason.TOO_MANY_COMPARTMENTS, detail, field="compartment")
            known.add(series.part)
        return None

    def _line(self, device_id: str, city: City) -> str:
        if device_id in city.devices or device_id in self._strangers:
            return device_id
        if len(self._strangers) >= MAX_UNREGISTERED:
            return ""
        self._strangers.add(device_id)
        return device_id


def _name(topic: str, part: str) -> str:
    return f"{topic}/{part}" if part else topic


def refused_reading(message: RawMessage, place: int, refusal: Refusal, line: str) -> RefusedReading:
    """A dead letter for one reading of a message, with its own bytes, so that it can be driven alone."""
    raw = _split(message.dialect, message.payload)[place]
    return RefusedReading(
        codec_of(message.dialect).device_of(message.topic), line, refusal, message.topic, raw, message.received_at
    )


@lru_cache(maxsize=4)
def _split(dialect: str, payload: bytes) -> list[bytes]:
    """Remembered, since the bad elements of one array are asked for one after the other."""
    return codec_of(dialect).split(payload)


def _sifted(raw: bytes) -> tuple[int | None, int | None]:
    """Number and time of what is not a reading, as far as it has them: it arrived, so it is no gap."""
    try:
        said = from_json(raw)
    except ValueError:
        return None, None
    if not isinstance(said, dict):
        return None, None
    return _whole(said.get("seq"), 0, _MAX_SEQ), _whole(said.get("ts"), MIN_TS_MS, MAX_TS_MS)


def _whole(value: object, least: int, most: int) -> int | None:
    return value if type(value) is int and least <= value <= most else None


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
