"""Records of the raw log → readings that may be believed, and letters for what may not: decode and admit, counted."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from msgspec import Struct
from pydantic_core import from_json

from devices.city import City, Device
from devices.codec import MAX_PAYLOAD_BYTES, Flaw, decode, elements_of
from devices.readings import MAX_TS_MS, MIN_TS_MS, Kind, Reading
from devices.refusals import DecodeError, Reason, Refusal
from devices.series import SeriesKey, part_of, series_key
from devices.topics import parse_topic
from ingest.admission import admit
from ingest.device_watch import Heard
from ingest.flood_record import Flood, flood_of
from ingest.messages import FLOOD_TOPIC, TICK_TOPIC, LogRecord, Place, RawMessage
from ingest.reading_line import line_head, measured, whole_line
from ingest.recorder_state import Letter, Tally
from ingest.store import Instant
from ingest.store.line_protocol import Unencodable

MAX_STRANGERS: Final = 1_000
"""Unregistered ids with a ledger line of their own; more are counted together, so that made-up ids fill no table."""
MAX_COMPARTMENTS: Final = 32
"""Of one device. The largest recycling points have a dozen; each more is a series in the store for ever, so a faulty or
hostile device must not make them up."""
_MAX_SEQ: Final = (1 << 53) - 1
_MOST_READINGS: Final = 10_000
"""A batch ends with the message that brings it here: arrays by the thousand fit into no process."""


class Source(Struct, frozen=True, gc=False):
    """What all readings of a topic, or of one of its compartments, have in common while the city stays as it is."""

    series: SeriesKey
    head: str
    """See `ingest.reading_line`."""


class Admitted(Struct, frozen=True, gc=False):
    """A reading that may be believed, as it is compared and written, and where its bytes are."""

    instant: Instant
    measured: str
    """See `ingest.reading_line`."""
    line: str
    place: Place
    message: RawMessage


@dataclass(slots=True)
class Batch:
    """Records on their way to a settlement. Every reading is in `admitted` or in `letters`, and in a tally."""

    offset: int
    """Of the last record."""
    admitted: list[Admitted] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    """By ledger line."""


class Intake:
    """Decodes and admits."""

    def __init__(
        self, strangers: set[str], series: Iterable[SeriesKey] = (), max_payload_bytes: int = MAX_PAYLOAD_BYTES
    ) -> None:
        """`strangers` are the unregistered ids that have a ledger line, `series` those that were settled before."""
        self._strangers = strangers
        self._city: City | None = None
        self._sources: dict[str, Source] = {}
        """Of the city's devices, by topic and compartment."""
        self._max_payload_bytes = max_payload_bytes
        self._compartments: defaultdict[str, set[str]] = defaultdict(set)
        for key in series:
            if key.kind is Kind.FILL:
                self._compartments[key.device_id].add(key.part)

    def take(self, batch: Batch, records: Iterable[LogRecord], city: City) -> None:
        """Add records, as many as the batch may hold; ticks are passed over."""
        if city is not self._city:
            self._city, self._sources = city, {}
        for record in records:
            if len(batch.admitted) + len(batch.letters) >= _MOST_READINGS:
                break
            topic = record.message.topic
            if topic == FLOOD_TOPIC and (flood := flood_of(record.message)) is not None:
                self._take_flood(batch, flood, city)
            elif topic != TICK_TOPIC:
                self._take_message(batch, record, city)
            batch.offset = record.offset

    def _take_flood(self, batch: Batch, flood: Flood, city: City) -> None:
        device_id = device_of(flood.topic)
        line = device_id if device_id in city.devices else self._strangers_line(device_id)
        _tally(batch, line, flood.first_at).received += flood.messages
        _tally(batch, line, flood.last_at)
        between = f"between {_utc(flood.first_at)} and {_utc(flood.last_at)}"
        detail = f"{flood.messages} messages beyond the device's rate {between}; the first is kept"
        kept = Letter(device_id, line, Refusal(Reason.FLOOD, detail), flood.topic, flood.payload, flood.first_at)
        batch.letters.append(replace(kept, stands_for=flood.messages))

    def _take_message(self, batch: Batch, record: LogRecord, city: City) -> None:
        message = record.message
        topic, payload, received_at = message.topic, message.payload, message.received_at
        device_id = device_of(topic)
        line = device_id if device_id in city.devices else self._strangers_line(device_id)
        tally = _tally(batch, line, received_at)
        try:
            found = decode(topic, payload, max_bytes=self._max_payload_bytes)
        except DecodeError as exc:
            tally.received += 1
            batch.letters.append(Letter(device_id, line, exc.refusal, topic, payload, received_at))
            if exc.refusal.reason is not Reason.TOO_LARGE:
                tally.heard.append(_sifted(payload, received_at))
            return
        tally.received += len(found)
        for place, item in enumerate(found):
            if isinstance(item, Flaw):
                batch.letters.append(letter(message, place, item.refusal, line))
                tally.heard.append(_sifted(item.raw, received_at))
                continue
            said = self._admitted(item, record, place, city)
            if isinstance(said, Refusal):
                batch.letters.append(letter(message, place, said, line))
                if said.reason is Reason.FOREIGN_DEVICE:
                    continue
            else:
                batch.admitted.append(said)
            tally.heard.append((item.seq, item.ts, received_at))

    def _admitted(self, reading: Reading, record: LogRecord, place: int, city: City) -> Admitted | Refusal:
        device = admit(reading, record.message, city)
        if isinstance(device, Refusal):
            return device
        message, part = record.message, part_of(reading)
        name = f"{message.topic}/{part}" if part else message.topic
        source = self._sources.get(name)
        if source is None:
            found = self._source(reading, device)
            if isinstance(found, Refusal):
                return found
            source = self._sources[name] = found
        fields, ts = measured(reading), reading.ts
        line = whole_line(source.head, fields, reading.seq, ts)
        return Admitted(Instant(source.series, ts), fields, line, Place(record.offset, place), message)

    def _source(self, reading: Reading, device: Device) -> Source | Refusal:
        series = series_key(reading)
        if series.part and (refusal := self._one_too_many(series)):
            return refusal
        try:
            return Source(series, line_head(series, device))
        except Unencodable as exc:
            return Refusal(Reason.REJECTED_BY_STORE, f"{device.id}: {exc}")

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

    def _strangers_line(self, device_id: str) -> str:
        if device_id in self._strangers:
            return device_id
        if len(self._strangers) >= MAX_STRANGERS:
            return ""
        self._strangers.add(device_id)
        return device_id


