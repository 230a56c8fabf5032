"""Workers die, stand still, come and go, one event after another, while a log grows."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.judge.rejudge import rejudge
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.records import LogRecord, RawMessage
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from tests.ingest.judge.test_shuffle import CITY
from tests.judge_workers.yard import Yard
from tests.waiting import until

KINDS = ("kill", "pause", "add", "remove")
MOST_WORKERS = 4


def as_one_log(messages: Sequence[RawMessage]) -> dict[str, AlertChange]:
    """The alert changes by key, judged in one process from one log."""
    records = [LogRecord(offset, message) for offset, message in enumerate(messages, 1)]
    return {change.key: change for change in rejudge(records, CITY, build_rules())}


def begun(workers: Yard) -> None:
    """Wait until every partition has an owner."""
    count = workers.connection.partitions + 1
    until(lambda: len(workers.owned()) == count, lambda: workers.log()[-3000:], every_s=0.1)


def run_events(workers: Yard, log: KafkaLog, messages: Sequence[RawMessage], kinds: Sequence[str], seed: int) -> None:
    """One event after the other, as soon as others have restored what was lost; messages come between and during."""
    dice = random.Random(seed)
    share = len(messages) // len(kinds) + 1
    for number, kind in enumerate(kinds):
        part = messages[number * share : (number + 1) * share]
        middle = len(part) // 2
        if part[:middle]:
            log.append(part[:middle])
        chosen = dice.choice(workers.workers)
        if kind == "add" or len(workers.workers) == 1:
            workers.add()
        if kind == "pause":
            workers.pause(chosen)
            if part[middle:]:
                log.append(part[middle:])
            until(workers.handed_over, lambda: workers.log()[-3000:], every_s=0.05)
            workers.go_on(chosen)
            continue
        if kind == "kill":
            workers.kill(chosen)
        elif kind == "remove" or len(workers.workers) > MOST_WORKERS:
            workers.remove(chosen)
        if part[middle:]:
            log.append(part[middle:])
        until(workers.handed_over, lambda: workers.log()[-3000:], every_s=0.05)


@dataclass
class Outcome:
    """What became of the alerts."""

    expected: int
    missed: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    """Alerts that one log does not give, or gives otherwise."""
    conflicts: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.missed or self.extra or self.conflicts)


def settle(workers: Yard, messages: Sequence[RawMessage]) -> Outcome:
    """Wait until every alert is there, end the workers, who hand on everything, and compare with one log."""
    expected = as_one_log(messages)
    until(lambda: workers.journal.keys() >= expected.keys(), lambda: workers.log()[-3000:], every_s=0.1)
    for worker in [*workers.workers]:
        workers.remove(worker)
    changes = workers.journal.changes()
    return Outcome(
        len(expected),
        [key for key in expected if key not in changes],
        [key for key, change in changes.items() if expected.get(key) != change],
        workers.journal.conflicts(),
    )
