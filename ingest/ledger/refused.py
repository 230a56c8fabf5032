"""Refused readings, on their way to the quarantine (`ingest.ledger.quarantine`)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from devices.readings.refusals import Refusal
from ingest.store import Instant


@dataclass(frozen=True, slots=True)
class RefusedReading:
    """A refused reading, or a message of which nothing could be read; or many of them."""

    device_id: str
    """Named by the topic; empty if the topic names none."""
    counted_as: str
    """Row of the ledger: the device id, or empty for unregistered devices without a row of their own."""
    refusal: Refusal
    topic: str
    payload: bytes
    """The bytes as they came."""
    received_at: int
    """Collector's clock, ms; 0 if it is lost."""
    conflict: tuple[Instant, bytes] | None = None
    """Of a conflict: its instant, and the digest of its content."""
    stands_for: int = 1
    """Readings; more than one for elements of one array, whose bytes are all kept, and for a flood."""
    flood_until: int | None = None
    """Of a flood: receive time of its last message, ms. Only the first message is kept."""


def count_refused(letters: Iterable[RefusedReading]) -> Counter[str]:
    """Count readings by row of the ledger."""
    counts: Counter[str] = Counter()
    for letter in letters:
        counts[letter.counted_as] += letter.stands_for
    return counts
