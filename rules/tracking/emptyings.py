"""Emptyings of compartments: the level of one fell by much within a short time, and stayed low.

One leaping reading is none, in either direction: the level before is a median of three, and a second reading bears the
fall out. A device that reports every few hours would know a day late; of it one reading is enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.readings.models import Fill, Reading
from devices.readings.series import MAX_COMPARTMENTS

EMPTIED_POINTS: Final = 30.0
"""Percentage points. Less is a heap that settles, or a crew that pressed it down; `bin_overflow` has the same."""
SELDOM_S: Final = 14_400
"""A device with an interval from this on is believed at once; `bin_overflow` has the same."""
_WITHIN_MS: Final = 1_800_000
"""A crew is gone after half an hour: what sinks over a longer time was not emptied."""
_MEDIAN_OF: Final = 3
_MOST_LEVELS: Final = 16
_COVERED_POINTS: Final = 40.0
"""A rise by so much from one reading to the next without a deposit is a covered sensor, and its end no emptying."""
_BELIEVED_POINTS: Final = 10.0
_BELIEVED_DEPOSITS: Final = 20
_BELIEVED_MS: Final = 7_200_000
"""A covered sensor measures after all: it rose further, so much was deposited, or so long ago. As in `bin_overflow`."""
_GAP_INTERVALS: Final = 2
KEPT_MS: Final = 93_600_000
"""26 hours: readings that come up to a day late may still show that there was no emptying, or another one."""
MOST_KEPT: Final = 16
"""Of one compartment: more than any crew, fewer than a sensor out of order."""


class Emptying(NamedTuple):
    """A compartment was emptied between two readings."""

    compartment: str
    ts: int
    """Device time, ms, of the first reading after it."""
    after: int
    """Device time, ms, of the last reading before it."""
    from_pct: float
    to_pct: float


class EmptyingSpan(NamedTuple):
    """All emptyings of a compartment within a stretch of device time, ms: there were no others."""

    compartment: str
    start: int
    end: int
    emptyings: tuple[Emptying, ...]


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class CompartmentLevels:
    """State of one compartment. Times are device time, ms."""

    levels: list[tuple[int, float]] = field(default_factory=list)
    """Time and fill level (%) of the last readings, oldest first."""
    fall: Emptying | None = None
    """A fall that one more reading must bear out."""
    covered_since: int = 0
    """When the sensor leaped, as long as it is thought to be covered; 0 otherwise. Its levels do not count."""
    covered_pct: float = 0.0
    covered_deposits: int = 0
    emptyings: list[Emptying] = field(default_factory=list)
    """Of the last 26 hours, oldest first."""
    complete_from: int = 0
    """All that were since then are among them."""
    newest: int = 0
    """The last reading."""


@dataclass(slots=True)
class BinLevels:
    """State of one recycling point, by the name of each compartment."""

    compartments: dict[str, CompartmentLevels] = field(default_factory=dict)

    def spans(self) -> list[EmptyingSpan]:
        """What is kept of each compartment."""
        return [
            EmptyingSpan(name, levels.complete_from, levels.newest, tuple(levels.emptyings))
            for name, levels in self.compartments.items()
        ]


class BinTracker:
    """Follows recycling points. The reading that makes an emptying certain gives it."""

    name: ClassVar[str] = "bins"
    roles: ClassVar[frozenset[DeviceRole]] = frozenset({DeviceRole.RECYCLING_POINT})
    state: ClassVar[type[BinLevels]] = BinLevels

    def follow(
        self,
        state: BinLevels,
        reading: Reading,
        device: Device,
        vehicle: Vehicle | None,
        city: City,
        clock_off_ms: int = 0,
        facts: Sequence[Any] = (),
    ) -> Emptying | None:
        if not isinstance(reading, Fill):
            return None
        compartment = _compartment(state, reading)
        compartment.newest = reading.ts
        return _take(compartment, reading, device.report_interval_s)


def _take(compartment: CompartmentLevels, fill: Fill, interval_s: int) -> Emptying | None:
    if compartment.covered_since and _is_covered(compartment, fill):
        return None
    levels, ts, pct = compartment.levels, fill.ts, fill.fill_pct
    if compartment.fall is not None:
        fall, compartment.fall = compartment.fall, None
        if fall.from_pct - pct >= EMPTIED_POINTS:
            return _emptied(compartment, fall, ts, pct)
    elif levels and pct - levels[-1][1] >= _COVERED_POINTS and fill.deposits == 0:
        if ts - levels[-1][0] <= _GAP_INTERVALS * interval_s * 1000:
            compartment.covered_since, compartment.covered_pct, compartment.covered_deposits = ts, pct, 0
            return None
    elif levels:
        from_pct = _level_before(levels, pct, seldom=interval_s >= SELDOM_S)
        if from_pct - pct >= EMPTIED_POINTS:
            fall = Emptying(fill.compartment, ts, levels[-1][0], from_pct, pct)
            if interval_s >= SELDOM_S:
                return _emptied(compartment, fall, ts, pct)
            compartment.fall = fall
            return None
    _note_level(compartment, ts, pct)
    return None


def _is_covered(compartment: CompartmentLevels, fill: Fill) -> bool:
    """True while the level may be that of something on the sensor."""
    compartment.covered_deposits += fill.deposits or 0
    is_believed = (
        fill.fill_pct >= compartment.covered_pct + _BELIEVED_POINTS
        or compartment.covered_deposits >= _BELIEVED_DEPOSITS
        or fill.ts - compartment.covered_since >= _BELIEVED_MS
    )
    if is_believed:
        compartment.levels = [(compartment.covered_since, compartment.covered_pct)]
    if is_believed or fill.fill_pct <= compartment.covered_pct - EMPTIED_POINTS:
        compartment.covered_since = 0
    return compartment.covered_since > 0


def _level_before(levels: list[tuple[int, float]], pct: float, *, seldom: bool) -> float:
    """The level from which it may have fallen to `pct`: the highest that one reading alone did not make."""
    last_pct = levels[-1][1]
    if seldom or max(level_pct for _, level_pct in levels) - pct < EMPTIED_POINTS:
        return last_pct
    if len(levels) < _MEDIAN_OF:
        return min(level_pct for _, level_pct in levels) if len(levels) > 1 else pct
    highest_pct = max(
        sorted((levels[n][1], levels[n + 1][1], levels[n + 2][1]))[1] for n in range(len(levels) - _MEDIAN_OF + 1)
    )
    return last_pct if highest_pct <= last_pct < highest_pct + EMPTIED_POINTS else highest_pct


def _emptied(compartment: CompartmentLevels, fall: Emptying, ts: int, pct: float) -> Emptying | None:
    """Keep a fall that is certain. One that goes on with an emptying of the last half hour is a part of it."""
    compartment.levels = [(fall.ts, fall.to_pct)] if ts == fall.ts else [(fall.ts, fall.to_pct), (ts, pct)]
    found, kept = fall._replace(to_pct=pct), compartment.emptyings
    if kept and fall.ts - kept[-1].ts <= _WITHIN_MS:
        kept[-1] = kept[-1]._replace(to_pct=pct)
        return None
    newer = [one for one in kept if ts - one.ts <= KEPT_MS][1 - MOST_KEPT :]
    if len(newer) < len(kept):
        compartment.complete_from = max(compartment.complete_from, kept[-len(newer) - 1].ts + 1)
    compartment.emptyings = [*newer, found]
    return found


def _note_level(compartment: CompartmentLevels, ts: int, pct: float) -> None:
    """Keep the level, and those before it that a short fall may have begun at: three in any case."""
    levels, kept = compartment.levels, compartment.emptyings
    if kept and ts - kept[-1].ts <= _WITHIN_MS and levels and max(levels[-1][1], pct) < kept[-1].to_pct:
        kept[-1] = kept[-1]._replace(to_pct=max(levels[-1][1], pct))  # the crew goes on
    levels.append((ts, pct))
    while len(levels) > _MEDIAN_OF and (len(levels) > _MOST_LEVELS or ts - levels[0][0] > _WITHIN_MS):
        del levels[0]


def _compartment(state: BinLevels, fill: Fill) -> CompartmentLevels:
    """The compartment of a reading, made if it is new, in place of the one that was heard least recently."""
    compartment = state.compartments.get(fill.compartment)
    if compartment is None:
        if len(state.compartments) >= MAX_COMPARTMENTS:
            oldest = min((other.newest, name) for name, other in state.compartments.items())
            del state.compartments[oldest[1]]
        compartment = state.compartments[fill.compartment] = CompartmentLevels(complete_from=fill.ts)
    return compartment
