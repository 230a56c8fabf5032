"""What other processes on this machine read of a worker: readings not judged, and emptyings, in `judge.db`.

Of the partitions that it owns, as of the last time that rows were kept. A partition that comes from another worker is
written as its devices change.
"""

import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ingest.judge.checkpoint import JudgeStateUnavailable
from ingest.judge.emptyings import EMPTYING_TABLES, put_emptyings
from ingest.judge.not_judged import CREATE_NOT_JUDGED, PUT_NOT_JUDGED
from ingest.process.sqlite_file import open_cache, transaction, translated
from rules.engine.engine import RuleEngine

_BUSY_TIMEOUT_S: Final = 5.0

_log = logging.getLogger(__name__)


class LocalFigures:
    """Takes what changed whenever a stage keeps its rows. One thread. Judgement goes on where it cannot be written."""

    def __init__(self, path: Path) -> None:
        """Raises JudgeStateUnavailable."""
        self._path = path
        with translated(path, JudgeStateUnavailable):
            self._db = open_cache(path, (CREATE_NOT_JUDGED, *EMPTYING_TABLES), timeout_s=_BUSY_TIMEOUT_S)
        self._failures: dict[str, Counter[str]] = {}
        self._failed_at: int | None = None
        self.damaged = 0
        """Records with verdicts that were passed because they cannot be read."""

    def keep(self, name: str, engine: RuleEngine, own: Callable[[str], bool]) -> None:
        """Write what changed of the devices of a partition, by its name."""
        counts = [
            (device, reason, count)
            for device, by_reason in engine.changed_not_judged().items()
            if own(device)
            for reason, count in by_reason.items()
        ]
        emptyings = {device: spans for device, spans in engine.changed_emptyings().items() if own(device)}
        try:
            with transaction(self._db):
                self._db.executemany(PUT_NOT_JUDGED, counts)
                put_emptyings(self._db, emptyings)
        except sqlite3.Error as exc:
            _log.warning("judge: %s takes no figures, boards lack some until they change again: %s", self._path, exc)
        self.note_failures(name, engine)

    def note_failures(self, name: str, engine: RuleEngine) -> None:
        """Count the failures of rules in an engine, by its name, and log each rule that raised once."""
        if self._failures.get(name, Counter()) != engine.failures:
            self._failures[name], self._failed_at = Counter(engine.failures), time.time_ns() // 1_000_000
        for rule, trace in engine.failures.take_unlogged().items():
            _log.error(
                "judge: rule %s failed at a reading; its state of that device was reset and the other rules went on;"
                " report this traceback\n%s",
                rule,
                trace,
            )

    def note_damaged(self) -> None:
        """Count a record with verdicts that is passed."""
        self.damaged += 1

    def failures(self) -> tuple[Mapping[str, int], int | None]:
        """Readings on which a rule raised, by its name, and when this process saw the last of them, ms."""
        return dict(sum(self._failures.values(), Counter())), self._failed_at

    def close(self) -> None:
        self._db.close()
