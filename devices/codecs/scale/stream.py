"""Cuts the bytes of an indicator into frames. It finds the next whole frame after any noise, cut or doubled byte.

A stream begins in the middle of a frame, and a check byte can look like a start byte. So bytes are only given up one by
one, until a whole frame stands.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from devices.codecs.scale import lines, toledo, yaohua
from devices.codecs.scale.frame import Fault, Frame, FrameError, without_parity
from devices.codecs.scale.settings import Format, ScaleSettings

_MAX_SKIPPED_BYTES: Final = 256
"""Of a stretch that is reported; noise may go on for hours."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A stretch of bytes that holds no whole frame. A long one comes in several parts."""

    raw: bytes
    fault: Fault
    """What was wrong with the first frame in it; `delimiters` if none began."""


class _Form(NamedTuple):
    """How frames of one format lie in a stream."""

    read: Callable[[bytes, ScaleSettings], Frame]
    start: bytes
    """The first byte, bit 7 apart where it is parity."""
    size: int
    last: tuple[int, int]
    """Place and value of another byte that is always the same: most false starts fail there."""
    mark: bytes = b""
    """What must follow a frame before it is sure."""


def read_frame(raw: bytes, settings: ScaleSettings) -> Frame:
    """Read one whole frame. Raises FrameError."""
    match settings.format:
        case Format.YAOHUA_A12:
            return yaohua.read_a12(raw, settings)
        case Format.TEXT:
            return lines.read_line(raw, settings)
    return _form(settings).read(raw, settings)


class FrameStream:
    """Cuts bytes of one connection into frames. Begin anew for each connection."""

    def __init__(self, settings: ScaleSettings) -> None:
        self._settings = settings
        self._held = bytearray()
        self._skipped = bytearray()
        self._fault: Fault | None = None
        self._by_line = settings.format in (Format.YAOHUA_A12, Format.TEXT)
        self._at_line_start = False

    @property
    def waiting_bytes(self) -> int:
        """Bytes that may be the beginning of a frame."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Frame | Skipped]:
        """Return what these bytes complete, in order. Never raises."""
        self._held += data
        return list(self._lines() if self._by_line else self._fixed())

    def _fixed(self) -> Iterator[Frame | Skipped]:
        form = _form(self._settings)
        held = bytes(self._held)
        clean = self._clean(held)
        at = 0
        while at < len(held):
            start = clean.find(form.start, at)
            if start < 0:
                start = len(held)
            yield from self._skip(held[at:start], None)
            at = start
            if at + form.size + len(form.mark) > len(held):
                break
            raw = held[at : at + form.size]
            if clean[at + form.last[0]] != form.last[1]:
                yield from self._skip(raw[:1], Fault.DELIMITERS)
                at += 1
                continue
            try:
                if not clean.startswith(form.mark, at + form.size):
                    raise FrameError(Fault.DELIMITERS, "is not followed by the next frame")
                frame = form.read(raw, self._settings)
            except FrameError as exc:
                yield from self._skip(raw[:1], exc.fault)
                at += 1
                continue
            yield from self._end_of_skipped()
            yield frame
            at += form.size
        del self._held[:at]

    def _clean(self, data: bytes) -> bytes:
        """The bytes without their parity bits, where they have them."""
        has_parity = self._settings.parity_bit or self._settings.format is Format.TOLEDO
        return without_parity(data) if has_parity else data

    def _lines(self) -> Iterator[Frame | Skipped]:
        while (end := self._clean(bytes(self._held)).find(b"\n")) >= 0:
            raw = bytes(self._held[: end + 1])
            del self._held[: end + 1]
            start = self._start_in(raw)
            yield from self._skip(raw[:start], None)
            yield from self._line(raw[start:])
            self._at_line_start = True
        if len(self._held) > lines.MAX_LINE_BYTES:
            yield from self._skip(bytes(self._held), Fault.DELIMITERS)
            self._held.clear()
            self._at_line_start = False

    def _start_in(self, raw: bytes) -> int:
        """Where the last frame of a line begins: a line that was cut runs into the next one."""
        if self._settings.format is Format.YAOHUA_A12:
            return max(len(raw) - yaohua.A12_BYTES, 0)
        return lines.start_of(self._clean(raw))

    def _line(self, raw: bytes) -> Iterator[Frame | Skipped]:
        try:
            if (
                not self._at_line_start
                and self._settings.format is Format.TEXT
                and not lines.is_whole(self._clean(raw))
            ):
                raise FrameError(Fault.DELIMITERS, "may be the rest of a longer line")
            frame = read_frame(raw, self._settings)
        except FrameError as exc:
            yield from self._skip(raw, exc.fault)
            yield from self._end_of_skipped()
            return
        yield from self._end_of_skipped()
        yield frame

    def _skip(self, raw: bytes, fault: Fault | None) -> Iterator[Skipped]:
        if not raw:
            return
        self._fault = self._fault or fault
        self._skipped += raw
        if len(self._skipped) >= _MAX_SKIPPED_BYTES:
            yield from self._end_of_skipped()

    def _end_of_skipped(self) -> Iterator[Skipped]:
        if self._skipped:
            yield Skipped(bytes(self._skipped[:_MAX_SKIPPED_BYTES]), self._fault or Fault.DELIMITERS)
            self._skipped.clear()
            self._fault = None


def _form(settings: ScaleSettings) -> _Form:
    match settings.format:
        case Format.YAOHUA:
            return _Form(
                yaohua.read_continuous, b"\x02", yaohua.CONTINUOUS_BYTES, (yaohua.CONTINUOUS_BYTES - 1, yaohua.ETX)
            )
        case Format.COMMAND:
            return _Form(yaohua.read_answer, b"\x02", yaohua.ANSWER_BYTES, (yaohua.ANSWER_BYTES - 1, yaohua.ETX))
        case Format.TOLEDO:
            return _Form(toledo.read_toledo, b"\x02", toledo.frame_bytes(settings), (toledo.BYTES - 1, toledo.CR))
    return _Form(yaohua.read_equals, b"=", yaohua.EQUALS_BYTES, (0, b"="[0]), mark=b"=")
