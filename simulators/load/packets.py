"""Packets of MQTT 3.1.1 and 5, as far as a load generator and a subscriber need them.

Sources: OASIS MQTT 3.1.1 and 5.0, chapters 2 and 3. Packets written have no user name, will or properties.
"""

from enum import StrEnum
from typing import Final


class Version(StrEnum):
    """Version of the protocol."""

    V311 = "3.1.1"
    V5 = "5"


_LEVEL: Final = {Version.V311: 4, Version.V5: 5}
_NO_PROPERTIES: Final = {Version.V311: b"", Version.V5: b"\0"}
_CLEAN: Final = 0b10
CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4


def connect(client_id: str, version: Version) -> bytes:
    """CONNECT with a clean session and without keep-alive: a measurement ends by itself."""
    head = _text("MQTT") + bytes((_LEVEL[version], _CLEAN, 0, 0))
    return _packet(0x10, head + _NO_PROPERTIES[version] + _text(client_id))


def publish(topic: str, payload: bytes, packet_id: int, version: Version) -> bytes:
    """PUBLISH at QoS 1; `packet_id` from 1 to 65535."""
    return _packet(0x32, b"%b%b%b%b" % (_text(topic), packet_id.to_bytes(2, "big"), _NO_PROPERTIES[version], payload))


def subscribe(topic_filter: str, version: Version) -> bytes:
    """SUBSCRIBE at QoS 0, packet id 1."""
    return _packet(0x82, b"\0\1" + _NO_PROPERTIES[version] + _text(topic_filter) + b"\0")


DISCONNECT: Final = b"\xe0\0"
"""An orderly end; the same bytes in both versions."""


def packets_in(buffer: bytearray) -> list[tuple[int, bytes]]:
    """Remove all complete packets from the front of `buffer`: (type, bytes after the length). Raises ValueError."""
    packets = []
    at = 0
    while (end := _end(buffer, at)) is not None:
        start, stop = end
        packets.append((buffer[at] >> 4, bytes(buffer[start:stop])))
        at = stop
    del buffer[:at]
    return packets


def published_body(body: bytes, version: Version) -> bytes:
    """The payload of a PUBLISH of QoS 0 that has no properties."""
    return body[2 + int.from_bytes(body[:2], "big") + len(_NO_PROPERTIES[version]) :]


def _end(buffer: bytearray, at: int) -> tuple[int, int] | None:
    """Start and end of the body of the packet at `at`; None while it is incomplete."""
    length = 0
    for index in range(4):
        if at + 1 + index >= len(buffer):
            return None
        digit = buffer[at + 1 + index]
        length |= (digit & 0x7F) << (7 * index)
        if digit < 0x80:
            start = at + 2 + index
            return (start, start + length) if start + length <= len(buffer) else None
    raise ValueError("malformed remaining length")


def _packet(head: int, body: bytes) -> bytes:
    length = len(body)
    digits = bytearray((head,))
    while length > 0x7F:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    digits.append(length)
    return bytes(digits) + body


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded
