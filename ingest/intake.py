"""Records of the raw log → readings that may be believed, and letters for what may not: decode and admit, counted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json

from devices.city import City, Device
from devices.codec import MAX_PAYLOAD_BYTES, Flaw, decode
from devices.readings import MAX_TS_MS, MIN_TS_MS, Reading
from devices.refusals import DecodeError, Reason, Refusal
from devices.topics import parse_topic
from ingest.admission import admit
from ingest.device_watch import Heard
from ingest.messages import TICK_TOPIC, LogRecord, RawMessage
from ingest.recorder_state import Letter, Tally

MAX_STRANGERS: Final = 1_000
"""Unregistered ids with a ledger line of their own; more are counted together, so that made-up ids fill no table."""
_MAX_SEQ: Final = (1 << 53) - 1
_MOST_READINGS: Final = 10_000
"""A batch ends with the message that brings it here: arrays by the thousand fit into no process."""


class Admitted(NamedTuple):
    """A reading that may be believed, and where its bytes are."""

    reading: Reading
    device: Device
    record: LogRecord
    place: int
    """Where it stands in the message, 0 for the first or only one."""


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
    """Decodes and admits. `strangers` are the unregistered ids that have a ledger line already."""

    def __init__(self, strangers: set[str], max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._strangers = strangers
        self._max_payload_bytes = max_payload_bytes

    def take(self, records: Sequence[LogRecord], city: City) -> Batch:
        """Sort a batch, as many of the records as it may hold; ticks are passed over."""
        batch = Batch(records[0].offset)
        for record in records:
            if record.message.topic != TICK_TOPIC:
                self._take_message(batch, record, city)
            batch.offset = record.offset
            if len(batch.admitted) + len(batch.letters) >= _MOST_READINGS:
                break
        return batch

    def _take_message(self, batch: Batch, record: LogRecord, city: City) -> None:
        message = record.message
        device_id = device_of(message.topic)
        line = self._ledger_line(device_id, city)
        tally = _tally(batch, line, message.received_at)
        try:
            found = decode(message.topic, message.payload, max_bytes=self._max_payload_bytes)
        except DecodeError as exc:
            tally.received += 1
            batch.letters.append(Letter(device_id, line, exc.refusal, *message))
            if exc.refusal.reason is not Reason.TOO_LARGE:
                tally.heard.append(_sifted(message.payload, message.received_at))
            return
        tally.received += len(found)
        for place, item in enumerate(found):
            if isinstance(item, Flaw):
                batch.letters.append(letter(message, place, item.refusal, line))
                tally.heard.append(_sifted(item.raw, message.received_at))
                continue
            said = admit(item, message, city)
            if isinstance(said, Refusal):
                batch.letters.append(letter(message, place, said, line))
                if said.reason is Reason.FOREIGN_DEVICE:
                    continue
            else:
                batch.admitted.append(Admitted(item, said, record, place))
            tally.heard.append((item.seq, item.ts, message.received_at))

    def _ledger_line(self, device_id: str, city: City) -> str:
        if device_id in city.devices or device_id in self._strangers:
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
        raw = to_json(_elements(raw)[place])
    return Letter(device_of(message.topic), line, refusal, message.topic, raw, message.received_at)


@lru_cache(maxsize=4)
def _elements(payload: bytes) -> list[Any]:
    """Remembered, since the bad elements of one array are asked for one after the other."""
    elements: list[Any] = from_json(payload)
    return elements


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
    if tally is None:
        tally = batch.tallies[line] = Tally(None, None)
    tally.first_seen = min(tally.first_seen or received_at, received_at)
    tally.last_seen = max(tally.last_seen or received_at, received_at)
    return tally
