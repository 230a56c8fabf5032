"""The limit of alerts of one device, so that one that raises thousands delays nobody else's.

Each subject has a token bucket for each severity, in fleet time. A change beyond it is withheld: counted by rule, and
not published. The end of an alert that people know as open is always published, so that none stays open for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rules.alerts.model import AlertChange, Phase

BURST: Final = 64
"""Changes of one severity that one device may have at once: all 32 compartments of a recycling point, twice."""
REFILL_MS: Final = 60_000
"""Fleet time for one more: 1,440 a day. A bridge where an unregistered haulier weighs all day stays below it."""
MAX_REMEMBERED: Final = 512
"""Alerts of a device of which it is remembered whether people know them as open."""
_OPEN: Final = frozenset({Phase.PROVISIONAL, Phase.CONFIRMED})


@dataclass(slots=True)
class SubjectAlerts:
    """What was published of one subject. Rows on disk hold it by these field names."""

    full_at: dict[str, int] = field(default_factory=dict)
    """By severity: fleet time, ms, at which its bucket is full again, which is the whole state of a bucket."""
    open: dict[str, bool] = field(default_factory=dict)
    """Whether people know an alert as open, by id, the last published one at the end."""
    withheld: dict[str, int] = field(default_factory=dict)
    """Changes that were not published, by rule."""


class AlertLimit:
    """The limits of all subjects. Deterministic: it depends on the changes, their order and fleet time."""

    def __init__(self) -> None:
        self.subjects: dict[str, SubjectAlerts] = {}

    def published(self, changes: Sequence[AlertChange], fleet_time: int) -> list[AlertChange]:
        """Return the changes to publish, in order; count the others."""
        return [change for change in changes if self._passes(change, fleet_time)]

    def withheld(self) -> dict[str, int]:
        """Changes that were not published, by subject."""
        return {subject: sum(of.withheld.values()) for subject, of in self.subjects.items() if of.withheld}

    def forget_idle(self, fleet_time: int) -> None:
        """Forget subjects whose buckets are full and of which nothing was withheld."""
        idle = [
            subject
            for subject, of in self.subjects.items()
            if not of.withheld and all(full_at <= fleet_time for full_at in of.full_at.values())
        ]
        for subject in idle:
            del self.subjects[subject]

    def _passes(self, change: AlertChange, fleet_time: int) -> bool:
        subject = self.subjects.get(change.subject)
        if subject is None:
            subject = self.subjects[change.subject] = SubjectAlerts()
        is_open = change.phase in _OPEN
        known_as_open = subject.open.get(change.alert_id, change.revision > 1)
        is_end = known_as_open and not is_open
        passes = is_end or _take(subject, change.severity.value, fleet_time)
        if passes:
            subject.open.pop(change.alert_id, None)
            subject.open[change.alert_id] = is_open
        else:
            subject.open.setdefault(change.alert_id, known_as_open)
            subject.withheld[change.rule] = subject.withheld.get(change.rule, 0) + 1
        while len(subject.open) > MAX_REMEMBERED:
            del subject.open[next(iter(subject.open))]
        return passes


def _take(subject: SubjectAlerts, severity: str, fleet_time: int) -> bool:
    """Take one from the bucket; False if it is empty."""
    full_at = max(subject.full_at.get(severity, 0), fleet_time)
    if full_at > fleet_time + (BURST - 1) * REFILL_MS:
        return False
    subject.full_at[severity] = full_at + REFILL_MS
    return True
