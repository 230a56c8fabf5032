"""What `silent_device` remembers of a device and of the fleet."""

from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from devices.readings.models import Reading, Status
from rules.detectors.silent_device.outage import Outages

_STATUS: Final = Status  # as in `rules.contract.observation`
_KEPT_GAPS: Final = 32
"""Stretches without readings that are kept: what a device uploads into older ones counts as sent again."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class PastSilence:
    """A silence that led to an alert and is over. Times are device time, ms."""

    onset: int
    closed_at: int
    back_at: int
    """Fleet time when it was heard again: until its readings reach this it is still uploading."""
    holes: list[tuple[int, int]] = field(default_factory=list)
    """Stretches without readings: (start, end)."""
    loaded: bool = True
    """It carried a load when it fell silent, or that is not known."""


@dataclass(slots=True)
class SilenceState:
    """State of one device. Times are device time, ms."""

    heard_at: int = 0
    """Fleet time at which it was last heard; 0 before the first reading. Silence is judged by this: a device whose
    clock lags, or which is busy uploading old readings, is not silent."""
    newest: int = 0
    """Its newest reading. Verdicts are dated by this: it does not depend on when the reading was heard."""
    said_at: int = 0
    """Date of the last verdict."""
    loaded: bool = False
    resting: bool = False
    """It reported that it shuts down and is not loaded, or was retired."""
    shut_down: bool = False
    """Its newest reading reports that it shuts down."""
    interval_s: int = 60
    stage: int = 0
    """Number of steps taken: 0 heard, 1 overdue, then one more with each alert."""
    placed: bool = False
    """It has reported a position."""
    lat: float = 0.0
    """Last position, with `lon`."""
    lon: float = 0.0
    kind: str = ""
    """Kind of its newest reading."""
    kind_before: str = ""
    newest_before: int = 0
    """Kind and device time of the newest reading before that; 0 without one."""
    silences: tuple[PastSilence, ...] = ()
    """Silences that an upload may still retract, oldest first."""
    oldest: int = 0
    """Its oldest reading; 0 if that is not known."""
    gaps: tuple[tuple[int, int], ...] = ()
    """Stretches without readings since `oldest`, longer than makes a device overdue, at most `_KEPT_GAPS`: only a
    reading that falls into one is news, among those that come late."""
    repeated: bool = False
    """What it sent last, it had sent before."""
    session: int = -1
    """Of its newest status; -1 before the first."""
    awaited_since: int = 0
    """Fleet time since which a device is awaited that was never heard; 0 where that is not known."""
    was_heard: bool = False
    """It was heard before it is awaited, while the rule was off."""
    refused: int = 0
    """Messages since it was last heard of which nothing was accepted."""


@dataclass(slots=True)
class FleetSilence(Outages):
    """Silences of the whole fleet, and who was ever heard. Devices are named by id."""

    heard: set[str] = field(default_factory=set)
    missed: set[str] = field(default_factory=set)
    """Devices that were never heard and are reported."""


def is_news(ts: int, state: SilenceState) -> bool:
    """True for a late reading that the device cannot have sent before."""
    if ts > state.newest or ts < state.oldest:
        return True
    holes = (hole for silence in state.silences for hole in silence.holes)
    return any(start < ts < end for start, end in chain(state.gaps, holes))


def note_gap(ts: int, state: SilenceState, allowed_ms: int) -> None:
    """Keep the stretches, longer than `allowed_ms`, of which the device may not have sent yet all that it measured."""
    if ts > state.newest:
        if state.newest and ts - state.newest > allowed_ms:
            state.gaps = (*state.gaps[1 - _KEPT_GAPS :], (state.newest, ts))
    elif ts < state.oldest:
        if state.oldest - ts > allowed_ms:
            state.gaps = ((ts, state.oldest), *state.gaps[: _KEPT_GAPS - 1])
    else:
        pieces = [piece for gap in state.gaps for piece in split(*gap, ts) if piece[1] - piece[0] > allowed_ms]
        state.gaps = tuple(pieces[-_KEPT_GAPS:])
    if not state.newest or ts < state.oldest:
        state.oldest = ts


def split(start: int, end: int, ts: int) -> tuple[tuple[int, int], ...]:
    return ((start, ts), (ts, end)) if start < ts < end else ((start, end),)


def goes_offline(reading: Reading, cause: str) -> bool:
    """True if a reading reports that its device goes offline for this cause."""
    return type(reading) is _STATUS and not reading.online and reading.cause == cause
