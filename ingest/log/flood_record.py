"""The record that stands for a flood's messages (`ingest.log.records.FLOOD_TOPIC`), as the accounts read it."""

from base64 import b64decode
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from devices.readings.models import MAX_TS_MS
from ingest.log.records import FLOOD_TOPIC, RawMessage

_Ms = Annotated[int, Field(ge=0, le=MAX_TS_MS)]


class Flood(NamedTuple):
    """So many messages of one device; receive times in ms."""

    messages: int
    first_at: int
    last_at: int
    topic: str
    """Of the first, as is the payload."""
    payload: bytes


class _Written(BaseModel):
    model_config = ConfigDict(strict=True)

    count: Annotated[int, Field(ge=1, lt=1 << 40)]
    first_at: _Ms
    last_at: _Ms
    topic: str
    sample: str


def flood_of(message: RawMessage) -> Flood | None:
    """What a record of the flood topic stands for; None for any other, and for one that cannot be read."""
    if message.topic != FLOOD_TOPIC:
        return None
    try:
        said = _Written.model_validate_json(message.payload)
        return Flood(said.count, said.first_at, said.last_at, said.topic, b64decode(said.sample, validate=True))
    except ValueError:  # pydantic's and base64's own are among them
        return None
