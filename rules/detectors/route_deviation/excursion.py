"""One stretch of a truck beyond the corridor: what it shows, and whether that is enough to say that it left its route.

Three things look like leaving and are not. Outliers of a receiver come and go: only several fixes and a time exclude
them. The drifting error of a receiver among high houses lasts for minutes, but goes aside slowly, or not far. A turn
into a fuel station is short in time and way.
"""

from dataclasses import dataclass, field
from math import exp, sqrt
from typing import Final

from devices.geo.geometry import XY
from devices.readings.models import Alarm, Position
from rules.alerts.model import ReadingRef
from rules.detectors.route_deviation.parameters import RouteDeviationParameters

_OFF_ROUTE: Final = int(Alarm.OFF_ROUTE)


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Excursion:
    """Times are device time, ms."""

    onset: int
    place: XY
    route_id: str
    route_en: str
    route_zh: str
    place_en: str
    place_zh: str
    width_m: float = 0.0
    """Half the width of the corridor that it left."""
    fixes: int = 0
    """Fixes beyond to which it had moved."""
    weight: float = 0.0
    """The same, where each counts by its distance, once to twice."""
    last: XY | None = None
    """The last of them,"""
    last_m: float = 0.0
    """and its distance from the route."""
    crossed: bool = False
    """Two of them lay on different sides of the route."""
    off_ms: float = 0.0
    """Time beyond, the share of the way there included."""
    area_m_s: float = 0.0
    """Metres beyond the corridor, times the seconds there."""
    driven_m: float = 0.0
    peak_m: float = 0.0
    """Largest distance from the route."""
    far_since: int = 0
    """Time at which it went beyond `fast_m`; 0 while it is nearer."""
    far_fixes: int = 0
    sharp: bool = False
    """It went aside faster than the error of a receiver drifts."""
    stopped: bool = False
    reported: bool = False
    """The terminal says so too: it holds a route of its own, and its alarm was on."""
    refs: list[ReadingRef] = field(default_factory=list)
    peak_ref: ReadingRef | None = None
    """The reading that was farthest from the route."""


def take_report(excursion: Excursion, position: Position | None) -> None:
    """Note whether the terminal itself says that it left its route. A second opinion: it raises nothing."""
    excursion.reported |= position is not None and position.alarm_bits & _OFF_ROUTE != 0


def place_between(excursion: Excursion, at: XY, distance_m: float) -> XY | None:
    """The place on the straight way from the last fix beyond to one at `at` that divides it as their distances from the
    route do: on the route, if the route lies between them. None for the first one.
    """
    last = excursion.last
    if last is None:
        return None
    share = excursion.last_m / max(excursion.last_m + distance_m, 1.0)
    return XY(last.x + share * (at.x - last.x), last.y + share * (at.y - last.y))


def count_fix(excursion: Excursion, at: XY, distance_m: float, far: float) -> None:
    """Count a fix beyond the corridor, so far from the route as measured. `far`: 0 at the edge, 1 for one that counts
    twice.
    """
    excursion.last, excursion.last_m = at, distance_m
    excursion.fixes += 1
    excursion.weight = float(excursion.fixes) if excursion.crossed else excursion.weight + 1.0 + far


def has_left(excursion: Excursion, ts: int, limits: RouteDeviationParameters, *, loaded: bool) -> bool:
    """True if what was seen up to `ts` can be nothing but a truck that left its route."""
    if excursion.far_fixes >= limits.min_moving_fixes and ts - excursion.far_since >= limits.fast_s * 1000:
        return True
    if excursion.stopped and loaded:
        return True
    off_s = excursion.off_ms / 1000
    if not excursion.sharp and excursion.area_m_s < limits.sure_m_s and off_s < limits.unsure_off_s:
        return False
    if excursion.weight < limits.min_moving_fixes or excursion.driven_m < limits.min_driven_m:
        return False
    if excursion.driven_m < limits.long_driven_m:
        return off_s >= max(limits.min_off_s, limits.long_off_s)
    is_clear = excursion.fixes >= limits.min_moving_fixes and excursion.area_m_s >= limits.twice_m * off_s
    return off_s >= limits.min_off_s or (is_clear and off_s >= limits.fast_s)


def is_sharp(before_m: float, distance_m: float, elapsed_ms: int, limits: RouteDeviationParameters) -> bool:
    """True if no drifting error explains how a truck came from so far beside its route to so far, in this time.

    It exceeds a first-order autoregression (Gauss-Markov) of `drift_m` and `drift_s` by `sharp_sigmas` sigmas.
    """
    kept = exp(-elapsed_ms / 1000 / limits.drift_s)
    return distance_m - kept * before_m >= limits.sharp_sigmas * limits.drift_m * sqrt(1 - kept * kept)


def share_beyond(before_m: float, off_m: float, enter_m: float) -> float:
    """Share of the way between two fixes that lies beyond the corridor; 0 where the first is not known (negative)."""
    if before_m < 0:
        return 0.0
    near_m, far_m = min(before_m, off_m), max(before_m, off_m)
    if near_m > enter_m:
        return 1.0
    return 0.0 if far_m <= enter_m else (far_m - enter_m) / (far_m - near_m)
