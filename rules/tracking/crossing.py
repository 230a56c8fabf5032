"""Crossing of a fence: whether a truck is clearly beyond it, for how long and how far, also between two fixes.

Shared by the rules that judge areas. A rule gives the depth of each fix beyond its fence in metres, negative before it.
Between two fixes the fence is crossed where the depth, taken as linear, is zero. A fence that is cut between two fixes
which are both before it is not counted: the road may lead around.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from devices.geo.geometry import XY
from rules.tracking.motion import Fix

FAR_M: Final = -1e9
"""The depth of a fix that is nowhere near the fence."""

_BACK_FIXES: Final = 2
"""So many in a row end what was only beginning: one place is wrong in every twentieth fix of a receiver in a street."""


class CrossingLimits(NamedTuple):
    """When a truck counts as beyond a fence, and as back."""

    fixes: int
    """Fixes that are clearly beyond it; likewise to be back."""
    hold_ms: int
    """Time beyond it; likewise to be back."""
    driven_m: float
    """Two fixes are enough once it has driven so far beyond it."""
    back_m: float
    """A fix is back when it is so far before the fence."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Crossing:
    """One time beyond the fence. Times are device time, ms."""

    onset: int
    place: XY
    """The first fix beyond it."""
    fixes: int = 0
    beyond_ms: int = 0
    beyond_m: float = 0.0
    deepest_m: float = 0.0
    back_fixes: int = 0
    back_since: int = 0
    decided: bool = False


@dataclass(slots=True)
class FenceTrack:
    """One truck and one fence: its last usable fix, and its time beyond the fence."""

    depth_m: float = FAR_M
    crossing: Crossing | None = None


class Step(Enum):
    """What a fix means."""

    NOTHING = auto()
    BEYOND = auto()
    """The truck is, or was last, beyond the fence, and that is decided."""
    BACK = auto()
    """It has come back; `FenceTrack.crossing` is to be forgotten."""


def follow(fence: FenceTrack, fix: Fix, depth_m: float, limits: CrossingLimits) -> Step:
    """Take the next usable fix and its depth beyond the fence."""
    share = 0.0 if fix.regained else _share_beyond(fence.depth_m, depth_m)
    fence.depth_m = depth_m
    crossing = fence.crossing
    if crossing is not None and fix.regained and not crossing.decided:
        crossing = fence.crossing = None
    is_clear = depth_m > fix.outside_m()
    if crossing is None:
        if not is_clear:
            return Step.NOTHING
        crossing = fence.crossing = Crossing(fix.ts - round(share * fix.gap_ms), fix.xy)
    crossing.beyond_ms += round(share * fix.gap_ms)
    crossing.beyond_m += share * fix.run_m
    crossing.fixes += is_clear
    crossing.deepest_m = max(crossing.deepest_m, depth_m)
    is_back = depth_m < -limits.back_m
    crossing.back_fixes = crossing.back_fixes + 1 if is_back else 0
    crossing.back_since = (crossing.back_since or fix.ts) if is_back else 0
    if not crossing.decided:
        enough = crossing.fixes >= limits.fixes or (crossing.fixes > 1 and crossing.beyond_m >= limits.driven_m)
        crossing.decided = enough and crossing.beyond_ms >= limits.hold_ms
        if not crossing.decided and crossing.back_fixes >= _BACK_FIXES:
            fence.crossing = None
        return Step.BEYOND if crossing.decided else Step.NOTHING
    long_enough = is_back and fix.ts - crossing.back_since >= limits.hold_ms
    return Step.BACK if crossing.back_fixes >= limits.fixes and long_enough else Step.BEYOND


def lose(fence: FenceTrack) -> None:
    """Note that the truck's place is unknown: what was only beginning is forgotten."""
    fence.depth_m = FAR_M
    if fence.crossing is not None and not fence.crossing.decided:
        fence.crossing = None


def _share_beyond(before_m: float, now_m: float) -> float:
    """The share of the way between two fixes that lies beyond the fence."""
    if before_m > 0 and now_m > 0:
        return 1.0
    if before_m <= 0 and now_m <= 0:
        return 0.0
    return max(before_m, now_m) / (abs(before_m) + abs(now_m))
