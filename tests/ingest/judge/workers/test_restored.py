"""A journal that comes back older than it went: what waited for it meanwhile must not hide what is missing."""

from collections.abc import Mapping, Sequence

import pytest

from devices.db.database import DatabaseUnavailable
from ingest.judge.workers.fleet_work import FleetWork
from ingest.judge.workers.kept import FLEET, Kept
from ingest.log.records import LogRecord, RawMessage
from rules.alerts.model import AlertChange
from tests.ingest.alerts.test_publisher import change
from tests.ingest.judge.workers.memory_kafka import MemoryLog, MemoryTopics


class Stage:
    """Each verdict is an alert of its number."""

    is_begun = True
    changed = 1

    def take(self, message: RawMessage) -> list[AlertChange]:
        return [change(int(message.payload))]

    def begin_anew(self, revisions: Mapping[str, bytes] | None) -> None: ...
    def restore(self, kept: Kept) -> None: ...
    def saved(self) -> None: ...

    def unsaved(self) -> dict[str, bytes]:
        return {FLEET: b""}


class Journal:
    """Takes each change once, while it is there."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.is_away = False

    def has(self, key: str) -> bool:
        self._answer()
        return key in self.keys

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int:
        self._answer()
        self.keys += [one.key for one in changes if one.key not in self.keys]
        return len(changes)

    def _answer(self) -> None:
        if self.is_away:
            raise DatabaseUnavailable("connection refused")


class Run:
    """Owners of the topic of verdicts, one after the other."""

    def __init__(self) -> None:
        self.log, self.topics, self.journal = MemoryLog(0, []), MemoryTopics(), Journal()
        self.begin()

    def begin(self) -> None:
        self.fleet = FleetWork(self.log, self.topics.store, Stage(), self.journal)  # type: ignore[arg-type]

    def judge(self, *numbers: int) -> None:
        self.log.records += [
            LogRecord(len(self.log.records) + at, RawMessage("", b"%d" % number, 0))
            for at, number in enumerate(numbers, 1)
        ]
        while self.fleet.step():
            pass


@pytest.mark.parametrize("after", ["step", "its end", "a kill"])
def test_what_is_missing_is_judged_again(after: str, caplog: pytest.LogCaptureFixture) -> None:
    run = Run()
    run.judge(1, 2)
    run.fleet.finish()  # the first two are kept
    backup = run.journal.keys[:1]
    run.journal.is_away = True
    with pytest.raises(DatabaseUnavailable):
        run.judge(3)
    run.journal.keys, run.journal.is_away = backup, False
    if after == "its end":
        run.fleet.finish()
    if after != "step":
        run.begin()
    run.judge(4)
    assert sorted(run.journal.keys) == [change(number).key for number in (1, 2, 3, 4)]
    assert caplog.text.count("it was restored from a backup") == 1


def test_an_owner_that_began_while_the_journal_was_away_notices_it_too() -> None:
    run = Run()
    run.judge(1, 2)
    run.fleet.finish()
    run.journal.is_away = True
    run.begin()
    with pytest.raises(DatabaseUnavailable):
        run.judge(3)
    run.journal.keys, run.journal.is_away = [], False
    run.judge()
    assert sorted(run.journal.keys) == [change(number).key for number in (1, 2, 3)]


def test_devices_are_compared_while_the_journal_is_away_and_has_nothing_to_take() -> None:
    run = Run()
    run.judge(1)
    run.fleet.finish()
    run.journal.is_away = True
    run.begin()
    assert run.fleet.step() == 0
