"""Messages by which the platform asks and steers a terminal, and what the terminal answers: parameters, position
reports, text, controls, attributes, data passed through, driver cards.

Each class reads its body from a frame (`read`, raises BodyError); those that the platform sends are written by `body`.
"""

from typing import ClassVar, Final

from msgspec import Struct

from devices.codecs.jt808.body import BodyError, BodyReader, text_of
from devices.codecs.jt808.frame import Frame

ASK_PARAMETERS: Final = 0x8104
"""All of them; the body is empty. The answer is `ParameterAnswer`."""
ASK_ATTRIBUTES: Final = 0x8107
ASK_LOCATION: Final = 0x8201

INTERVAL_WITHOUT_DRIVER: Final = 0x0022
INTERVAL_ASLEEP: Final = 0x0027
INTERVAL_IN_EMERGENCY: Final = 0x0028
INTERVAL: Final = 0x0029
"""Parameters: seconds between two positions, four bytes each."""

_TEXT_PARAMETERS: Final = frozenset(
    {*range(0x10, 0x18), 0x1A, 0x1D, *range(0x23, 0x27), *range(0x40, 0x45), 0x48, 0x49, 0x83}
)
_NUMBER_SIZES: Final = (1, 2, 4)


class Parameter(Struct, frozen=True, gc=False):
    """One parameter of a terminal."""

    id: int
    raw: bytes

    @property
    def value(self) -> int | str | bytes:
        """Text, a number of 1, 2 or 4 bytes, or the bytes themselves."""
        if self.id in _TEXT_PARAMETERS:
            return text_of(self.raw)
        return int.from_bytes(self.raw) if len(self.raw) in _NUMBER_SIZES else self.raw


class SetParameters(Struct, frozen=True, gc=False):
    """Setting of parameters (0x8103). The answer is `Answer`."""

    ID: ClassVar = 0x8103

    parameters: tuple[Parameter, ...]

    @classmethod
    def read(cls, frame: Frame) -> "SetParameters":
        return cls(_parameters(BodyReader(frame.body)))

    def body(self) -> bytes:
        items = (one.id.to_bytes(4) + bytes([len(one.raw)]) + one.raw for one in self.parameters)
        return bytes([len(self.parameters)]) + b"".join(items)


class AskParameters(Struct, frozen=True, gc=False):
    """Request for some parameters (0x8106). The answer is `ParameterAnswer`."""

    ID: ClassVar = 0x8106

    ids: tuple[int, ...]

    @classmethod
    def read(cls, frame: Frame) -> "AskParameters":
        body = BodyReader(frame.body)
        return cls(tuple(body.number("id", 4) for _ in range(body.number("count", 1))))

    def body(self) -> bytes:
        return bytes([len(self.ids)]) + b"".join(one.to_bytes(4) for one in self.ids)


class ParameterAnswer(Struct, frozen=True, gc=False):
    """Parameters of a terminal (0x0104)."""

    ID: ClassVar = 0x0104

    serial: int
    """Of the message that is answered."""
    parameters: tuple[Parameter, ...]

    @classmethod
    def read(cls, frame: Frame) -> "ParameterAnswer":
        body = BodyReader(frame.body)
        return cls(body.number("serial", 2), _parameters(body))


def _parameters(body: BodyReader) -> tuple[Parameter, ...]:
    count = body.number("count", 1)
    return tuple(Parameter(body.number("id", 4), body.raw("value", body.number("length", 1))) for _ in range(count))


class Attributes(Struct, frozen=True, gc=False):
    """Attributes of a terminal (0x0107)."""

    ID: ClassVar = 0x0107
    WIDTHS: ClassVar = ((5, 20, 7), (5, 30, 30), (11, 30, 30))
    """Bytes of maker, model and terminal. In edition 2019 makers write 5 or 11 bytes: the inner lengths tell."""

    type_bits: int
    maker: str
    model: str
    terminal: str
    iccid: str
    hardware: str
    firmware: str
    gnss_bits: int
    network_bits: int
    maker_bytes: int
    """As wide as the field of the maker was."""

    @classmethod
    def read(cls, frame: Frame) -> "Attributes":
        for widths in cls.WIDTHS:
            body = BodyReader(frame.body)
            try:
                found = cls._read(body, *widths)
            except BodyError:
                continue
            if not body.left:
                return found
        raise BodyError("maker", f"a body of {len(frame.body)} bytes fits no layout of maker, model and terminal")

    @classmethod
    def _read(cls, body: BodyReader, maker: int, model: int, terminal: int) -> "Attributes":
        return cls(
            body.number("type_bits", 2),
            body.text("maker", maker),
            body.text("model", model),
            body.text("terminal", terminal),
            body.raw("iccid", 10).hex(),
            body.counted_text("hardware"),
            body.counted_text("firmware"),
            body.number("gnss_bits", 1),
            body.number("network_bits", 1),
            maker,
        )


