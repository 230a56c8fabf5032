"""Frames of Yaohua XK3190 and Keli indicators: continuous, `=` formats, A12(E), and command mode. Pure.

Layouts as in the manuals of Yaohua A23p, A26, A12(E), A9+, DS1, DS3 and Keli XK3118K9-R. The continuous frame has six
digits and a count of decimals; who reads seven digits weighs ten times too heavy. Its check digits are no state.
"""

import re
from decimal import Decimal
from enum import StrEnum
from typing import Final

from devices.codecs.scale.frame import Fault, Frame, FrameError, State, Unit, without_parity, xor_check
from devices.codecs.scale.settings import Format, ScaleSettings

STX: Final = 0x02
ETX: Final = 0x03
_EOT: Final = 0x04
CONTINUOUS_BYTES: Final = 12
EQUALS_BYTES: Final = 9
A12_BYTES: Final = 15
ANSWER_BYTES: Final = 14
SHORT_ANSWER_BYTES: Final = 6
MAX_DECIMALS: Final = 4
"""Of a count of decimals in a frame: the manuals give 0 to 4."""

_A12_UNITS: Final = {b"kg": Unit.KG, b"lb": Unit.LB, b" g": Unit.G, b" t": Unit.T}
_A12_STATES: Final = {b"OL": State.OVERLOAD, b"LO": State.UNDERLOAD}
_PLAIN: Final = re.compile(rb"[0-9]+(\.[0-9]+)?")


class Quantity(StrEnum):
    """What an indicator in command mode is asked for. Its commands G, H and I erase, zero and tare: never sent."""

    HANDSHAKE = "A"
    GROSS = "B"
    TARE = "C"
    NET = "D"


def read_continuous(raw: bytes, settings: ScaleSettings) -> Frame:
    """Read the 12 bytes of the continuous format. Raises FrameError."""
    data = without_parity(raw) if settings.parity_bit else raw
    if len(data) != CONTINUOUS_BYTES or data[0] != STX or data[-1] != ETX:
        raise FrameError(Fault.DELIMITERS, "should be 12 bytes from 02 to 03")
    _check(data[1:9], data[9:11])
    return Frame(raw, _counted(data[1:2], data[2:8], data[8:9], settings), settings.unit, checked=True)


def read_equals(raw: bytes, settings: ScaleSettings) -> Frame:
    """Read `=`, sign and 7 characters of weight, in either order. Raises FrameError."""
    data = without_parity(raw) if settings.parity_bit else raw
    if len(data) != EQUALS_BYTES or data[:1] != b"=":
        raise FrameError(Fault.DELIMITERS, "should be `=` and 8 characters")
    text = data[:0:-1] if settings.format is Format.YAOHUA_REVERSED else data[1:]
    if text[:1] not in (b"0", b"-"):
        raise FrameError(Fault.DIGITS, f"the sign should be 0 or -, found {text[:1]!r}")
    weight = pointed(text[1:], settings.decimals, needs_point=True)
    return Frame(raw, -weight if text[:1] == b"-" else weight, settings.unit)


def read_a12(raw: bytes, settings: ScaleSettings) -> Frame:
    """Read the 15 bytes of the A12(E). Raises FrameError."""
    data = without_parity(raw) if settings.parity_bit else raw
    if len(data) != A12_BYTES or data[-2:] != b"\r\n":
        raise FrameError(Fault.DELIMITERS, "should be 15 bytes that end with CR LF")
    _check(data[:11], data[11:13])
    if data[9:11] in _A12_STATES:
        return Frame(raw, None, state=_A12_STATES[data[9:11]], checked=True)
    if data[:2] not in (b"WG", b"WN"):
        raise FrameError(Fault.DELIMITERS, f"should begin with WG or WN, begins with {data[:2]!r}")
    unit = _A12_UNITS.get(data[9:11])
    if unit is None or settings.unit not in (None, unit):
        raise FrameError(Fault.UNIT, f"{data[9:11]!r} is not the unit of the profile")
    text = data[2:9].rstrip(b" ")
    weight = pointed(text.removeprefix(b"-"), settings.decimals)
    return Frame(raw, -weight if text[:1] == b"-" else weight, unit, net=data[1:2] == b"N", checked=True)


