"""What is known of the clock of one device. `rules.engine.clocks.watermark` watches it."""

from dataclasses import dataclass
from typing import Final

AGREE_MS: Final = 30_000
"""Readings whose clock differs by no more agree: a message is under way for some seconds."""
STEADY_MS: Final = 5_000
"""As far as this from the believed offset nothing is noted."""
BELIEVED_READINGS: Final = 5
BELIEVED_MS: Final = 180_000
"""So many readings in a row that agree, over so much receive time, are a clock. An upload of what was buffered runs
faster than receive time, and a repeated reading stands still: neither agrees with itself for so long."""
DOUBTED_READINGS: Final = 20
"""After so many readings in a row that agree neither with the clock nor with each other, nothing is believed."""


# Rows on disk hold it by these field names.
@dataclass(slots=True)
class DeviceClock:
    """An offset is device time less paced receive time, ms (`watermark.FleetWatermark.pace`)."""

    offset: int = 0
    """Believed, or as far as the device has come until one is."""
    steady: bool = False
    """Believed, and the newest reading agreed with it."""
    believed: bool = False
    votes: bool = False
    """It was heard, and counts in the quorum."""
    last: int = 0
    """Offset of the newest reading that disagreed."""
    other: int = 0
    """Offset of the readings that agree with each other and not with what is believed."""
    others: int = 0
    """How many they are."""
    others_since: int = 0
    """Paced receive time, ms, of the first of them."""
    apart: int = 0
    """Readings in a row that disagreed with what is believed."""
    leap: int = 0
    """Number of the last leap of receive time after which it was heard."""
    leaped: bool = False
    """Its clock went on as far as that."""
