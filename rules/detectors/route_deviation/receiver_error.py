"""Error of one receiver, worked out from how far beside its route a truck seems to drive while it is on it.

What a receiver states of its error is often wrong: among high houses one claims 4 m and is 30 m off for minutes.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final

from rules.tracking.quality import ERROR_M_PER_HDOP

_MEMORY_S: Final = 1_800.0
"""Seconds of driving: such errors last minutes, so that it takes several of them to know one, and a truck leaves the
high houses within half an hour."""
_MOST_GAP_S: Final = 60.0
_SEEN_S: Final = 600.0
"""Two of the times in which such an error forgets itself."""
_ACCURACY: Final = 1.5
"""Accuracy (the circle of 68 %) of a receiver by its error across the road (1 sigma)."""


# Checkpoints write the fields by name.
@dataclass(slots=True)
class ReceiverError:
    squares_m2_s: float = 0.0
    """Squares of the distance from the route, times the seconds driven there,"""
    seconds: float = 0.0
    """and these seconds; at most `_MEMORY_S`, older ones fade."""

    def take(self, distance_m: float, gap_ms: int) -> None:
        """Take a fix on the route: metres from its line, and time since the fix before."""
        gap_s = min(gap_ms / 1000, _MOST_GAP_S)
        self.squares_m2_s += distance_m * distance_m * gap_s
        self.seconds += gap_s
        if self.seconds > _MEMORY_S:
            self.squares_m2_s *= _MEMORY_S / self.seconds
            self.seconds = _MEMORY_S

    def accuracy_m(self) -> float:
        """Accuracy that its places show; 0 before the first."""
        return _ACCURACY * sqrt(self.squares_m2_s / self.seconds) if self.seconds else 0.0

    def weighed_m(self, accuracy_m: float, *, is_stated: bool) -> float:
        """Accuracy to reckon with: the worse one of what a fix states and what its places show.

        What is assumed of a fix that states nothing gives way to what was seen for long enough.
        """
        seen_m = self.accuracy_m()
        if is_stated or self.seconds < _SEEN_S:
            return max(accuracy_m, seen_m)
        return max(ERROR_M_PER_HDOP, seen_m)
