"""Frames of Mettler-Toledo's continuous format: 17 bytes, or 18 with a check byte. Pure.

Only the bits that are used are tested: makers set the reserved ones as they like, and number units differently. A
profile that states unit or decimals overrules the bits.
"""

from decimal import Decimal
from typing import Final

from devices.codecs.scale.frame import Fault, Frame, FrameError, State, Unit, without_parity
from devices.codecs.scale.settings import ScaleSettings

STX: Final = 0x02
CR: Final = 0x0D
BYTES: Final = 17
"""Without the check byte."""
_INCREMENTS: Final = {1: 1, 2: 2, 3: 5}
_NET, _MINUS, _OUT_OF_RANGE, _MOTION, _KG, _NOT_ZEROED = (1 << bit for bit in (0, 1, 2, 3, 4, 6))
_PRINT, _EXPANDED = 1 << 3, 1 << 4


def frame_bytes(settings: ScaleSettings) -> int:
    return BYTES + settings.check


def read_toledo(raw: bytes, settings: ScaleSettings) -> Frame:
    """Read one frame; bit 7 of each byte is passed over. Raises FrameError."""
    data = without_parity(raw)
    if len(data) != frame_bytes(settings) or data[0] != STX or data[16] != CR:
        raise FrameError(Fault.DELIMITERS, f"should be {frame_bytes(settings)} bytes from 02 to 0D and the check byte")
    if settings.check and sum(data) & 0x7F:
        raise FrameError(Fault.CHECKSUM, "the seven-bit sum of the frame should be 0")
    swa, swb, swc = data[1], data[2], data[3]
    exponent = 2 - (swa & 7) if settings.decimals is None else -settings.decimals
    weight = _number(data[4:10]).scaleb(exponent)
    return Frame(
        raw,
        -weight if swb & _MINUS else weight,
        settings.unit or _unit(swb, swc),
        stable=not swb & _MOTION,
        net=bool(swb & _NET),
        tare=_number(data[10:16]).scaleb(exponent),
        state=State.OUT_OF_RANGE if swb & _OUT_OF_RANGE else State.IN_RANGE,
        not_zeroed=bool(swb & _NOT_ZEROED),
        expanded=bool(swc & _EXPANDED),
        print_request=bool(swc & _PRINT),
        increment=_INCREMENTS.get(swa >> 3 & 3),
        checked=settings.check,
    )


def _number(text: bytes) -> Decimal:
    """Six digits, of which leading zeros may be blank."""
    digits = text.lstrip(b" ")
    if not digits.isdigit():
        raise FrameError(Fault.DIGITS, f"{text!r} is no number")
    return Decimal(int(digits))


def _unit(swb: int, swc: int) -> Unit:
    match swc & 7:
        case 0:
            return Unit.KG if swb & _KG else Unit.LB
        case 1:
            return Unit.G
        case 2:
            return Unit.T
    raise FrameError(Fault.UNIT, f"the frame says unit {swc & 7}: state `unit` in the profile")
