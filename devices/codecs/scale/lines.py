"""Lines of text of CAS, AND, T-Scale and Ohaus indicators. Pure.

A comma separates fields and is never a decimal sign. A line that begins with a state (`ST`, `US`, `OL`) and ends with a
unit is whole; any other may be the rest of a longer one, which `stream` finds out.
"""

import re
from typing import Final

from devices.codecs.scale.frame import Fault, Frame, FrameError, State, Unit, without_parity
from devices.codecs.scale.settings import ScaleSettings
from devices.codecs.scale.yaohua import pointed

MAX_LINE_BYTES: Final = 64
_NUMBER: Final = rb"(?P<sign>[+-]?) *(?P<number>[0-9][0-9.]*)"
_UNIT: Final = rb"(?P<unit>kg|g|t|lb)"
_CAS: Final = re.compile(
    rb"(?P<state>ST|US),(?P<net>GS|NT),.(?P<lamp>.),(?=.{8} [a-z ]{1,2}\Z) *" + _NUMBER + rb" *" + _UNIT, re.DOTALL
)
"""CAS, 22 bytes: state, gross or net, device, lamps, 8 characters of weight, blank, unit."""
_STATED: Final = re.compile(rb"(?P<state>ST|US),(?P<net>GS|NT),? *" + _NUMBER + rb" *" + _UNIT + rb" *")
_OVER: Final = re.compile(rb"(?P<state>OL|UL),.*", re.DOTALL)
_MARKED: Final = re.compile(rb" *" + _NUMBER + rb" +" + _UNIT + rb" +(?P<moving>\??)(?P<net>[GN])")
"""Ohaus and kin: weight, unit, `?` while it moves, G or N."""
_PREFIXED: Final = re.compile(rb"w(?P<net>[wn])" + _NUMBER + _UNIT)
"""Yaohua's kin without check: `ww` gross, `wn` net. `wt` is the tare and no weight of a load."""
_BARE: Final = re.compile(rb"(?=.{8}\Z) *" + _NUMBER + rb" *")
"""CAS, 10 bytes: 8 characters of weight."""
_HEADS: Final = (b"ST,", b"US,", b"OL,", b"UL,", b"ww", b"wn")
_STABLE_LAMP: Final = 1 << 6
_NET_MARKS: Final = frozenset({b"NT", b"N", b"n"})


def read_line(raw: bytes, settings: ScaleSettings) -> Frame:
    """Read one line, with or without its line end. Raises FrameError."""
    line = (without_parity(raw) if settings.parity_bit else raw).rstrip(b"\r\n")
    if len(line) > MAX_LINE_BYTES:
        raise FrameError(Fault.DELIMITERS, f"a line has at most {MAX_LINE_BYTES} bytes")
    over = _OVER.fullmatch(line)
    if over is not None:
        state = State.OVERLOAD if over["state"] == b"OL" else State.UNDERLOAD
        return Frame(raw, None, stable=False, state=state)
    for form in (_CAS, _STATED, _MARKED, _PREFIXED, _BARE):
        match = form.fullmatch(line)
        if match is not None:
            return _frame(raw, match.groupdict(), settings)
    raise FrameError(Fault.DIGITS, f"{line[:32]!r} is no line with a weight")


def start_of(line: bytes) -> int:
    """Where the last beginning of a line stands in it; 0 if there is none."""
    return max(0, *(line.rfind(head) for head in _HEADS))


def is_whole(line: bytes) -> bool:
    """Whether a line cannot be the rest of a longer one, because its beginning stands."""
    return line.startswith(_HEADS)


def _frame(raw: bytes, parts: dict[str, bytes | None], settings: ScaleSettings) -> Frame:
    weight = pointed(parts["number"] or b"", settings.decimals)
    unit = parts.get("unit")
    net = parts.get("net")
    return Frame(
        raw,
        -weight if parts["sign"] == b"-" else weight,
        _unit(unit, settings),
        stable=_is_stable(parts),
        net=None if net is None else net in _NET_MARKS,
    )


def _is_stable(parts: dict[str, bytes | None]) -> bool | None:
    state, lamp, moving = parts.get("state"), parts.get("lamp"), parts.get("moving")
    if state is not None:
        return state == b"ST" and (lamp is None or bool(lamp[0] & _STABLE_LAMP))
    return None if moving is None else not moving


def _unit(text: bytes | None, settings: ScaleSettings) -> Unit:
    if text is None:
        if settings.unit is None:
            raise FrameError(Fault.UNIT, "the line has none: state `unit` in the profile")
        return settings.unit
    unit = Unit(text.decode())
    if settings.unit not in (None, unit):
        raise FrameError(Fault.UNIT, f"the line says {unit}, the profile {settings.unit}")
    return unit
