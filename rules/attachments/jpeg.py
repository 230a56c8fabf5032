"""A JPEG without what it says of its camera, its place and its owner. Nothing is decoded (ITU-T T.81, annex B)."""

import re
from typing import Final

_IMAGE_STARTS: Final = b"\xff\xd8"
_IMAGE_ENDS: Final = b"\xff\xd9"
_SCAN: Final = 0xDA
_MARKER: Final = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])", re.DOTALL)
"""In the data of a scan, FF 00 is a byte and FF D0 to D7 part it."""
_METADATA: Final = frozenset({*range(0xE0, 0xF0), 0xFE}) - {0xE0, 0xEE}
"""APP1 (EXIF, XMP) to APP15, and comments; JFIF and Adobe's transformation of colours are needed to draw it."""
_PROFILE: Final = b"ICC_PROFILE\x00"
"""Begins an APP2 that says what the colours are; others are tables of further pictures, with EXIF of their own."""


class NoJpeg(Exception):
    """The bytes are no whole JPEG."""


def without_metadata(content: bytes) -> bytes:
    """The segments of the first picture that are needed to draw it, byte by byte. Raises NoJpeg."""
    if not content.startswith(_IMAGE_STARTS):
        raise NoJpeg("does not begin as a JPEG")
    kept, at = [_IMAGE_STARTS], len(_IMAGE_STARTS)
    while True:
        match = _MARKER.match(content, at)
        if match is None:
            raise NoJpeg("no marker where one must be")
        marker, begin = match[1][0], match.end()
        if marker == _IMAGE_ENDS[1]:
            return b"".join([*kept, _IMAGE_ENDS])
        at = begin + int.from_bytes(content[begin : begin + 2])
        if not begin + 2 <= at <= len(content):
            raise NoJpeg("a segment is cut off")
        if marker == _SCAN:
            following = _MARKER.search(content, at)
            if following is None:
                raise NoJpeg("its end is missing")
            at = following.start()
        if marker not in _METADATA or (marker == 0xE2 and content.startswith(_PROFILE, begin + 2)):
            kept.append(bytes([0xFF, marker]) + content[begin:at])
