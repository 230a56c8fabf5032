"""A frame of a weighing indicator: what it shows, as it shows it. Pure.

FrameError    bytes that are no frame of their format
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Unit(StrEnum):
    """Unit of a shown weight."""

    G = "g"
    KG = "kg"
    T = "t"
    LB = "lb"


KG_PER: Final = {Unit.G: Decimal("0.001"), Unit.KG: Decimal(1), Unit.T: Decimal(1000), Unit.LB: Decimal("0.45359237")}


class State(StrEnum):
    """Whether the scale can weigh what lies on it."""

    IN_RANGE = "in_range"
    OVERLOAD = "overload"
    UNDERLOAD = "underload"
    OUT_OF_RANGE = "out_of_range"
    """Above or below: the frame does not say which."""


class Fault(StrEnum):
    """What is wrong with bytes that are no frame."""

    DELIMITERS = "delimiters"
    CHECKSUM = "checksum"
    DIGITS = "digits"
    DECIMALS = "decimals"
    UNIT = "unit"
    COMMAND = "unknown_command"


class FrameError(ValueError):
    """These bytes are no frame of the format."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault = fault
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Frame:
    """One weight as an indicator sends it. None: the frame does not say."""

    raw: bytes
    """The frame, byte for byte as it came."""
    weight: Decimal | None
    """As shown, gross or net. None where the indicator shows no number."""
    unit: Unit | None = None
    stable: bool | None = None
    net: bool | None = None
    """The shown weight is without the tare."""
    tare: Decimal | None = None
    """In the same unit."""
    state: State = State.IN_RANGE
    not_zeroed: bool = False
    """The scale was not zeroed since it was switched on."""
    expanded: bool = False
    """The display shows a tenth of a division more: no weight for trade."""
    print_request: bool = False
    """Somebody pressed the print key."""
    increment: int | None = None
    """Leading digit of the division: 1, 2 or 5."""
    checked: bool = False
    """A check byte proves the frame."""


def xor_check(data: bytes) -> bytes:
    """XOR of bytes as two hexadecimal digits in capitals: the check of Yaohua, Keli and their kin."""
    check = 0
    for byte in data:
        check ^= byte
    return b"%02X" % check


def without_parity(data: bytes) -> bytes:
    """Clear bit 7 of each byte: what is left of seven data bits and parity, read as eight data bits."""
    return bytes(byte & 0x7F for byte in data)
