"""Escalation: an alert that nobody acknowledges climbs the steps of its rule.

It ends when somebody acknowledges or closes the alert, when the alert is taken back, when a rule says that its own end
is enough, or with the last step. A step notifies only those whom no step before reached by that channel; one without
anybody, because nobody is on duty, is passed at once.
"""

import logging
from collections.abc import Callable
from typing import Final

from devices.errors import OperatorError
from ingest.notices.model import NoticeRule
from ingest.notices.notice import Climb, Kind, NewNotice
from ingest.notices.outbox import NoticeOutbox
from ingest.notices.planning import Journal, Rulebook, wait_ms, without
from rules.alerts.actions import AlertDetail
from rules.alerts.model import TAKEN_BACK

BATCH: Final = 100
_AFTER_A_BUG_MS: Final = 60_000
_LOOK_AT_CLOCK_MS: Final = 60_000

_log = logging.getLogger(__name__)


class Escalation:
    """Takes the steps that are due."""

    def __init__(self, book: Rulebook, outbox: NoticeOutbox, journal: Journal, now: Callable[[], int]) -> None:
        """`now`: the wall clock, ms."""
        self._book, self._outbox, self._journal, self._now = book, outbox, journal, now
        self._looked_at = 0

    def step(self) -> int:
        """Take every step that is due. Returns how many climbs were looked at. Raises DatabaseError."""
        self._look_at_clock()
        due = self._outbox.due_climbs(self._now(), BATCH)
        for climb in due:
            try:
                self._take(climb)
            except OperatorError:
                raise
            except Exception:  # noqa: BLE001 - one alert holds up no other
                alert = {"alert_id": climb.alert_id}
                _log.exception("notices: the next step of rule %s fails, tried again", climb.rule, extra=alert)
                later = climb._replace(due_at=self._now() + _AFTER_A_BUG_MS)
                self._outbox.climb(climb, later, (), self._now())
        return len(due)

    def _look_at_clock(self) -> None:
        """Let steps be due after their minutes from now where they are due later: the clock was set back since."""
        now = self._now()
        if self._looked_at <= now < self._looked_at + _LOOK_AT_CLOCK_MS:
            return
        for rule in self._book.rules.rules:
            for number, step in enumerate(rule.steps[1:]):
                due_at = now + max(wait_ms(step), _AFTER_A_BUG_MS)
                for climb in self._outbox.climbs_due_after(rule.name, number, due_at, BATCH):
                    self._outbox.climb(climb, climb._replace(due_at=due_at), (), now)
        self._looked_at = now

    def _take(self, climb: Climb) -> None:
        now = self._now()
        rule, detail = self._book.rules.rule(climb.rule), self._journal.alert(climb.alert_id)
        reason = _over(rule, detail, climb.step)
        if rule is None or detail is None or reason is not None:
            self._outbox.end_climb(climb, reason or "gone", now)
            return
        number = climb.step + 1
        change = detail.changes[-1].change
        fresh = without(self._book.notified_by(rule.steps[number], now), self._outbox.notified(climb.alert_id))
        notices: list[NewNotice] = self._book.notices(change, Kind.CLIMB, Kind.CLIMB, fresh)
        due_at = None
        if number + 1 < len(rule.steps):
            due_at = now + wait_ms(rule.steps[number + 1]) if notices else now
        if not notices:
            _log.warning(
                "notices: step %d of rule %s reaches nobody new for alert %s: see `haulwatch notify list`",
                number + 1,
                rule.name,
                climb.alert_id,
                extra={"alert_id": climb.alert_id},
            )
        self._outbox.climb(climb, Climb(climb.alert_id, climb.rule, number, due_at), notices, now)


def _over(rule: NoticeRule | None, detail: AlertDetail | None, step: int) -> str | None:
    """Why no further step is taken; None: one is."""
    if rule is None or detail is None or step + 1 >= len(rule.steps):
        return "gone"
    alert = detail.alert
    if alert.acknowledged_by is not None:
        return "acknowledged"
    if alert.outcome is not None:
        return "closed"
    if alert.amendment in TAKEN_BACK:
        return "taken back"
    return "over" if rule.stop_when_over and alert.closed_at is not None else None
