"""Messages by which a terminal gets and keeps its session: registration, authentication, answers, times, resends.

Each class reads its body from a frame (`read`, raises BodyError) and writes it (`body`). Texts are GBK.
"""

from typing import ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace

from devices.codecs.jt808.body import BodyError, BodyReader, text_field, time_field, time_ms
from devices.codecs.jt808.frame import Frame, encode_frame

HEARTBEAT: Final = 0x0002
LOG_OUT: Final = 0x0003
ASK_TIME: Final = 0x0004
"""Edition 2019. The answer is `ServerTime`."""
VENDOR_ASK_TIME: Final = 0x0109
"""Of some makers, in no edition. The answer is `VendorTime`."""

DONE: Final = 0
FAILED: Final = 1
BAD_MESSAGE: Final = 2
NOT_SUPPORTED: Final = 3
"""Results of an `Answer`."""

_FROM_PLATFORM: Final = (range(0x8000, 0x9000), range(0xF000, 0x10000))


def is_from_platform(message_id: int) -> bool:
    """Return whether only the platform sends this message. Never raises."""
    return any(message_id in ids for ids in _FROM_PLATFORM)


class Answer(Struct, frozen=True, gc=False):
    """General answer, of the terminal (0x0001) and of the platform (0x8001)."""

    FROM_TERMINAL: ClassVar = 0x0001
    FROM_PLATFORM: ClassVar = 0x8001

    serial: int
    """Of the message that is answered."""
    message_id: int
    result: int
    """`DONE`, `FAILED`, `BAD_MESSAGE`, `NOT_SUPPORTED`; 4 from the platform: an alarm is confirmed."""

    @classmethod
    def read(cls, frame: Frame) -> "Answer":
        body = BodyReader(frame.body)
        return cls(body.number("serial", 2), body.number("message_id", 2), body.number("result", 1))

    def body(self) -> bytes:
        return self.serial.to_bytes(2) + self.message_id.to_bytes(2) + bytes([self.result])


class Registration(Struct, frozen=True, gc=False):
    """Registration of a terminal (0x0100). The length of the body tells the edition, whatever the header says."""

    ID: ClassVar = 0x0100
    WIDTHS: ClassVar = {"2011": (5, 8, 7), "2013": (5, 20, 7), "2019": (11, 30, 30)}
    """Bytes of maker, model and terminal."""

    province: int
    city: int
    maker: str
    model: str
    terminal: str
    plate_colour: int
    """0: no plate, and `plate` is the vehicle's identification number; 1 blue, 2 yellow, 3 black, 4 white, 5 green."""
    plate: str
    edition: str = "2013"

    @classmethod
    def read(cls, frame: Frame) -> "Registration":
        size = len(frame.body)
        edition = "2019" if size >= 76 else "2013" if size >= 37 else "2011"
        body = BodyReader(frame.body)
        maker, model, terminal = cls.WIDTHS[edition]
        return cls(
            body.number("province", 2),
            body.number("city", 2),
            body.text("maker", maker),
            body.text("model", model),
            body.text("terminal", terminal),
            body.number("plate_colour", 1),
            body.text("plate", body.left),
            edition,
        )

    def body(self) -> bytes:
        texts = zip((self.maker, self.model, self.terminal), self.WIDTHS[self.edition], strict=True)
        head = self.province.to_bytes(2) + self.city.to_bytes(2)
        fields = b"".join(text_field(text, size) for text, size in texts)
        return head + fields + bytes([self.plate_colour]) + self.plate.encode("gbk")


class RegistrationAnswer(Struct, frozen=True, gc=False):
    """Answer to a registration (0x8100)."""

    ID: ClassVar = 0x8100
    VEHICLE_TAKEN: ClassVar = 1
    NO_VEHICLE: ClassVar = 2
    TERMINAL_TAKEN: ClassVar = 3
    NO_TERMINAL: ClassVar = 4

    serial: int
    result: int
    code: str = ""
    """By which the terminal authenticates itself, if it was registered. A secret."""

    @classmethod
    def read(cls, frame: Frame) -> "RegistrationAnswer":
        body = BodyReader(frame.body)
        return cls(body.number("serial", 2), body.number("result", 1), body.text("code", body.left))

    def body(self) -> bytes:
        return self.serial.to_bytes(2) + bytes([self.result]) + self.code.encode("gbk")


