"""Hours of the city's day: of permits, and of the deposit windows of recycling points."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

DAY_MIN: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of each day, in minutes of the city's day; past midnight where the end is not after the start."""

    start_min: int
    """Inclusive."""
    end_min: int
    """Exclusive."""

    def covers(self, minute: int) -> bool:
        if self.start_min < self.end_min:
            return self.start_min <= minute < self.end_min
        return minute >= self.start_min or minute < self.end_min

    def apart_min(self, first_min: int, last_min: int) -> int:
        """Minutes between these hours and a time of less than a day, from one minute of the day to another; 0 if they
        share a minute.
        """
        until_start = (self.start_min - first_min) % DAY_MIN
        if self.covers(first_min) or until_start <= (last_min - first_min) % DAY_MIN:
            return 0
        return min((first_min - self.end_min) % DAY_MIN, (self.start_min - last_min) % DAY_MIN)

    def __str__(self) -> str:
        start, end = divmod(self.start_min, 60), divmod(self.end_min, 60)
        return f"{start[0]:02}:{start[1]:02}-{end[0]:02}:{end[1]:02}"


def hours_text(hours: Iterable[Hours]) -> str:
    """Hours as people read and write them, in the order of the day."""
    return ", ".join(sorted(map(str, hours)))
