"""Makes dead letters of what is refused, each with its own bytes so that it can be redriven alone."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from pydantic_core import from_json

from devices.codecs.codec import Flaw
from devices.codecs.registry import codec_of, dialect_of
from devices.readings.models import MAX_TS_MS, MIN_TS_MS
from devices.readings.refusals import Reason, Refusal
from ingest.ledger.refused import RefusedReading
from ingest.log.flood_record import Flood
from ingest.log.records import RawMessage

_MAX_SEQ: Final = (1 << 53) - 1


def refuse_reading(message: RawMessage, index: int, refusal: Refusal, counted_as: str) -> RefusedReading:
    """A reading at `index` in its message."""
    device_id = codec_of(message.dialect).device_of(message.topic)
    raw = _split(message.dialect, message.payload)[index]
    return RefusedReading(device_id, counted_as, refusal, message.topic, raw, message.received_at)


def refuse_flaw(message: RawMessage, flaw: Flaw, device_id: str, counted_as: str) -> RefusedReading:
    """An element that is not a reading, or a whole message."""
    return RefusedReading(device_id, counted_as, flaw.refusal, message.topic, flaw.raw, message.received_at)


def refuse_flood(flood: Flood, counted_as: str) -> RefusedReading:
    """All messages of a flood in one letter."""
    between = f"between {_utc(flood.first_at)} and {_utc(flood.last_at)}"
    detail = f"{flood.messages} messages beyond the device's rate {between}; the first is kept"
    return RefusedReading(
        flood_device(flood),
        counted_as,
        Refusal(Reason.FLOOD, detail),
        flood.topic,
        flood.payload,
        flood.first_at,
        stands_for=flood.messages,
    )


def flood_device(flood: Flood) -> str:
    """Id of the device that the topic names; empty if it names none."""
    return codec_of(dialect_of(flood.topic)).device_of(flood.topic)


def refuse_spoiled(refusal: Refusal) -> RefusedReading:
    """A record that the disk has spoiled: one reading without device, bytes and time."""
    return RefusedReading("", "", refusal, "", b"", 0)


@lru_cache(maxsize=4)
def _split(dialect: str, payload: bytes) -> list[bytes]:
    """Cached: the bad elements of one array are asked for one after the other."""
    return codec_of(dialect).split(payload)


def number_and_time(flaw: Flaw) -> tuple[int | None, int | None]:
    """Number and device time (ms) of an element that is not a reading, as far as it has them.

    It arrived, so its number is no gap. A payload that is too large is not parsed.
    """
    if flaw.refusal.reason is Reason.TOO_LARGE:
        return None, None
    try:
        element = from_json(flaw.raw)
    except ValueError:
        return None, None
    if not isinstance(element, dict):
        return None, None
    return _whole(element.get("seq"), 0, _MAX_SEQ), _whole(element.get("ts"), MIN_TS_MS, MAX_TS_MS)


def _whole(value: object, least: int, most: int) -> int | None:
    return value if type(value) is int and least <= value <= most else None


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
