"""What the recorder makes of a reading it believes.

Structs, one or more for each reading: see `ingest.messages`, as to compiling too.
"""

from msgspec import Struct

from devices.series import SeriesKey
from ingest.messages import Place, RawMessage
from ingest.store import Instant


class Source(Struct, frozen=True, gc=False):
    """What all readings of a topic, or of one of its compartments, have in common while the city stays as it is."""

    series: SeriesKey
    head: str
    """See `ingest.reading_line`."""


class Admitted(Struct, frozen=True, gc=False):
    """A reading that may be believed, as it is compared and written, and where its bytes are."""

    instant: Instant
    measured: str
    """See `ingest.reading_line`."""
    line: str
    place: Place
    message: RawMessage
