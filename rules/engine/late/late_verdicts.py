"""What the device stage hands to the fleet stage about readings that came late, among its verdicts."""

from collections.abc import Sequence
from typing import NamedTuple

from rules.contract.verdicts import RuleVerdict


class GapsKept(NamedTuple):
    """The gaps that are kept of a device from now on."""

    subject: str
    starts: tuple[int, ...]
    """`rules.engine.late.late_readings.Gap.start` of each."""
    is_new: bool
    """True if the last one begins at this place of the stream."""


class GapPassed(NamedTuple):
    """Among verdicts that are given again: a kept gap begins here."""

    start: int


class RunBegun(NamedTuple):
    """The device's clock stepped back, or is corrected otherwise: what follows is no sequel of what was before."""

    subject: str
    run: int
    """`rules.engine.clocks.device_clock.DeviceClock.run` from here on."""
    until: int
    """Newest device time judged before, ms."""
    stepped_ms: int
    """How far device time went, negative if back."""
    corrected: bool
    """By another correction from the registry; else the clock stepped."""


Again = RuleVerdict | GapPassed


class JudgedAgain(NamedTuple):
    """Everything from a gap on was judged again, with the readings that came late in their place."""

    subject: str
    start: int
    """The gap."""
    newest: int
    """Newest device time judged, ms."""
    verdicts: Sequence[Again]
    """They replace all verdicts about the subject since the gap, of the rules whose state depends on the order."""


Judged = RuleVerdict | GapsKept | JudgedAgain | RunBegun
"""What the device stage hands on."""
