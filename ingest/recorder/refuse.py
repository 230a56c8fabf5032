"""Makes dead letters of what is refused, each with its own bytes so that it can be redriven alone."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from pydantic_core import from_json

from devices.codecs.codec import Flaw
from devices.codecs.registry import codec_of, dialect_of
from devices.readings.decoding import NATIVE_DIALECT
from devices.readings.models import MAX_TS_MS, MIN_TS_MS
from devices.readings.refusals import Reason, Refusal
from ingest.ledger.refused import RefusedReading
from ingest.log.flood_record import Flood
from ingest.log.records import RawMessage

SINGLE_LETTERS: Final = 8
"""Bad elements of one message that have letters of their own."""
_MAX_SEQ: Final = (1 << 53) - 1


def refuse_reading(message: RawMessage, index: int, refusal: Refusal, counted_as: str) -> RefusedReading:
    """A reading at `index` in its message."""
    device_id = codec_of(message.dialect).device_of(message.topic)
    parts = _split(message.dialect, message.payload)
    raw = parts[index] if index < len(parts) else message.payload
    return RefusedReading(device_id, counted_as, refusal, message.topic, raw, message.received_at)


def refuse_flaw(message: RawMessage, flaw: Flaw, device_id: str, counted_as: str) -> RefusedReading:
    """An element that is not a reading, or a whole message."""
    return RefusedReading(device_id, counted_as, flaw.refusal, message.topic, flaw.raw, message.received_at)


def refuse_flood(flood: Flood, counted_as: str) -> RefusedReading:
    """All messages of a flood; the quarantine says how many there were."""
    return RefusedReading(
        flood_device(flood),
        counted_as,
        Refusal(Reason.FLOOD, ""),
        flood.topic,
        flood.payload,
        flood.first_at,
        stands_for=flood.messages,
        flood_until=flood.last_at,
    )


def letters_of(message: RawMessage, letters: Sequence[RefusedReading]) -> Sequence[RefusedReading]:
    """The letters of one message, joined where they are many or have the same bytes."""
    if message.dialect != NATIVE_DIALECT:
        letters = _one_for_each_payload(letters)
    return letters if len(letters) <= SINGLE_LETTERS else join_letters(message, letters)


def _one_for_each_payload(letters: Sequence[RefusedReading]) -> list[RefusedReading]:
    """Of several readings with the same bytes and reason one letter, which redrives all of them."""
    joined: list[RefusedReading] = []
    for letter in letters:
        last = joined[-1] if joined else None
        if last is not None and last.payload == letter.payload and last.refusal.reason is letter.refusal.reason:
            joined[-1] = replace(last, stands_for=last.stands_for + 1)
        else:
            joined.append(letter)
    return joined


def join_letters(message: RawMessage, letters: Sequence[RefusedReading]) -> list[RefusedReading]:
    """Letters of one message: the first few as they are, the others of each reason as one array.

    An array of a thousand bad elements is some letters, and each of them can be redriven.
    """
    joined = list(letters[:SINGLE_LETTERS])
    by_reason: dict[Reason, list[RefusedReading]] = {}
    for letter in letters[SINGLE_LETTERS:]:
        by_reason.setdefault(letter.refusal.reason, []).append(letter)
    for alike in by_reason.values():
        payload = codec_of(message.dialect).join([letter.payload for letter in alike])
        first, stands_for = alike[0], sum(letter.stands_for for letter in alike)
        detail = f"{stands_for} elements of one array, the first: {first.refusal.detail}"
        refusal = Refusal(first.refusal.reason, detail if stands_for > 1 else first.refusal.detail, first.refusal.field)
        joined.append(replace(first, payload=payload, refusal=refusal, stands_for=stands_for))
    return joined


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


def number_and_time(flaw: Flaw, correction_s: int) -> tuple[int | None, int | None]:
    """Number and corrected device time (ms) of an element that is not a reading, as far as it has them.

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
    ts = _whole(element.get("ts"), MIN_TS_MS, MAX_TS_MS)
    return _whole(element.get("seq"), 0, _MAX_SEQ), None if ts is None else ts + correction_s * 1000


def _whole(value: object, least: int, most: int) -> int | None:
    return value if type(value) is int and least <= value <= most else None
