"""Names devices beyond the limits of judgement: of alerts, and of readings that wait."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from ingest.process.over_limit import Limit, OverLimit
from rules.engine.engine import RuleEngine
from rules.engine.not_judged import NotJudged

_LOOK_EVERY_S: Final = 2.0
"""A look passes over all devices that changed since the last checkpoint."""


class BeyondLimits:
    """Compares the counts of an engine with those of the look before.

    What was counted before the first look counts no more. Counts fall where the log is judged again from its start.
    """

    def __init__(
        self, engine: RuleEngine, over_limit: OverLimit, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._over_limit, self._monotonic = over_limit, monotonic
        self._look_at = 0.0
        self._withheld: Mapping[str, int] = engine.withheld
        self._waiting = {device: _over_bound(by_reason) for device, by_reason in engine.not_judged.items()}

    def look(self, engine: RuleEngine) -> None:
        """Note what was added; called after each step."""
        now = self._monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY_S
        withheld = engine.withheld
        for device, count in withheld.items():
            if (more := count - self._withheld.get(device, 0)) > 0:
                self._over_limit.note(device, Limit.ALERTS, more)
        self._withheld = withheld
        for device, by_reason in engine.changed_not_judged().items():
            count = _over_bound(by_reason)
            more, self._waiting[device] = count - self._waiting.get(device, 0), count
            if more > 0:
                self._over_limit.note(device, Limit.WAITING_READINGS, more)
        self._over_limit.report()


def _over_bound(by_reason: Mapping[str, int]) -> int:
    return by_reason.get(NotJudged.OVER_BOUND.value, 0)
