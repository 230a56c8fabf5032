"""A reading that may be believed, on its way to the store, and the series it belongs to."""

from msgspec import Struct

from devices.city.model import Device
from devices.readings.series import SeriesKey
from ingest.log.records import RawMessage, ReadingLocation


class SeriesState(Struct, eq=False, gc=False):
    """What the recorder knows of a series, in one object: each of a large fleet's readings finds it once.

    Two are the same only if they are one object, so dictionaries take them without looking at names.
    """

    key: SeriesKey
    newest: int | None = None
    """No settled instant is later, device time, ms; None before the first."""
    device: Device | None = None
    """Who measures it, as the city now has it; None while that was not asked."""
    head: str = ""
    """Of its lines, as the city now has them; see `ingest.recorder.line`."""


class AcceptedReading(Struct, frozen=True, gc=False):
    """A reading that may be believed, as it is compared and written, and where its bytes are."""

    series: SeriesState
    ts: int
    """Device time, ms."""
    measured: str
    """See `ingest.recorder.line`."""
    line: str
    place: ReadingLocation
    message: RawMessage
