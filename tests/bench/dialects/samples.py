"""Messages as devices send them, one of each form. A dialect adds its own to `SAMPLES`."""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack
from typing import Final

from devices.codecs.jt808.frame import Frame, encode_message
from devices.codecs.native import encode, encode_array
from devices.codecs.sparkplug.codec import SESSION, republished_form
from devices.codecs.sparkplug.datatypes import DataType
from devices.codecs.sparkplug.payload import Metric, SparkplugPayload, write_payload
from devices.codecs.sparkplug.topics import MessageType
from devices.codecs.topics import dialect_topic, reading_topic
from devices.readings.decoding import Decoding
from devices.readings.models import Kind, Position
from simulators.dialects.lorawan import DEPTH_MM, NO_FAULTS, Bin, Message, Tally

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

_CHIRPSTACK: Final = Decoding("chirpstack", "em400-tld", depth_mm=DEPTH_MM)
_LINE: Final = {"throughput": {"running": "Line/Running", "rate_t_per_h": {"metric": "Line/Rate", "scale": 0.001}}}
_SPARKPLUG: Final = Decoding("sparkplug", "line", _LINE)


def _uplink() -> Message:
    return next(Bin(1, "chirpstack", 1, Tally()).messages(_AT_MS, NO_FAULTS))


def _line_data() -> bytes:
    """A changed rate among twenty metrics, as the gateway republishes it."""
    rate = Metric("Line/Rate", timestamp=_AT_MS, datatype=DataType.DOUBLE, value=42_500.0)
    running = Metric("Line/Running", timestamp=_AT_MS, datatype=DataType.BOOLEAN, value=True, is_kept=True)
    others = [
        Metric(f"Motor/{number}/Current", None, _AT_MS, DataType.FLOAT, 3.5, is_kept=True) for number in range(18)
    ]
    session = Metric(SESSION, datatype=DataType.UINT64, value=_AT_MS)
    form = republished_form(MessageType.DDATA)
    return write_payload(SparkplugPayload(_AT_MS, None, (session, rate, running, *others), form))


NATIVE: Final = "native position"
SAMPLES: Final[Sequence[Sample]] = (
    Sample(NATIVE, _NATIVE_TOPIC, encode(_position(0))),
    Sample("native upload", _NATIVE_TOPIC, encode_array([_position(second) for second in range(_UPLOAD)])),
    Sample("jt808 location", _JT808_TOPIC, _frames(0x0200, _location(0)), _JT808),
    Sample("jt808 batch", _JT808_TOPIC, _frames(0x0704, _batch(_UPLOAD)), _JT808),
    Sample("chirpstack uplink", *_uplink(), _CHIRPSTACK),
    Sample("sparkplug data", dialect_topic("haul.gw-1.line-1", "sparkplug"), _line_data(), _SPARKPLUG),
)
