"""The elements of a payload: what becomes one reading or one refusal each. Takes time and memory of the payload's size.

Each element can be written as frames of its own, so that it can be kept and read again alone.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from devices.codecs.jt808.body import BodyError
from devices.codecs.jt808.frame import (
    Frame,
    FrameError,
    assemble,
    encode_message,
    parse_frame,
)
from devices.codecs.jt808.location import BATCH, CONTROL_ANSWER, LOCATION, LOCATION_ANSWER, parse_batch
from devices.codecs.jt808.messages import HEARTBEAT, LOG_OUT, Authentication, Registration, Stamp
from devices.readings.refusals import DecodeError, Reason, Refusal

STATUS_MESSAGES: Final = frozenset({Registration.ID, Authentication.ID, HEARTBEAT, LOG_OUT})

_SHORTEST_BYTES: Final = 15
"""Of a frame with its delimiters."""
_FEW: Final = 8
_REQUEST_BYTES: Final = 2
"""Serial of the request, before the location that answers it."""
_DELIMITED: Final = b"\x7e%b\x7e"


class Element(Struct, frozen=True, gc=False):
    """One element. `message` is None where `refusal` is not."""

    message: Frame | None = None
    """With a location as its body, or a message of a session."""
    stamp: Stamp | None = None
    """Of the message, if the gateway wrote one."""
    refusal: Refusal | None = None
    frames: bytes = b""
    """As they came; empty for a location out of a batch."""

    @property
    def is_location(self) -> bool:
        """Whether the message's body is that of one location."""
        return self.message is not None and self.message.message_id not in STATUS_MESSAGES

    def raw(self) -> bytes:
        """Return the frames of this element alone."""
        if self.frames or self.message is None:
            return self.frames
        return b"".join(encode_message(self.message))


class _Message(Struct, gc=False):
    """A message on its way to be whole."""

    raws: list[bytes]
    parts: list[Frame] = []
    numbers: set[int] = set()
    """Of the parts that came."""
    stamp: Stamp | None = None
    stamp_raw: bytes = b""
    refusal: Refusal | None = None

    def add(self, frame: Frame, raw: bytes) -> bool:
        """Take one more part; return whether that was the last."""
        self.parts.append(frame)
        self.raws.append(raw)
        part = frame.part
        if part is not None:
            self.numbers.add(part.number)
        return part is None or len(self.numbers) == part.total


def elements_of(payload: bytes) -> Iterator[Element]:
    """Yield the elements in their order. Raises DecodeError: there is no frame, or more pieces than can be frames."""
    pieces = [piece for piece in payload.split(b"\x7e") if piece]
    if not pieces:
        raise DecodeError(Refusal(Reason.NOT_A_READING, "payload: holds no frame", field="payload"))
    most = len(payload) // _SHORTEST_BYTES + _FEW
    if len(pieces) > most:
        detail = f"payload: {len(pieces)} pieces in {len(payload)} bytes, at most {most} of them can be frames"
        raise DecodeError(Refusal(Reason.NOT_A_READING, detail, field="payload"))
    for message in _messages(pieces):
        yield from _elements(message)


def _messages(pieces: Sequence[bytes]) -> list[_Message]:
    """Read the frames and put messages together, in the order in which they begin."""
    found: list[_Message] = []
    begun: dict[tuple[str, int, int] | None, _Message] = {}
    stamp, stamp_raw = None, b""
    for piece in pieces:
        raw = _DELIMITED % piece
        try:
            frame = parse_frame(raw)
            if frame.message_id == Stamp.ID:
                stamp, stamp_raw = Stamp.read(frame), raw
                continue
        except (FrameError, BodyError) as exc:
            found.append(_Message([raw], refusal=_refusal(str(exc))))
            continue
        key = None if frame.part is None else (frame.phone, frame.message_id, frame.part.total)
        message = begun.get(key) if key is not None else None
        if message is None:
            message = _Message([], stamp=stamp, stamp_raw=stamp_raw)
            found.append(message)
        if message.add(frame, raw):
            begun.pop(key, None)
        elif key is not None:
            begun[key] = message
    return found


def _elements(message: _Message) -> Iterator[Element]:
    raw = b"".join(message.raws)
    if message.refusal is not None:
        yield Element(refusal=message.refusal, frames=raw)
        return
    try:
        whole = assemble(message.parts)
        if whole.encryption:
            yield Element(refusal=_refusal("the body is encrypted: switch encryption off"), frames=raw)
        elif whole.message_id == LOCATION:
            yield Element(whole, frames=raw)
        elif whole.message_id in {LOCATION_ANSWER, CONTROL_ANSWER}:
            yield Element(_location(whole, whole.body[_REQUEST_BYTES:]), frames=raw)
        elif whole.message_id == BATCH:
            for body in parse_batch(whole).bodies:
                yield Element(_location(whole, body))
        elif whole.message_id in STATUS_MESSAGES:
            yield Element(whole, message.stamp, frames=message.stamp_raw + raw)
    except (FrameError, BodyError) as exc:
        yield Element(refusal=_refusal(str(exc)), frames=raw)


def _location(whole: Frame, body: bytes) -> Frame:
    return Frame(LOCATION, whole.phone, whole.serial, body, whole.version)


def _refusal(detail: str) -> Refusal:
    return Refusal(Reason.NOT_A_READING, f"payload: {detail}", field="payload")
