"""Locations of JT/T 808: the body of 0x0200, which 0x0201, 0x0500 and 0x0704 hold too. Pure.

    alarm D | status D | latitude D | longitude D | altitude W | speed W | course W | time BCD6 | items

An item is an id, a length and a value. Which items mean what is the standard's for the ids below, the maker's for the
others: these are kept as bytes.
"""

from collections.abc import Iterator
from struct import Struct as Layout
from typing import Final

from msgspec import Struct

from devices.codecs.jt808.body import BodyError, BodyReader, time_ms
from devices.codecs.jt808.frame import Frame

LOCATION: Final = 0x0200
LOCATION_ANSWER: Final = 0x0201
CONTROL_ANSWER: Final = 0x0500
BATCH: Final = 0x0704

FIXED_BYTES: Final = 28
"""Of a location without items."""

ACC_ON: Final = 1 << 0
LOCATED: Final = 1 << 1
SOUTH: Final = 1 << 2
WEST: Final = 1 << 3
LOAD_SHIFT: Final = 8
LOAD_BITS: Final = 0b11
"""Of the status word: 0 empty, 1 half, 2 reserved, 3 full."""

ODOMETER: Final = 0x01
"""0.1 km, four bytes."""
SATELLITES: Final = 0x31
"""One byte."""

_FIXED: Final = Layout(">IIIIHHH6s")


class Location(Struct, frozen=True, gc=False):
    """One location as the terminal sent it."""

    alarm_bits: int
    status_bits: int
    lat_deg: float
    """Degrees, negative where the status says south. Not checked: some terminals write what is none."""
    lon_deg: float
    """Negative where the status says west."""
    altitude_m: int
    speed_kmh: float
    course_deg: int
    ts_ms: int | None
    """Device time, ms since 1970 UTC; None where the six digits are no time."""
    items: bytes
    """`items_of` reads them."""

    @property
    def located(self) -> bool:
        """Whether the terminal says that it has a fix."""
        return bool(self.status_bits & LOCATED)


def parse_location(body: bytes) -> Location:
    """Read a location. Raises BodyError: it is too short."""
    if len(body) < FIXED_BYTES:
        raise BodyError("location", f"has {len(body)} bytes, should have {FIXED_BYTES} and its items")
    alarm, status, lat, lon, altitude, speed, course, at = _FIXED.unpack_from(body)
    return Location(
        alarm,
        status,
        lat / -1e6 if status & SOUTH and lat else lat / 1e6,
        lon / -1e6 if status & WEST and lon else lon / 1e6,
        altitude,
        speed / 10,
        course,
        time_ms(at),
        body[FIXED_BYTES:],
    )


def items_of(items: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield id and value of each item, in their order. What is behind the last whole one is none, and is left out."""
    at, end = 0, len(items)
    while at + 2 <= end:
        value_at = at + 2
        at = value_at + items[at + 1]
        if at > end:
            return
        yield items[value_at - 2], items[value_at:at]


_FEW: Final = 8
"""So many may be too short: a person sees what is wrong with each."""


class Batch(Struct, frozen=True, gc=False):
    """Locations that a terminal sends at once (0x0704)."""

    count: int
    """As the message states it. It is wrong in the field, so the locations themselves are counted."""
    from_blind_area: bool
    """Kept while there was no connection."""
    bodies: tuple[bytes, ...]
    """Of each location, for `parse_location`; one that is cut off by the end of the message is the last."""


def parse_batch(frame: Frame) -> Batch:
    """Read a batch. Raises BodyError: it is too short, or has more locations than its bytes can hold."""
    body = BodyReader(frame.body)
    count, kind = body.number("count", 2), body.number("type", 1)
    bodies: list[bytes] = []
    most = body.left // (2 + FIXED_BYTES) + _FEW
    while body.left:
        if len(bodies) == most:
            raise BodyError("count", f"more than {most} locations in {len(frame.body)} bytes")
        size = body.number("length", min(2, body.left))
        bodies.append(body.raw("location", min(size, body.left)))
    return Batch(count, kind == 1, tuple(bodies))


def parse_location_answer(frame: Frame) -> tuple[int, Location]:
    """Read the answer to a request for a location (0x0201) or to a control (0x0500): the serial of the request, and the
    location. Raises BodyError.
    """
    body = BodyReader(frame.body)
    return body.number("serial", 2), parse_location(body.rest())
