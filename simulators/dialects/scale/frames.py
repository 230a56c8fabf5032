"""Writes what a display shows as indicators do: from their manuals, apart from the codec."""

from collections.abc import Callable, Mapping
from typing import Final

from simulators.dialects.scale.bridge import Display


def yaohua(shown: Display) -> bytes:
    """Yaohua XK3190 and Keli, continuous: an indicator that is over its range sends a weight all the same."""
    body = f"{'-' if shown.kg < 0 else '+'}{abs(shown.kg):06d}0".encode()
    check = 0
    for byte in body:
        check ^= byte
    return b"\x02" + body + f"{check:02X}".encode() + b"\x03"


def yaohua_reversed(shown: Display) -> bytes:
    """`=` and eight characters, low digit first: here with one decimal."""
    text = f"{'-' if shown.kg < 0 else '0'}{abs(shown.kg):05d}.0"
    return b"=" + text[::-1].encode()


def yaohua_a12(shown: Display) -> bytes:
    """A12(E): `WG`, seven characters, unit, check, CR LF."""
    text = f"-{-shown.kg:06d}" if shown.kg < 0 else f"{shown.kg:06d} "
    body = b" " * 9 + b"OL" if shown.over else f"WG{text}kg".encode()
    check = 0
    for byte in body:
        check ^= byte
    return body + f"{check:02X}\r\n".encode()


def toledo(shown: Display) -> bytes:
    """Mettler-Toledo continuous with check byte: kilograms without decimals."""
    status = 0x30 | (0x02 if shown.kg < 0 else 0) | (0x04 if shown.over else 0) | (0x08 if shown.moving else 0)
    body = b"\x02\x32" + bytes([status]) + b"\x20" + f"{abs(shown.kg):06d}000000".encode() + b"\x0d"
    return body + bytes([-sum(body) & 0x7F])


def toledo_7e1(shown: Display) -> bytes:
    """The same with seven bits and even parity, as eight bits receive it."""
    return bytes(byte | (byte.bit_count() & 1) << 7 for byte in toledo(shown))


def text(shown: Display) -> bytes:
    """A line of CAS or AND."""
    state = "OL" if shown.over else "US" if shown.moving else "ST"
    return f"{state},GS,{shown.kg:+08d}kg\r\n".encode()


WRITERS: Final[Mapping[str, Callable[[Display], bytes]]] = {
    "yaohua-kg": yaohua,
    "yaohua-reversed-kg": yaohua_reversed,
    "yaohua-a12": yaohua_a12,
    "toledo": toledo,
    "toledo-7e1": toledo_7e1,
    "text": text,
}
"""By the built-in profile that reads them."""
