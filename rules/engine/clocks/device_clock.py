"""What is known of the clock of one device. `rules.engine.clocks.watermark` watches it."""

from dataclasses import dataclass
from typing import Final

AGREE_MS: Final = 30_000
"""Readings whose clock differs by no more agree: a message is under way for some seconds."""
STEADY_MS: Final = 5_000
"""As far as this from the believed offset nothing is noted."""
ONCE_MS: Final = 10_000
"""Readings that come within so much receive time count once: an upload sends many."""
BELIEVED_READINGS: Final = 5
BELIEVED_MS: Final = 180_000
"""So many readings in a row that agree, over so much receive time, are a clock. An upload of what was buffered runs
faster than receive time, and a repeated reading stands still: neither agrees with itself for so long."""
DOUBTED_READINGS: Final = 20
"""After so many readings in a row that agree neither with the clock nor with each other, nothing is believed. Those of
an upload count once in `ONCE_MS`."""

OFF_MS: Final = 120_000
"""A clock that is further off is wrong: admission refuses readings that are further ahead."""

AS_BELIEVED: Final = 0
"""What one reading says of the clock: nothing new;"""
APART: Final = 1
"""it disagrees with what is believed, and agrees with the reading that disagreed before it;"""
APART_ANEW: Final = 2
"""it disagrees with that one too;"""
AGAIN: Final = 3
"""it agrees with what is believed, after others that did not;"""
BELIEVED: Final = 4
"""it and those before it are believed from now on."""

NOTHING: Final = 0
"""What a clock says of a leap of receive time: it shows neither the time before nor that after it, or not for long;"""
CONFIRMS: Final = 1
"""it went on as far;"""
DENIES: Final = 2
"""it still shows the time before."""


# Rows on disk hold it by these field names.
@dataclass(slots=True)
class DeviceClock:
    """An offset is device time less paced receive time, ms (`watermark.FleetWatermark.pace`)."""

    offset: int = 0
    """Believed, or as far as the device has come until one is."""
    vote: int = 0
    """Its offset in the quorum: that of readings which are accepted."""
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
    """When the first of them came, ms (`watermark.FleetWatermark.listened`)."""
    others_until: int = 0
    """When the last of them came that counted, ms."""
    apart: int = 0
    """Readings in a row that disagreed with what is believed."""
    leap: int = 0
    """Number of the last leap of receive time after which it was heard."""
    former: int = 0
    """Its offset before that leap, ms."""
    says: int = 0
    """What it says of that leap: `NOTHING`, `CONFIRMS` or `DENIES`."""
    stepped: int = 0
    """How far it went, ms, when it was last believed anew; 0 if it was not believed before."""
    run: int = 0
    """How often it stepped back: each time a new run of its readings begins."""
    correction_s: int = 0
    """The device's `clock_correction_s` in the present city, which is in the offsets here."""
    run_correction_s: int = 0
    """The one in the times of its present run; another one begins a new run with its first reading."""
    lowest: int = 0
    """Its lowest offset, while none was ever believed."""
    settled: bool = False
    """It was believed once."""
    agreed: bool = False
    """It agreed with the reference or with the fleet once."""
    doubtful: bool = False
    """It was never believed, and may be so wrong that nothing is judged by a calendar yet."""
    doubt_due: int = 0
    """Fleet time, ms, until which more is awaited of it."""
    buffered: bool = False
    """What it sent was buffered, and its times count until another clock is believed."""
    doubted: int = 0
    """Readings that were judged meanwhile."""
    off: int = 0
    """Believed offset less that of the fleet, ms, where it is so wrong that alerts have to say so; else 0."""
    tickets: tuple[tuple[int, int], ...] = ()
    """Of the last tickets about the device in this run, where its clock or that of the bridge is wrong: device time
    that its clock showed then, and that of the bridge, ms (`rules.engine.clocks.tickets`)."""
