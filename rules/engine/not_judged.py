"""Reasons why a reading that was stored was not judged."""

from enum import StrEnum


class NotJudged(StrEnum):
    """Rows on disk hold the values."""

    TOO_LATE = "too_late"
    """It came out of order, and no gap is kept that it falls into: it is older than all of them. A reading that is sent
    again after the judge has forgotten it counts here as well."""
    OVER_BOUND = "over_bound"
    """As TOO_LATE, but the gap was given up because of its size; or too many readings of the device waited already."""
    NOT_VALID = "not_valid"
    """Its device was taken out of the city, or is not valid at that time."""
    FAILED = "failed"
    """A tracker or a rule raised at it."""
    CLOCK_UNKNOWN = "clock_unknown"
    """The clock of its device may be far off, so no rule that asks a calendar has judged it yet. It is judged, and no
    longer counts here, once the clock is known."""
    RETAINED = "retained"
    """Replayed by the broker and newer than all that the device sent: of any age, so no rule puts it in order."""
