"""All codecs. A new dialect has its line here."""

from typing import Final

from devices.codecs.codec import MAX_PAYLOAD_BYTES, Codec, Flaw
from devices.codecs.native import NATIVE
from devices.readings.models import Reading

CODECS: Final[tuple[Codec, ...]] = (NATIVE,)
"""In the order in which they are asked for a topic. The first one also takes the topics of nobody, and refuses them."""

_BY_DIALECT: Final = {codec.dialect: codec for codec in CODECS}


def codec_of(dialect: str) -> Codec:
    """The codec of a message whose dialect the raw log recorded. Raises KeyError for a name no codec has."""
    return _BY_DIALECT[dialect]


def dialect_of(topic: str) -> str:
    """The dialect of a topic: that of the first codec that takes it, or else of the first codec, which refuses it."""
    if len(CODECS) > 1:
        for codec in CODECS:
            if codec.matches(topic):
                return codec.dialect
    return CODECS[0].dialect


def decode(topic: str, payload: bytes, *, max_bytes: int = MAX_PAYLOAD_BYTES) -> list[Reading | Flaw]:
    """Read a message of any dialect, for who has no record of the raw log. Raises DecodeError."""
    return codec_of(dialect_of(topic)).decode(topic, payload, max_bytes=max_bytes)
