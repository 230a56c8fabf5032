"""Hours of the city's day: of permits, of routes, and of the deposit windows of recycling points."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

DAY_MIN: Final = 24 * 60
_TEXT: Final = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")


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


def is_within(hours: Iterable[Hours], minute: int) -> bool:
    """True if some of the hours cover a minute of the city's day."""
    return any(each.covers(minute) for each in hours)


def hours_text(hours: Iterable[Hours]) -> str:
    """Hours as people read and write them, in the order of the day."""
    return ", ".join(sorted(map(str, hours)))


def hours_of_day(value: object) -> Hours:
    """Read hours of the day: `22:00-06:00`. Raises ValueError."""
    if isinstance(value, Hours):
        return value
    found = _TEXT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("no hours")
    start_h, start_m, end_h, end_m = map(int, found.groups())
    start, end = start_h * 60 + start_m, end_h * 60 + end_m
    if start >= DAY_MIN or end > DAY_MIN or start == end:
        raise ValueError("no hours")
    return Hours(start, end)


def minute_of_day(text: str) -> int:
    """Read a time of the day: `22:30`. Raises ValueError."""
    return hours_of_day(f"{text}-{'00:01' if text == '00:00' else '00:00'}").start_min
