"""Frames of JT/T 808: found in a stream of bytes, checked, read and written. Pure; every size is bounded.

    7E | id W | properties W | [version B] | phone BCD 6 or 10 | serial W | [total W, number W] | body | XOR | 7E

W is two bytes, B one, big-endian. Between the delimiters 7E is written 7D 02 and 7D is written 7D 01, after the check
byte was made. The header of 2019 has a version byte and a phone number of 10 bytes, that of 2011 and 2013 neither.
Which of them a frame has follows from its length: the version flag and the layout disagree in the field.

FrameError   these bytes are no frame; carries a FrameFault
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import reduce
from operator import xor
from struct import Struct as Layout
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

MAX_BODY_BYTES: Final = 1_023
"""Ten bits of the header hold the length of a body. A longer one is sent in parts."""
MAX_FRAME_BYTES: Final = 2 + 2 * (21 + MAX_BODY_BYTES + 1)
"""Of a frame on the wire: every byte escaped, and both delimiters."""

_DELIMITER: Final = b"\x7e"
_ESCAPE: Final = b"\x7d"
_SHORTEST: Final = 13
"""Bytes between the delimiters of a frame without a body: header and check byte."""
_LENGTH_BITS: Final = 0x03FF
_ENCRYPTION_SHIFT: Final = 10
_ENCRYPTION_BITS: Final = 0x07
_IN_PARTS: Final = 1 << 13
_VERSION_FLAG: Final = 1 << 14
_HEADER_BYTES: Final = {12: False, 17: True}
"""Of a header without part numbers; True: that of 2019."""
_PART_BYTES: Final = 4
_PHONE_DIGITS: Final = 12
_PHONE_DIGITS_2019: Final = 20
_WORDS: Final = Layout(">HH")


class FrameFault(StrEnum):
    """Fault of bytes that are no frame."""

    NO_DELIMITERS = "no_delimiters"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    BAD_ESCAPE = "bad_escape"
    CHECKSUM = "checksum"
    BODY_LENGTH = "body_length"
    """The header states another length than the frame has."""
    PARTS = "parts"
    """A number of a part beyond their total, or parts of a message that are not all there."""


class FrameError(Exception):
    """These bytes are no frame: count them and go on, frames beside them are sound."""

    def __init__(self, fault: FrameFault, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault = fault
        self.detail = detail
        """Names the value found and the value expected."""


class Part(Struct, frozen=True, gc=False):
    """Place of a frame among those of one long message."""

    total: int
    number: int
    """From 1."""


class Frame(Struct, frozen=True, gc=False):
    """One frame, or one message that was put together from its parts: then `part` is None and the body may be long."""

    message_id: int
    phone: str
    """Digits as sent, leading zeros included: 12, or 20 with the header of 2019. Some send a to f among them."""
    serial: int
    """The sender's running number, 0 to 65,535; of the first part of a long message."""
    body: bytes = b""
    version: int | None = None
    """Protocol version, 1 or more, in a header of 2019; None with the header of 2011 and 2013."""
    encryption: int = 0
    """Three bits; 1: the body is encrypted by RSA. Nobody here has a key."""
    part: Part | None = None


