"""When a case is due, and the year of its number, by the calendar of the city."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rules.cases.model import CaseKind


@dataclass(frozen=True, slots=True)
class Terms:
    """The days that a case may take, by kind, in the time zone of the city."""

    days: Mapping[CaseKind, int]
    """Days of the calendar: working days depend on holidays that the State Council announces year by year."""
    zone: ZoneInfo

    def deadline(self, kind: CaseKind, begun_at: int) -> int:
        """The last second of the last day. The day on which it begins does not count, as in procedural law."""
        begun = datetime.fromtimestamp(begun_at / 1000, self.zone)
        after = begun.date() + timedelta(days=self.days[kind] + 1)
        midnight = datetime(after.year, after.month, after.day, tzinfo=self.zone)
        return round(midnight.timestamp()) * 1_000 - 1_000

    def year(self, instant: int) -> int:
        return datetime.fromtimestamp(instant / 1000, self.zone).year
