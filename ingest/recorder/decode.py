"""Decode step: records of the raw log become readings and flaws. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw
from devices.codecs.registry import codec_of
from devices.readings.models import Reading
from devices.readings.refusals import DecodeError, Refusal
from ingest.log.flood_record import Flood, flood_of
from ingest.log.records import FLOOD_TOPIC, NO_READINGS, LogRecord


class SpoiledRecord(NamedTuple):
    """A record of the raw log that the disk has spoiled."""

    offset: int
    refusal: Refusal


class FloodRecord(NamedTuple):
    """A record that stands for the messages of a flood."""

    offset: int
    flood: Flood


class DecodedMessage(Struct, frozen=True, gc=False):
    """A message and its elements, in payload order."""

    record: LogRecord
    device_id: str
    """Named by the topic; empty if the topic names none."""
    items: Sequence[Reading | Flaw]
    """One Flaw with the whole payload, where nothing of the message can be read."""


Decoded = DecodedMessage | FloodRecord | SpoiledRecord


def decode_records(
    records: Iterable[LogRecord | SpoiledRecord], max_payload_bytes: int = MAX_PAYLOAD_BYTES
) -> Iterator[Decoded]:
    """Decode each record when it is asked for; skip those without readings. Every message passes here."""
    for record in records:
        if isinstance(record, SpoiledRecord):
            yield record
            continue
        topic = record.message.topic
        if topic in NO_READINGS:
            continue
        if topic == FLOOD_TOPIC and (flood := flood_of(record.message)) is not None:
            yield FloodRecord(record.offset, flood)
            continue
        yield decode_message(record, max_payload_bytes)


def decode_message(record: LogRecord, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> DecodedMessage:
    """Decode one message with the codec of its dialect."""
    message = record.message
    codec = codec_of(message.dialect)
    items: Sequence[Reading | Flaw]
    try:
        items = codec.decode(message.topic, message.payload, max_bytes=max_payload_bytes)
    except DecodeError as exc:
        items = (Flaw(message.payload, exc.refusal),)
    return DecodedMessage(record, codec.device_of(message.topic), items)