def device_of(topic: str) -> str:
    """The device a topic names, empty for a foreign topic."""
    try:
        return parse_topic(topic).device_id
    except DecodeError:
        return ""


def letter(message: RawMessage, place: int, refusal: Refusal, line: str) -> Letter:
    """A dead letter for one reading of a message, with its own bytes, so that it can be driven alone."""
    raw = message.payload
    if raw.lstrip()[:1] == b"[":
        raw = _elements(raw)[place]
    return Letter(device_of(message.topic), line, refusal, message.topic, raw, message.received_at)


_elements = lru_cache(maxsize=4)(elements_of)
"""Remembered, since the bad elements of one array are asked for one after the other."""


def _sifted(raw: bytes, received_at: int) -> Heard:
    """Number and time of what is not a reading, as far as it has them: it arrived, so it is no gap."""
    try:
        said = from_json(raw)
    except ValueError:
        return None, None, received_at
    if not isinstance(said, dict):
        return None, None, received_at
    return _whole(said.get("seq"), 0, _MAX_SEQ), _whole(said.get("ts"), MIN_TS_MS, MAX_TS_MS), received_at


def _whole(value: object, least: int, most: int) -> int | None:
    return value if type(value) is int and least <= value <= most else None


def _tally(batch: Batch, line: str, received_at: int) -> Tally:
    tally = batch.tallies.get(line)
    if tally is None or tally.first_seen is None or tally.last_seen is None:
        tally = batch.tallies[line] = Tally(received_at, received_at)
    elif received_at > tally.last_seen:
        tally.last_seen = received_at
    elif received_at < tally.first_seen:
        tally.first_seen = received_at
    return tally


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
