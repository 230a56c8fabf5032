"""Reads flood records (`ingest.log.records.FLOOD_TOPIC`), for recorder and ledger."""

from base64 import b64decode
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from devices.readings.models import MAX_TS_MS
from ingest.log.records import FLOOD_TOPIC, RawMessage

_Ms = Annotated[int, Field(ge=0, le=MAX_TS_MS)]


class Flood(NamedTuple):
    """The messages of one device that a flood record stands for; receive times in ms."""

    messages: int
    """Number of messages."""
    first_at: int
    last_at: int
    topic: str
    """Topic and payload are those of the first message."""
    payload: bytes


class _FloodPayload(BaseModel):
    model_config = ConfigDict(strict=True)

    count: Annotated[int, Field(ge=1, lt=1 << 40)]
    first_at: _Ms
    last_at: _Ms
    topic: str
    sample: str


def flood_of(message: RawMessage) -> Flood | None:
    """Read a flood record; None for any other message, and for a flood record that cannot be read."""
    if message.topic != FLOOD_TOPIC:
        return None
    try:
        flood = _FloodPayload.model_validate_json(message.payload)
        return Flood(flood.count, flood.first_at, flood.last_at, flood.topic, b64decode(flood.sample, validate=True))
    except ValueError:  # pydantic's and base64's own errors are ValueErrors
        return None
