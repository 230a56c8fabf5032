"""What-if: the alerts of a time by the rules that held, and by another rule set, side by side.

Two engines judge the same records. One follows the revisions of rules in the log; the other has the same rules from
beginning to end. Both follow the revisions of the city.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from devices.city.model import City
from ingest.judge.judge_record import judge_record
from ingest.judge.rejudge import Rejudging
from ingest.log.ports import LogReader
from ingest.log.records import CITY_TOPIC, RULES_TOPIC, LogRecord, RawMessage
from rules.alerts.model import TAKEN_BACK, AlertChange, Severity, Text
from rules.contract.rule import Rule
from rules.contract.rule_choice import RuleChoice

WARM_UP_MS: Final = 24 * 3_600_000
"""Judged before the time that is compared, so that what was known then is known: no reading is judged later than so."""
_PER_READ: Final = 5_000
_SAME_ONSET_MS: Final = 600_000
"""Other parameters may date the beginning of one incident otherwise, by less than this."""


class Effect(StrEnum):
    GAINED = "gained"
    LOST = "lost"
    CHANGED = "changed"


@dataclass(slots=True)
class Outcome:
    """What became of one alert, as people were notified of it."""

    alert_id: str
    rule: str
    subject: str
    title: Text
    severity: Severity
    opened_at: int
    """Device time, ms."""
    told_at: int
    """Device time of its first change, ms."""
    closed_at: int | None
    retracted: bool = False
    changes: int = 0
    """Notifications of it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One alert that differs; `before` by the rules that held, `after` by the others."""

    effect: Effect
    before: Outcome | None
    after: Outcome | None

    @property
    def either(self) -> Outcome:
        """As it is by the other rules, where it is."""
        if self.after is not None:
            return self.after
        if self.before is not None:
            return self.before
        raise ValueError("neither")

    @property
    def differs(self) -> tuple[str, ...]:
        """Names of what differs: severity, opened_at, told_at, closed_at, retracted."""
        before, after = self.before, self.after
        if before is None or after is None:
            return ()
        names = ("severity", "opened_at", "told_at", "closed_at", "retracted")
        return tuple(name for name in names if getattr(before, name) != getattr(after, name))


class WhatIf:
    """Takes the records of a log in order. Keeps the alerts of the time in memory, no record."""

    def __init__(
        self, city: City, held: Sequence[Rule[Any]] | RuleChoice, other: RuleChoice, since: int, until: int
    ) -> None:
        """`city` and `held` hold until the log names others. Alerts notified from `since` to `until`, receive time in
        ms, are compared.
        """
        self._held, self._other = Rejudging(city, held), Rejudging(city, other)
        self._since, self._until = since, until
        self._before: dict[str, Outcome] = {}
        self._after: dict[str, Outcome] = {}
        self.messages = 0
        """Judged within the time."""

    def begin(self, revision: RawMessage) -> None:
        """Let the first revision of the log hold for what comes before it."""
        self._held.take_revision(revision)
        if revision.topic != RULES_TOPIC:
            self._other.take_revision(revision)

    def take(self, record: LogRecord) -> None:
        """Judge the next record by both."""
        at = record.message.received_at
        before = self._held.judge(record)
        if record.message.topic == RULES_TOPIC:
            after = judge_record(self._other.engine, record)
        else:
            after = self._other.judge(record)
        if self._since <= at < self._until:
            self.messages += 1
            _note(before, self._before)
            _note(after, self._after)

    def alerts(self) -> tuple[int, int]:
        """Alerts of the time: by the rules that held, and by the others."""
        return len(self._before), len(self._after)

    def comparisons(self) -> list[Comparison]:
        """The alerts that differ, by rule, subject and time."""
        found = list(self._pairs())
        return sorted(found, key=lambda one: (one.either.rule, one.either.subject, one.either.opened_at))

    def _pairs(self) -> Iterator[Comparison]:
        lost = {id_: one for id_, one in self._before.items() if id_ not in self._after}
        for id_, after in self._after.items():
            before = self._before.get(id_) or _taken_match(after, lost)
            if before is None:
                yield Comparison(Effect.GAINED, None, after)
            elif (pair := Comparison(Effect.CHANGED, before, after)).differs:
                yield pair
        yield from (Comparison(Effect.LOST, before, None) for before in lost.values())


def records_of(log: LogReader, begin: int, end: int) -> Iterator[LogRecord]:
    """The records of the time, with a day before it, and all cities before that. `begin`, `end`: receive time, ms.

    Raises RawLogError.
    """
    after = 0
    while records := log.read(after, _PER_READ):
        for record in records:
            at = record.message.received_at
            if at >= end:
                return
            if at >= begin - WARM_UP_MS or record.message.topic == CITY_TOPIC:
                yield record
        after = records[-1].offset


def _note(changes: Iterable[AlertChange], outcomes: dict[str, Outcome]) -> None:
    for change in changes:
        outcome = outcomes.get(change.alert_id)
        if outcome is None:
            outcome = outcomes[change.alert_id] = Outcome(
                change.alert_id, change.rule, change.subject, change.title, change.severity, change.opened_at,
                change.at, change.closed_at,
            )  # fmt: skip
        outcome.severity = min(outcome.severity, change.severity)
        outcome.closed_at, outcome.changes = change.closed_at, outcome.changes + 1
        outcome.retracted = change.amendment in TAKEN_BACK
        if not outcome.retracted:
            outcome.title = change.title


def _taken_match(after: Outcome, lost: dict[str, Outcome]) -> Outcome | None:
    """Take the alert out of `lost` that is the same incident, dated otherwise; None if there is none."""
    near = [
        one
        for one in lost.values()
        if (one.rule, one.subject) == (after.rule, after.subject)
        and abs(one.opened_at - after.opened_at) <= _SAME_ONSET_MS
    ]
    if not near:
        return None
    return lost.pop(min(near, key=lambda one: (abs(one.opened_at - after.opened_at), one.alert_id)).alert_id)
