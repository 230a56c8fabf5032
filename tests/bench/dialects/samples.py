"""Messages as devices send them, one of each form. A dialect adds its own to `SAMPLES`."""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import Final

from devices.codecs.jt808.frame import Frame, encode_message
from devices.codecs.native import encode, encode_array
from devices.codecs.topics import dialect_topic, reading_topic
from devices.readings.decoding import Decoding
from devices.readings.models import Kind, Position

_AT_MS: Final = 1_795_912_200_000
_PHONE: Final = "013912345678"
_UPLOAD: Final = 20
"""Readings that a device kept while it had no connection."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One message."""

    name: str
    topic: str
    payload: bytes
    decoding: Decoding = Decoding()  # noqa: RUF009 - frozen


def _position(second: int) -> Position:
    return Position(
        ts=_AT_MS + second * 1_000,
        lat=35.501234,
        lon=112.873456,
        speed_kmh=42.5,
        heading_deg=88,
        altitude_m=742,
        satellites=11,
        lift_up=False,
        cover_open=False,
        odometer_km=466.0,
        ignition_on=True,
    )


def _location(second: int) -> bytes:
    at = bytes.fromhex(f"2611290830{second:02}")
    return (
        pack(">IIIIHHH", 0, 3, 35_501_234, 112_873_456, 742, 425, 88) + at + bytes.fromhex("0104000012343001193101 0b")
    )


def _frames(message_id: int, body: bytes) -> bytes:
    return b"".join(encode_message(Frame(message_id, _PHONE, 7, body)))


def _batch(count: int) -> bytes:
    bodies = [_location(second) for second in range(count)]
    return pack(">HB", count, 1) + b"".join(pack(">H", len(body)) + body for body in bodies)


_NATIVE_TOPIC: Final = reading_topic("truck-001", Kind.POSITION)
_JT808_TOPIC: Final = dialect_topic(_PHONE, "jt808")
_JT808: Final = Decoding("jt808", "trwy")

NATIVE: Final = "native position"
SAMPLES: Final[Sequence[Sample]] = (
    Sample(NATIVE, _NATIVE_TOPIC, encode(_position(0))),
    Sample("native upload", _NATIVE_TOPIC, encode_array([_position(second) for second in range(_UPLOAD)])),
    Sample("jt808 location", _JT808_TOPIC, _frames(0x0200, _location(0)), _JT808),
    Sample("jt808 batch", _JT808_TOPIC, _frames(0x0704, _batch(_UPLOAD)), _JT808),
)
