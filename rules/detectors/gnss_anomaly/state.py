"""What is remembered of the positions of one truck."""

from dataclasses import dataclass, field

from devices.geo.geometry import XY
from rules.alerts.model import ReadingRef


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Leap:
    """Fixes at a place that the truck cannot have reached. Times are device time, ms."""

    onset: int
    starts: tuple[XY, ...]
    """Where it was before, by the last fixes that were believed, the newest first: one of them may have been wrong."""
    end: XY
    """The last fix there,"""
    ts: int
    """and its time."""
    distance_m: float
    """From the nearest of `starts`,"""
    took_ms: int
    """in so long."""
    fixes: int = 1
    back: int = 0
    """Fixes in a row that are not there."""
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class Freeze:
    """The same place while the wheels turn."""

    since: int
    turned_ms: int = 0
    readings: int = 1
    driven_km: float = 0.0
    """By odometer."""
    peak_kmh: float = 0.0
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class Alarms:
    """Positions in a row with an alarm of antenna or receiver."""

    since: int
    bits: int = 0
    readings: int = 0
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class Anomaly:
    """What people were notified of, while it lasts."""

    onset: int
    frozen: bool
    """Its place stood still: only a place that moves ends it."""
    good_since: int = 0
    """0 while fixes are not good."""
    good_fixes: int = 0


@dataclass(slots=True)
class GnssState:
    """State of one truck. Times are device time, ms."""

    ts: int = 0
    """Of the last located position; 0 before the first."""
    lat: float = 0.0
    """As reported there, with `lon`."""
    lon: float = 0.0
    moved_at: int = 0
    """When its place last changed, or when it last reported that it stands."""
    odometer_km: float = -1.0
    """Negative while unknown."""
    before: XY | None = None
    """The last usable place,"""
    before_that: XY | None = None
    """and the one before it."""
    fresh_at: int = 0
    """When positions began after a silence or a blind stretch."""
    leap: Leap | None = None
    freeze: Freeze | None = None
    alarms: Alarms | None = None
    anomaly: Anomaly | None = None