class FrameReader:
    """Finds the frames in the bytes of one connection, however they were cut. Keeps `MAX_FRAME_BYTES` at most.

    A delimiter ends the frame before it and begins the next one, so that a frame that was cut takes no neighbour along.
    """

    def __init__(self) -> None:
        self._begun = bytearray()
        self._in_frame = False
        self._skips = False
        self.noise_bytes = 0
        """Bytes before the first delimiter."""
        self.too_long = 0
        """Frames that were longer than a frame can be, and were passed over."""

    @property
    def waiting(self) -> int:
        """Bytes of a frame that has begun and not ended."""
        return len(self._begun) + 1 if self._begun else 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return what is complete with its delimiters, unchecked. `parse_frame` reads it."""
        first, *rest = data.split(_DELIMITER)
        self._take(first)
        frames = []
        for piece in rest:
            if self._begun:
                frames.append(b"\x7e%b\x7e" % bytes(self._begun))
                self._begun.clear()
            self._in_frame, self._skips = True, False
            self._take(piece)
        return frames

    def _take(self, piece: bytes) -> None:
        if not self._in_frame:
            self.noise_bytes += len(piece)
        elif self._skips:
            return
        elif len(self._begun) + len(piece) > MAX_FRAME_BYTES - 2:
            self.too_long += 1
            self._begun.clear()
            self._skips = True
        else:
            self._begun += piece


def parse_frame(raw: bytes) -> Frame:
    """Read one frame as on the wire, with its delimiters. Raises FrameError."""
    if len(raw) < 2 or not (raw.startswith(_DELIMITER) and raw.endswith(_DELIMITER)):
        raise FrameError(FrameFault.NO_DELIMITERS, "a frame begins and ends with 7E")
    if len(raw) > MAX_FRAME_BYTES:
        raise FrameError(FrameFault.TOO_LONG, f"{len(raw)} bytes, a frame has at most {MAX_FRAME_BYTES}")
    content = unescape(raw[1:-1])
    if len(content) < _SHORTEST:
        raise FrameError(FrameFault.TOO_SHORT, f"{len(content)} bytes between the delimiters, at least {_SHORTEST}")
    check = reduce(xor, content)
    if check:
        sent = content[-1]
        raise FrameError(FrameFault.CHECKSUM, f"check byte is {sent:02X}, should be {check ^ sent:02X}")
    return _parse_content(content)


def _parse_content(content: bytes) -> Frame:
    """Read header and body; the check byte is right."""
    message_id, properties = _WORDS.unpack_from(content)
    stated, in_parts = properties & _LENGTH_BITS, bool(properties & _IN_PARTS)
    found = len(content) - 1 - stated
    header = found
    # Some firmware counts the numbers of the part as body; then `found` is a header without them.
    if in_parts and found not in _HEADER_BYTES:
        header -= _PART_BYTES
    is_2019 = _HEADER_BYTES.get(header)
    if is_2019 is None:
        detail = f"the header states a body of {stated} bytes, which leaves {found} for itself: should be 12 to 21"
        raise FrameError(FrameFault.BODY_LENGTH, detail)
    body_at = header
    part = None
    if in_parts:
        body_at += _PART_BYTES
        if len(content) - 1 < body_at:
            raise FrameError(FrameFault.BODY_LENGTH, "the numbers of the part are missing")
        part = Part(*_WORDS.unpack_from(content, header))
        if not 1 <= part.number <= part.total:
            raise FrameError(FrameFault.PARTS, f"part {part.number} of {part.total}")
    return Frame(
        message_id,
        content[5 if is_2019 else 4 : header - 2].hex(),
        int.from_bytes(content[header - 2 : header]),
        content[body_at:-1],
        content[4] if is_2019 else None,
        properties >> _ENCRYPTION_SHIFT & _ENCRYPTION_BITS,
        part,
    )


def unescape(content: bytes) -> bytes:
    """Return what stands between the delimiters as it was before it was escaped. Raises FrameError.

    A bare 7D at the end is a check byte that some firmware does not escape.
    """
    if _ESCAPE not in content:
        return content
    escapes = content.count(b"\x7d\x01") + content.count(b"\x7d\x02") + content.endswith(_ESCAPE)
    if content.count(_ESCAPE) != escapes:
        raise FrameError(FrameFault.BAD_ESCAPE, "7D is followed by a byte other than 01 and 02")
    return content.replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")


def escape(content: bytes) -> bytes:
    """Return what stands between the delimiters as it is on the wire."""
    return content.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")


def encode_frame(frame: Frame) -> bytes:
    """Write a frame as on the wire. Raises ValueError: the body or the phone number has a wrong length."""
    if len(frame.body) > MAX_BODY_BYTES:
        raise ValueError(f"a body of {len(frame.body)} bytes is sent in parts: encode_message")
    digits = _PHONE_DIGITS if frame.version is None else _PHONE_DIGITS_2019
    if len(frame.phone) != digits:
        raise ValueError(f"phone number {frame.phone!r} should have {digits} digits")
    properties = len(frame.body) | frame.encryption << _ENCRYPTION_SHIFT
    properties |= _IN_PARTS if frame.part else 0
    version = b""
    if frame.version is not None:
        properties |= _VERSION_FLAG
        version = bytes([frame.version])
    numbers = _WORDS.pack(frame.part.total, frame.part.number) if frame.part else b""
    content = b"".join(
        (
            _WORDS.pack(frame.message_id, properties),
            version,
            bytes.fromhex(frame.phone),
            frame.serial.to_bytes(2),
            numbers,
            frame.body,
        )
    )
    return b"\x7e%b\x7e" % escape(content + bytes([reduce(xor, content)]))


def encode_message(message: Frame) -> list[bytes]:
    """Write a message as one frame, or as many as its body needs, with serials that follow each other.

    Raises ValueError: as `encode_frame`.
    """
    body = message.body
    if len(body) <= MAX_BODY_BYTES:
        return [encode_frame(message)]
    total = -(-len(body) // MAX_BODY_BYTES)
    return [
        encode_frame(
            replace(
                message,
                body=body[at * MAX_BODY_BYTES : (at + 1) * MAX_BODY_BYTES],
                serial=(message.serial + at) & 0xFFFF,
                part=Part(total, at + 1),
            )
        )
        for at in range(total)
    ]


def missing_parts(parts: Sequence[Frame]) -> list[int]:
    """Return the numbers of the parts that are missing among those of one message, in order. At least one is given.

    There may be 65,535: who asks for them bounds the total that he takes.
    """
    numbers = {_place(frame).number for frame in parts}
    return [number for number in range(1, _place(parts[0]).total + 1) if number not in numbers]


def assemble(parts: Sequence[Frame]) -> Frame:
    """Put a message together from its parts, in any order; of a part that came twice, the first counts.

    Parts belong together by terminal, message id and total: their serials do not always follow each other.
    Raises FrameError: parts are missing.
    """
    if parts[0].part is None:
        return parts[0]
    by_number: dict[int, Frame] = {}
    for frame in parts:
        by_number.setdefault(_place(frame).number, frame)
    total = _place(parts[0]).total
    if len(by_number) < total:
        first = next(number for number in range(1, total + 1) if number not in by_number)
        detail = f"message {parts[0].message_id:04X}: {len(by_number)} of {total} parts are there, part {first} is not"
        raise FrameError(FrameFault.PARTS, detail)
    body = b"".join(by_number[number].body for number in range(1, total + 1))
    return replace(by_number[1], body=body, part=None)


_ALONE: Final = Part(1, 1)


def _place(frame: Frame) -> Part:
    return frame.part or _ALONE