class Follow(Struct, frozen=True, gc=False):
    """Report positions at another interval for a while (0x8202). The answer is `Answer`."""

    ID: ClassVar = 0x8202

    interval_s: int
    """0 ends it."""
    valid_s: int = 0

    @classmethod
    def read(cls, frame: Frame) -> "Follow":
        body = BodyReader(frame.body)
        interval_s = body.number("interval_s", 2)
        return cls(interval_s, body.number("valid_s", 4) if body.left else 0)

    def body(self) -> bytes:
        return self.interval_s.to_bytes(2) + (self.valid_s.to_bytes(4) if self.interval_s else b"")


class Text(Struct, frozen=True, gc=False):
    """Text for the driver (0x8300). The answer is `Answer`."""

    ID: ClassVar = 0x8300
    URGENT: ClassVar = 1 << 0
    SHOW: ClassVar = 1 << 2
    READ_ALOUD: ClassVar = 1 << 3

    flags: int
    text: str
    type: int = 1
    """Edition 2019: 1 notice, 2 service."""

    @classmethod
    def read(cls, frame: Frame) -> "Text":
        body = BodyReader(frame.body)
        flags = body.number("flags", 1)
        kind = 1 if frame.version is None else body.number("type", 1)
        return cls(flags, body.text("text", body.left), kind)

    def body(self, version: int | None) -> bytes:
        """Raises ValueError: the text is not in GBK."""
        head = bytes([self.flags]) if version is None else bytes([self.flags, self.type])
        return head + self.text.encode("gbk")


class Control(Struct, frozen=True, gc=False):
    """Control of the terminal (0x8105). The answer is `Answer`."""

    ID: ClassVar = 0x8105
    RESET: ClassVar = 4

    command: int
    argument: str = ""
    """Fields parted by `;`."""

    @classmethod
    def read(cls, frame: Frame) -> "Control":
        body = BodyReader(frame.body)
        return cls(body.number("command", 1), body.text("argument", body.left))

    def body(self) -> bytes:
        return bytes([self.command]) + self.argument.encode("gbk")


class VehicleControl(Struct, frozen=True, gc=False):
    """Control of the vehicle in edition 2019 (0x8500): pairs of type and parameter. The answer is a position (0x0500).

    One byte of flags in 2013, and by some readers of 2019 no count: neither is read here.
    """

    ID: ClassVar = 0x8500
    DOORS: ClassVar = 0x0001

    controls: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, frame: Frame) -> "VehicleControl":
        body = BodyReader(frame.body)
        count = body.number("count", 2)
        return cls(tuple((body.number("type", 2), body.number("parameter", 1)) for _ in range(count)))


class ConfirmAlarm(Struct, frozen=True, gc=False):
    """Confirmation of an alarm by hand (0x8203)."""

    ID: ClassVar = 0x8203

    serial: int
    """Of the message with the alarm; 0: of all."""
    alarm_bits: int

    @classmethod
    def read(cls, frame: Frame) -> "ConfirmAlarm":
        body = BodyReader(frame.body)
        return cls(body.number("serial", 2), body.number("alarm_bits", 4))


class PassedThrough(Struct, frozen=True, gc=False):
    """Data of a device behind the terminal (0x0900)."""

    ID: ClassVar = 0x0900

    type: int
    """0x00 receiver, 0x0B IC card, 0x41 and 0x42 serial ports; the makers' own from 0xF0."""
    data: bytes

    @classmethod
    def read(cls, frame: Frame) -> "PassedThrough":
        body = BodyReader(frame.body)
        return cls(body.number("type", 1), body.rest())


class DriverCard(Struct, frozen=True, gc=False):
    """A driver's card was put in or taken out (0x0702). Personal data: no reading is made of it."""

    ID: ClassVar = 0x0702

    is_in: bool
    at_ms: int
    result: int | None = None
    """0: the card was read; None: taken out."""
    name: str = ""
    certificate: str = ""
    issuer: str = ""
    valid_until: str = ""
    """yyyymmdd."""

    @classmethod
    def read(cls, frame: Frame) -> "DriverCard":
        body = BodyReader(frame.body)
        is_in = body.number("state", 1) == 1
        at_ms = body.time_ms("time")
        if not is_in:
            return cls(is_in, at_ms)
        result = body.number("result", 1)
        if result:
            return cls(is_in, at_ms, result)
        return cls(
            is_in,
            at_ms,
            result,
            body.counted_text("name"),
            body.text("certificate", 20),
            body.counted_text("issuer"),
            body.raw("valid_until", 4).hex(),
        )