class Authentication(Struct, frozen=True, gc=False):
    """Authentication of a terminal (0x0102), by the code of its registration."""

    ID: ClassVar = 0x0102

    code: str
    """A secret."""
    imei: str = ""
    software: str = ""
    """Both in edition 2019 only."""

    @classmethod
    def read(cls, frame: Frame) -> "Authentication":
        raw = frame.body
        if not _has_counted_code(frame):
            return cls(BodyReader(raw).text("code", len(raw)))
        body = BodyReader(raw)
        return cls(body.counted_text("code"), body.text("imei", _IMEI_BYTES), body.text("software", body.left))

    def body(self, version: int | None) -> bytes:
        code = self.code.encode("gbk")
        if version is None:
            return code
        return bytes([len(code)]) + code + text_field(self.imei, _IMEI_BYTES) + text_field(self.software, 20)


_IMEI_BYTES: Final = 15


def _has_counted_code(frame: Frame) -> bool:
    """Whether the code stands behind its length, as in edition 2019."""
    body = frame.body
    behind = len(body) - 1 - body[0] if body else 0
    return behind == _IMEI_BYTES + 20 or (frame.version is not None and behind >= _IMEI_BYTES)


def without_code(frame: Frame) -> Frame:
    """Return an authentication without its secret, so that it may be kept."""
    if not _has_counted_code(frame):
        return replace(frame, body=b"")
    return replace(frame, body=b"\x00" + frame.body[1 + frame.body[0] :])


class ServerTime(Struct, frozen=True, gc=False):
    """The platform's time (0x8004), as edition 2019 asks for it."""

    ID: ClassVar = 0x8004

    at_ms: int

    def body(self, *, utc: bool) -> bytes:
        """Sources contradict each other on the zone: UTC, or GMT+8 as everywhere else."""
        return time_field(self.at_ms, utc=utc)

    @classmethod
    def read(cls, frame: Frame, *, utc: bool) -> "ServerTime":
        at_ms = time_ms(frame.body)
        if len(frame.body) != 6 or at_ms is None:
            raise BodyError("time", f"{frame.body[:8].hex()} is no time, should be yymmddhhmmss")
        return cls(at_ms + 8 * 3_600_000 if utc else at_ms)


class VendorTime(Struct, frozen=True, gc=False):
    """The platform's time as some makers ask for it (0x8109): plain numbers, UTC, and a result."""

    ID: ClassVar = 0x8109

    at_ms: int

    def body(self) -> bytes:
        digits = time_field(self.at_ms, utc=True).hex()
        year, *rest = (int(digits[at : at + 2]) for at in range(0, 12, 2))
        return (2000 + year).to_bytes(2) + bytes([*rest, DONE])


class Resend(Struct, frozen=True, gc=False):
    """Request for parts of a long message that did not arrive (0x8003; of the terminal: 0x0005)."""

    ID: ClassVar = 0x8003

    serial: int
    """Of the first part."""
    numbers: tuple[int, ...]

    @classmethod
    def read(cls, frame: Frame) -> "Resend":
        """The count has one byte, or two in some terminals of 2019: the length of the body tells."""
        body = BodyReader(frame.body)
        serial = body.number("serial", 2)
        count = body.number("count", 1 if len(frame.body) % 2 else 2)
        return cls(serial, tuple(body.number("number", 2) for _ in range(count)))

    def body(self) -> bytes:
        """Raises OverflowError: more than 255 parts."""
        return self.serial.to_bytes(2) + bytes([len(self.numbers)]) + b"".join(n.to_bytes(2) for n in self.numbers)


class Stamp(Struct, frozen=True, gc=False):
    """Time and session of the message behind it (0x8FFE), which carries neither. Written by our gateway only."""

    ID: ClassVar = 0x8FFE

    at_ms: int
    """When it came, by the clock of the terminal as its positions show it, ms since 1970 UTC."""
    session: int
    """Grows with every connection of the terminal."""
    is_true_time: bool = False
    """Whether `at_ms` is the gateway's own time: the terminal has shown none since the gateway started."""

    @classmethod
    def read(cls, frame: Frame) -> "Stamp":
        body = BodyReader(frame.body)
        return cls(body.number("at_ms", 8), body.number("session", 8), bool(body.rest()))


def encode_stamp(phone: str, version: int | None, *, at_ms: int, session: int, is_true_time: bool = False) -> bytes:
    """Write the frame that stands before a registration, an authentication, a heartbeat or a log-out in the raw log."""
    body = at_ms.to_bytes(8) + session.to_bytes(8) + (b"\x01" if is_true_time else b"")
    return encode_frame(Frame(Stamp.ID, phone, 0, body, version))
