"""Accepted readings on their way to the store, and the series they belong to."""

from dataclasses import dataclass, field

from msgspec import Struct

from devices.city.model import Device
from devices.readings.models import Weighing
from devices.readings.series import SeriesKey
from ingest.ledger.refused import RefusedReading
from ingest.ledger.totals import FloodEntry, ReadingEntry
from ingest.log.records import RawMessage, ReadingLocation


class SeriesState(Struct, eq=False, gc=False):
    """What the recorder keeps of a series, in one object: each reading of a large fleet looks it up once.

    Compared by identity, so dictionaries take it as a key without hashing names.
    """

    key: SeriesKey
    newest_ts: int | None = None
    """No committed reading is later, device time, ms; None before the first."""
    device: Device | None = None
    """The device in the current revision of the city; None until it is looked up there."""
    line_head: str = ""
    """Start of its lines, from the same device; see `ingest.recorder.line`."""


class AcceptedReading(Struct, frozen=True, gc=False):
    """An accepted reading in the form that is compared and written, and where its bytes are."""

    series: SeriesState
    ts: int
    """Device time, ms."""
    measured: str
    """See `ingest.recorder.line`."""
    line: str
    location: ReadingLocation
    message: RawMessage
    weighing: Weighing | None = None
    """The reading itself, if it is a weighing: its line gets its ticket fields in `ingest.recorder.tickets`."""


@dataclass(slots=True)
class AcceptedBatch:
    """Decoded records before deduplication. Every reading is in `accepted` or `letters`, and in `entries`."""

    offset: int
    """Of the last record."""
    accepted: list[AcceptedReading] = field(default_factory=list)
    letters: list[RefusedReading] = field(default_factory=list)
    entries: list[ReadingEntry] = field(default_factory=list)
    """All readings in the order of the log, for the ledger."""
    floods: list[FloodEntry] = field(default_factory=list)
    corrected: dict[str, dict[str, int]] = field(default_factory=dict)
    """Corrected values of accepted readings by device and name; see `ingest.ledger.corrected`."""
    city: bytes | None = None
    """Payload of the revision of the city by which they were admitted, where it is not committed yet."""
