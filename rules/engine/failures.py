"""Failures of rules and trackers: how often each raised, and the traceback of the first time, for whoever logs."""

import traceback
from collections import Counter


class RuleFailures(Counter[str]):
    """Readings on which a rule or tracker raised, by its name. Judgement writes no log: the judge takes what is new."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()
        self._unlogged: dict[str, str] = {}

    def note(self, name: str, error: Exception) -> None:
        """Count a failure; keep the traceback of the first one of this name since the process started."""
        self[name] += 1
        if name not in self._seen:
            self._seen.add(name)
            self._unlogged[name] = "".join(traceback.format_exception(error))

    def take_unlogged(self) -> dict[str, str]:
        """Tracebacks by name, each once."""
        taken, self._unlogged = self._unlogged, {}
        return taken
