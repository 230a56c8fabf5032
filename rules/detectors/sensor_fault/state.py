"""What is remembered of the sensors of one truck."""

from dataclasses import dataclass
from typing import Final

from rules.alerts.model import ReadingRef

LIFT: Final = "lift"
COVER: Final = "cover"


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Fault:
    """One finding, while it lasts. Times are device time, ms."""

    since: int
    good_since: int = 0
    """Since when the sensor is healthy; 0 while it is not."""


@dataclass(frozen=True, slots=True)
class FormerFault:
    """One finding that ended. Times are device time, ms."""

    since: int
    ended: int


@dataclass(slots=True)
class SwitchLife:
    """What one switch did."""

    value: bool | None = None
    """As it was looked at last."""
    off: int = 0
    """Reports of down or closed since the truck was emptied last,"""
    on: int = 0
    """and of up or open."""
    still_loads: int = 0
    """Loads emptied in a row without a report of up or open."""
    edges: tuple[ReadingRef, ...] = ()
    """The last readings at which it changed."""
    driving_edges: tuple[int, ...] = ()
    """Times of those while driving, device time in ms."""

    def report(self, value: bool) -> bool:
        """Count a report; True if it differs from the last one, or is the first."""
        if value:
            self.on += 1
        else:
            self.off += 1
        return value is not self.value


@dataclass(slots=True)
class WeightLife:
    """What the on-board weight did. Times are device time, ms."""

    reports: int = 0
    """Since the truck was emptied last."""
    lowest_kg: float = 0.0
    highest_kg: float = 0.0
    still_loads: int = 0
    """Loads emptied in a row while it stayed the same."""
    awaited_since: int = 0
    """The truck was emptied then, and its steady weight is awaited; 0 otherwise."""
    full_kg: float = 0.0
    """The most that it showed of the load that was emptied."""
    empty_levels: tuple[ReadingRef, ...] = ()
    """Positions with the steady weight after the last emptyings."""
    heavy: tuple[ReadingRef, ...] = ()
    """Weights in a row that no truck carries."""
    heavy_since: int = 0

    def report(self, kg: float) -> None:
        if not self.reports or kg < self.lowest_kg:
            self.lowest_kg = kg
        if not self.reports or kg > self.highest_kg:
            self.highest_kg = kg
        self.reports += 1


@dataclass(slots=True)
class SensorState:
    """State of one truck; a sensor that it never reported has none. Times are device time, ms."""

    lift: SwitchLife | None = None
    cover: SwitchLife | None = None
    weight: WeightLife | None = None
    driving: bool = False
    """At the last position, at `driving_kmh` or more."""
    ticket_ts: int = 0
    """Of the newest ticket, and stay at a site, that was looked at."""
    site_ts: int = 0
    loaded: bool = False
    """By the last of them."""
    emptyings: tuple[ReadingRef, ...] = ()
    """The last positions at which it was known to have been emptied."""
    driven: tuple[ReadingRef, ...] = ()
    """Positions with the bed up while driving."""
    peak_kmh: float = 0.0
    faults: dict[str, Fault] | None = None
    """By finding; None while there is none, as nearly always."""
    former: dict[str, FormerFault] | None = None
    """The last one of each finding; None before the first ended."""
