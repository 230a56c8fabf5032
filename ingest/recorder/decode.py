"""Decode step: records of the raw log become readings and flaws. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from devices.city.model import City
from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw
from devices.codecs.manifests import MANIFEST
from devices.codecs.native import NATIVE
from devices.codecs.registry import codec_of
from devices.readings.models import Reading
from devices.readings.refusals import DecodeError, Refusal
from ingest.log.flood_record import Flood, flood_of
from ingest.log.records import FLOOD_TOPIC, NO_READINGS, LogRecord, RawMessage


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

    offset: int
    message: RawMessage
    device_id: str
    """Named by the topic; empty if the topic names none."""
    items: Sequence[Reading | Flaw]
    """One Flaw with the whole payload, where nothing of the message can be read."""
    place: int
    """Where the record is for good (`ingest.log.records.LogRecord.place`)."""


Decoded = DecodedMessage | FloodRecord | SpoiledRecord


def decode_records(
    records: Iterable[LogRecord | SpoiledRecord], city: City, max_payload_bytes: int = MAX_PAYLOAD_BYTES
) -> Iterator[Decoded]:
    """Decode each record when it is asked for, as the city has its device; skip those without readings.

    Every message passes here.
    """
    items: Sequence[Reading | Flaw]
    dialect = NATIVE.dialect
    codec = codec_of(dialect)
    for record in records:
        if not isinstance(record, LogRecord):
            yield record
            continue
        message = record.message
        topic = message.topic
        if topic in NO_READINGS:
            continue
        if topic == FLOOD_TOPIC and (flood := flood_of(message)) is not None:
            yield FloodRecord(record.offset, flood)
            continue
        if message.dialect != dialect:
            if message.dialect == MANIFEST.dialect:
                continue  # in the registry's database, not in the store
            dialect = message.dialect
            codec = codec_of(dialect)
        device_id = codec.device_of(topic)
        try:
            if codec is NATIVE:  # which the registry says nothing about
                items = codec.decode(topic, message.payload, max_bytes=max_payload_bytes)
            else:
                decoding = city.decoding_of(device_id, dialect)
                items = codec.decode(topic, message.payload, max_bytes=max_payload_bytes, decoding=decoding)
        except DecodeError as exc:
            items = (Flaw(message.payload, exc.refusal),)
        yield DecodedMessage(record.offset, message, device_id, items, record.place or record.offset)
