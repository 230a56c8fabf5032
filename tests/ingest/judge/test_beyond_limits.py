"""Devices beyond the limits of judgement are named by what was added since the look before."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.judge.beyond_limits import BeyondLimits
from ingest.process.over_limit import OverLimit, read_over_limit
from rules.engine.not_judged import NotJudged

NOW = 1_790_000_000_000


class Counts:
    """The counts of an engine."""

    def __init__(self, withheld: int, waiting: int) -> None:
        self.withheld = {"truck-1": withheld}
        self.not_judged = {"truck-1": {NotJudged.OVER_BOUND.value: waiting}}

    def changed_not_judged(self) -> Mapping[str, Mapping[str, int]]:
        return self.not_judged


def test_counts_that_fall_are_no_finding_and_those_that_rise_after_it_are(tmp_path: Path) -> None:
    """A log that is judged again from its start counts from 0 again."""
    path, seconds = tmp_path / "judge_limits.json", iter(range(0, 100, 10))
    now_ms = iter(range(NOW, NOW + 1_000_000, 5_000))
    before: Any = Counts(100, 50)
    beyond = BeyondLimits(before, OverLimit(path, lambda: next(now_ms)), lambda: next(seconds))
    looks: list[Any] = [Counts(107, 53), Counts(2, 1), Counts(5, 2)]
    for counts in looks:
        beyond.look(counts)
    found = read_over_limit([path], NOW)
    assert found == {"truck-1": {"alerts": 7 + 0 + 3, "waiting_readings": 3 + 0 + 1}}
