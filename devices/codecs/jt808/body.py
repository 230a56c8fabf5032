"""Fields in the body of a message: numbers, text, times. Pure; reads no byte beyond the body.

BodyError   the body is shorter than its fields, or a field holds what it cannot; carries the field
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_CHINA: Final = timezone(timedelta(hours=8))
"""Times are in GMT+8, wherever the terminal is."""


_OF_BCD: Final = {tens << 4 | ones: 10 * tens + ones for tens in range(10) for ones in range(10)}


class BodyError(Exception):
    """The message cannot be read; its frame is sound and may be answered."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail
        """The value found and the value expected."""


class BodyReader:
    """Reads the fields of a body one after the other. Every method raises BodyError if the body ends before."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._body) - self._at

    def number(self, field: str, size: int) -> int:
        """Return an unsigned number of `size` bytes."""
        return int.from_bytes(self.raw(field, size))

    def raw(self, field: str, size: int) -> bytes:
        """Return the next bytes."""
        if size > self.left:
            raise BodyError(field, f"needs {size} bytes, the body has {self.left} left")
        self._at += size
        return self._body[self._at - size : self._at]

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.raw("rest", self.left)

    def text(self, field: str, size: int) -> str:
        """Return text of `size` bytes without the NULs behind it."""
        return text_of(self.raw(field, size))

    def counted_text(self, field: str) -> str:
        """Return text that follows its length in one byte."""
        return self.text(field, self.number(field, 1))

    def time_ms(self, field: str) -> int:
        """Return a time as milliseconds since 1970 UTC. Raises BodyError if it is none."""
        raw = self.raw(field, 6)
        at_ms = time_ms(raw)
        if at_ms is None:
            raise BodyError(field, f"{raw.hex()} is no time, should be yymmddhhmmss")
        return at_ms


def text_of(raw: bytes) -> str:
    """Return GBK text without the NULs behind it; a byte that is no GBK becomes U+FFFD."""
    return raw.rstrip(b"\x00").decode("gbk", errors="replace")


def text_field(text: str, size: int) -> bytes:
    """Write text of at most `size` bytes, filled up with NULs. Raises ValueError: it is longer, or not in GBK."""
    raw = text.encode("gbk")
    if len(raw) > size:
        raise ValueError(f"{text!r} takes {len(raw)} bytes, at most {size} fit")
    return raw.ljust(size, b"\x00")


def counted_text(text: str) -> bytes:
    """Write text behind its length in one byte. Raises ValueError: longer than 255 bytes, or not in GBK."""
    raw = text.encode("gbk")
    if len(raw) > 255:
        raise ValueError(f"{text!r} takes {len(raw)} bytes, at most 255 fit")
    return bytes([len(raw)]) + raw


def time_ms(raw: bytes) -> int | None:
    """Return the time of six BCD bytes yymmddhhmmss as milliseconds since 1970 UTC; None if it is none."""
    try:
        year, month, day, hour, minute, second = [_OF_BCD[byte] for byte in raw]
        return int(datetime(2000 + year, month, day, hour, minute, second, tzinfo=_CHINA).timestamp()) * 1000
    except (KeyError, ValueError):  # a digit a to f; a month 13, or fewer bytes than six
        return None


def time_field(at_ms: int, *, utc: bool = False) -> bytes:
    """Write a time, ms since 1970 UTC, as six BCD bytes; in GMT+8 unless `utc`."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC if utc else _CHINA)
    return bytes.fromhex(moment.strftime("%y%m%d%H%M%S"))