def request(address: str, quantity: Quantity) -> bytes:
    """What the host sends to ask an indicator."""
    asked = f"{address}{quantity}".encode()
    return b"\x02" + asked + xor_check(asked) + b"\x03"


def read_answer(raw: bytes, settings: ScaleSettings) -> Frame:
    """Read the answer to a request for a weight. Raises FrameError."""
    data = without_parity(raw) if settings.parity_bit else raw
    if len(data) not in (ANSWER_BYTES, SHORT_ANSWER_BYTES) or data[0] != STX or data[-1] != ETX:
        raise FrameError(Fault.DELIMITERS, f"should be {ANSWER_BYTES} bytes from 02 to 03")
    _check(data[1:-3], data[-3:-1])
    if data[1:2] != settings.address.encode():
        raise FrameError(Fault.DELIMITERS, f"address {data[1:2]!r} is not that of the profile ({settings.address})")
    if data[2] == _EOT:
        raise FrameError(Fault.COMMAND, "the indicator does not have this command")
    if len(data) == SHORT_ANSWER_BYTES or data[2:3] not in (b"B", b"C", b"D"):
        raise FrameError(Fault.COMMAND, "the answer holds no weight")
    sign, text = data[3:4], data[4:11]
    weight = _pointed_with_sign(sign, text, settings) if b"." in text else _counted(sign, text[:6], text[6:], settings)
    return Frame(raw, weight, settings.unit, net=data[2:3] == b"D", checked=True)


def is_gross(answer: bytes) -> bool:
    """Whether an answer of command mode is the gross weight, not the tare or the net one."""
    return answer[2:3] == b"B"


def pointed(text: bytes, decimals: int | None, *, needs_point: bool = False) -> Decimal:
    """A number with its point, checked against the profile's decimals. Raises FrameError."""
    if not _PLAIN.fullmatch(text):
        raise FrameError(Fault.DIGITS, f"{text[:16]!r} is no number")
    number = Decimal(text.decode())
    shown = -int(number.as_tuple().exponent)
    if b"." not in text and needs_point:
        if decimals is None:
            raise FrameError(Fault.DECIMALS, "the frame has no point: state `decimals` in the profile")
        return number.scaleb(-decimals)
    if decimals is not None and shown != decimals:
        raise FrameError(Fault.DECIMALS, f"the frame has {shown} decimals, the profile says {decimals}")
    return number


def _check(data: bytes, check: bytes) -> None:
    if xor_check(data) != check:
        raise FrameError(Fault.CHECKSUM, f"should be {xor_check(data).decode()}, found {check!r}")


def _counted(sign: bytes, digits: bytes, count: bytes, settings: ScaleSettings) -> Decimal:
    if sign not in (b"+", b"-") or not digits.isdigit():
        raise FrameError(Fault.DIGITS, f"{(sign + digits)!r} is no sign and six digits")
    decimals = count[0] - 0x30
    if not 0 <= decimals <= MAX_DECIMALS:
        raise FrameError(Fault.DECIMALS, f"{count!r} is no count of decimals")
    if settings.decimals not in (None, decimals):
        raise FrameError(Fault.DECIMALS, f"the frame has {decimals} decimals, the profile says {settings.decimals}")
    number = Decimal(int(digits)).scaleb(-decimals)
    return -number if sign == b"-" else number


def _pointed_with_sign(sign: bytes, text: bytes, settings: ScaleSettings) -> Decimal:
    if sign not in (b"+", b"-"):
        raise FrameError(Fault.DIGITS, f"{sign!r} is no sign")
    number = pointed(text.removesuffix(b"."), settings.decimals)
    return -number if sign == b"-" else number
