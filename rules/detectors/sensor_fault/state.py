"""What is remembered of the sensors of one truck."""

from dataclasses import dataclass, field
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


@dataclass(slots=True)
class SwitchLife:
    """What one switch did."""

    value: bool | None = None
    """As reported last."""
    off: int = 0
    """Reports of down or closed since the truck was emptied last,"""
    on: int = 0
    """and of up or open."""
    still_loads: int = 0
    """Loads emptied in a row without a report of up or open."""
    edges: list[ReadingRef] = field(default_factory=list)
    """The last readings at which it changed."""
    driving_edges: tuple[int, ...] = ()
    """Times of those while driving, device time in ms."""


@dataclass(slots=True)
class SensorState:
    """State of one truck. Times are device time, ms."""

    lift: SwitchLife = field(default_factory=SwitchLife)
    cover: SwitchLife = field(default_factory=SwitchLife)
    driving: bool = False
    """At the last position, at `driving_kmh` or more."""
    weights: int = 0
    """On-board weights since the truck was emptied last,"""
    lowest_kg: float = 0.0
    highest_kg: float = 0.0
    still_weights: int = 0
    """Loads emptied in a row while the weight stayed the same."""
    ticket_ts: int = 0
    """Of the newest ticket, and stay at a site, that was looked at."""
    site_ts: int = 0
    loaded: bool = False
    """By the last of them."""
    emptyings: list[ReadingRef] = field(default_factory=list)
    """The last positions at which it was known to have been emptied."""
    weighs_since: int = 0
    """It was emptied then, and its steady weight is awaited; 0 otherwise."""
    empty_levels: list[ReadingRef] = field(default_factory=list)
    """Positions with the steady weight after the last emptyings."""
    heavy: list[ReadingRef] = field(default_factory=list)
    """Weights in a row that no truck carries."""
    heavy_since: int = 0
    fast: list[ReadingRef] = field(default_factory=list)
    """Positions with the bed up at a speed at which no bed is up."""
    peak_kmh: float = 0.0
    faults: dict[str, Fault] | None = None
    """By finding; None while there is none, as nearly always."""
