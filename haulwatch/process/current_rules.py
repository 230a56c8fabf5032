"""The rule set that holds, looked up now and then, and kept while the registry does not answer."""

import logging
import time
from collections.abc import Callable
from typing import Protocol

from devices.db.database import DatabaseError
from devices.db.versions import StoredVersion
from devices.errors import OperatorError
from haulwatch.process.current_city import REFRESH_AFTER_FAILURE_S, REFRESH_EVERY_S
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet

_log = logging.getLogger(__name__)


class RuleSetSource(Protocol):
    """The part of `rules.rule_sets.store.RuleSetStore` that `CurrentRules` reads."""

    def newest_version(self) -> int: ...
    def newest(self) -> StoredVersion | None: ...


class CurrentRules:
    """A callable that returns the rule set as the registry has it now; as `CurrentCity`, but it needs no registry to
    start: the raw log has the rule set by which it is judged.
    """

    def __init__(
        self,
        source: RuleSetSource,
        before_the_first: RuleSetChoice,
        rules_of: Callable[[StoredVersion], RuleSetChoice],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`before_the_first` holds until a rule set is applied."""
        self._source, self._before, self._rules_of, self._monotonic = source, before_the_first, rules_of, monotonic
        self._rules, self._failing = before_the_first, False
        self._refresh_at = monotonic()

    def __call__(self) -> RuleSetChoice:
        if self._monotonic() >= self._refresh_at:
            self._refresh()
            self._refresh_at = self._monotonic() + (REFRESH_AFTER_FAILURE_S if self._failing else REFRESH_EVERY_S)
        return self._rules

    def load(self) -> RuleSetChoice:
        """Read the registry now. Raises DatabaseError, BadRuleSet."""
        newest = self._source.newest()
        return self._before if newest is None else self._rules_of(newest)

    def _refresh(self) -> None:
        try:
            if self._source.newest_version() != self._rules.version:
                self._rules = self.load()
        except (DatabaseError, BadRuleSet) as exc:
            self._report(exc)
        else:
            self._failing = False

    def _report(self, exc: OperatorError) -> None:
        if not self._failing:
            _log.warning("the rule set cannot be read, the last one stays in use: %s", exc)
        self._failing = True
