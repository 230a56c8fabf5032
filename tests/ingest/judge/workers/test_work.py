"""Partitions whose owners die at any step: every verdict is handed on once, and every alert comes once."""

from functools import partial
from random import Random

import pytest

from ingest.judge.workers import pace
from ingest.judge.workers.device_stage import DeviceStage
from ingest.judge.workers.device_work import DeviceWork
from ingest.judge.workers.fleet_stage import FleetStage
from ingest.judge.workers.fleet_work import FleetWork
from ingest.judge.workers.kept import FLEET
from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.record_format import partition_of_device
from rules.catalogue import build_rules
from tests.ingest.judge.test_shuffle import CITY
from tests.ingest.judge.workers.memory_kafka import MemoryLog, MemoryTopics
from tests.ingest.judge.workers.stages import in_partitions
from tests.integration.test_kafka_day import MemoryJournal
from tests.judge_workers.events import as_one_log
from tests.judge_workers.honest_day import honest_day

PARTITIONS = 5


class Run:
    """The workers of a day, of which any may die."""

    def __init__(self, dice: Random) -> None:
        self.dice, self.topics, self.fleet_topics = dice, MemoryTopics(), MemoryTopics()
        self.messages = list(honest_day())
        self.logs = [MemoryLog(*one) for one in enumerate(in_partitions(self.messages, PARTITIONS))]
        self.journal = MemoryJournal()
        self.rules = build_rules()
        self.deaths = 0
        self.verdicts_gone = 0
        self.devices: dict[int, DeviceWork] = {}
        self.fleet: FleetWork | None = None

    def step(self) -> bool:
        """One step of some worker. Returns whether anything is left to do."""
        partition = self.dice.randrange(PARTITIONS + 1)
        if self.dice.random() < 0.1:
            self.topics.fails_before = self.dice.randint(0, 3)
            self.topics.fails_after = self.dice.randint(0, 3)
        try:
            if partition == PARTITIONS:
                self.its_fleet().step(limit=self.dice.randint(1, 30))
            else:
                self.device(partition).step(limit=self.dice.randint(1, 80))
            died = self.dice.random() < 0.05
        except RawLogUnavailable:
            died = True
        if died:
            self.deaths += 1
            if partition == PARTITIONS:
                self.fleet = None
            else:
                self.devices.pop(partition, None)
        ends = [
            self.devices[log.partition].offset == len(log.records) for log in self.logs if log.partition in self.devices
        ]
        return len(ends) < PARTITIONS or not all(ends)

    def finish(self) -> None:
        self.topics.fails_before = self.topics.fails_after = 0
        for partition in range(PARTITIONS):
            self.device(partition).finish()
        self.finish_fleet()

    def finish_fleet(self) -> None:
        while self.its_fleet().step():
            pass
        self.its_fleet().finish()

    def device(self, partition: int) -> DeviceWork:
        if partition not in self.devices:
            stage = DeviceStage(
                partition,
                lambda device_id: partition_of_device(device_id, PARTITIONS) == partition,
                lambda: CITY,
                lambda: self.rules,
            )
            first = partial(self.topics.first_revisions, self.logs)
            self.devices[partition] = DeviceWork(self.logs[partition], self.topics.store, stage, first)
        return self.devices[partition]

    def its_fleet(self) -> FleetWork:
        if self.fleet is None:
            stage = FleetStage(PARTITIONS, lambda: CITY, lambda: self.rules)
            log = MemoryLog(0, self.topics.verdicts, self.verdicts_gone)
            self.fleet = FleetWork(log, self.fleet_topics.store, stage, self.journal)
        return self.fleet


@pytest.mark.parametrize("seed", range(3))
def test_owners_that_die_at_any_step_hand_on_each_verdict_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "KEEP_MIN_RECORDS", 150)
    run = Run(Random(seed))
    while run.step():
        pass
    run.finish()
    assert run.deaths > 10
    assert run.journal.changes == as_one_log(run.messages)


def test_no_row_of_a_state_that_another_program_wrote_is_restored_with_newer_ones() -> None:
    run, clean = Run(Random(1)), Run(Random(1))
    partition = max(range(PARTITIONS), key=lambda one: len(run.logs[one].records))
    _judge(run, partition, len(run.logs[partition].records))
    run.topics.state[partition][FLEET] = b"\xc1"
    run.devices.clear()
    early = len(run.logs[partition].records) // 40
    _judge(run, partition, early)
    run.devices.clear()
    _judge(clean, partition, early)
    clean.devices.clear()
    restored, expected = (dict(one.device(partition).stage.engine.whole().devices) for one in (run, clean))
    assert run.device(partition).offset == early
    assert restored == expected
    assert len(run.topics.state[partition]) == len(clean.topics.state[partition])


def test_no_row_of_verdicts_that_another_program_wrote_is_restored_with_newer_ones() -> None:
    run = Run(Random(1))
    run.finish()
    for partition in range(PARTITIONS):
        _judge(run, partition, len(run.logs[partition].records))
    run.finish()
    rows = run.fleet_topics.state[0]
    rows |= {FLEET: b"\xc1", "truck-of-long-ago": b"\xc1"}
    run.fleet = None
    run.finish()
    assert "truck-of-long-ago" not in run.fleet_topics.state[0]
    assert run.fleet_topics.state[0][FLEET] != b"\xc1"


@pytest.mark.parametrize("is_running", [True, False])
def test_a_journal_that_was_restored_from_a_backup_gets_again_what_it_lacks(
    is_running: bool, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(Random(1))
    for part in (3, 1):
        for partition, log in enumerate(run.logs):
            _judge(run, partition, len(log.records) // part)
        run.finish_fleet()
        if part == 3:
            backup = dict(run.journal.changes)
    whole = dict(run.journal.changes)
    assert backup.keys() < whole.keys()
    run.journal.changes = dict(backup)
    if not is_running:
        run.fleet = None
    run.finish_fleet()
    assert run.journal.changes == whole
    assert caplog.text.count("it was restored from a backup") == 1
    run.fleet = None
    run.finish_fleet()
    assert caplog.text.count("it was restored from a backup") == 1


def test_a_journal_that_was_restored_is_noticed_before_the_next_change(caplog: pytest.LogCaptureFixture) -> None:
    """Not after it: then the last change would be there, and what lies before it missing for ever."""
    run = Run(Random(1))
    for partition, log in enumerate(run.logs):
        _judge(run, partition, len(log.records) // 2)
    fleet = run.its_fleet()
    while fleet.step():
        pass
    run.journal.changes.clear()
    run.finish()
    for partition, log in enumerate(run.logs):
        _judge(run, partition, len(log.records))
    run.finish_fleet()
    assert run.fleet is fleet
    assert run.journal.changes == as_one_log(run.messages)
    assert "it was restored from a backup" in caplog.text


@pytest.mark.parametrize("why", ["another program", "journal"])
def test_verdicts_whose_beginning_is_gone_are_judged_from_the_oldest_that_are_kept(why: str) -> None:
    """Their first record and the first revisions are older than what Kafka keeps of them."""
    run = Run(Random(1))
    for partition, log in enumerate(run.logs):
        _judge(run, partition, len(log.records) // 3)
    run.finish_fleet()
    run.verdicts_gone = len(run.topics.verdicts)
    rows, run.fleet = run.fleet_topics.state[0], None
    run.journal.changes.clear()
    if why != "journal":
        rows[FLEET] = b"\xc1"
    for partition, log in enumerate(run.logs):
        _judge(run, partition, len(log.records))
    run.finish_fleet()
    assert run.its_fleet().stage.is_begun
    assert run.its_fleet().stage.fleet_time
    assert run.journal.changes


def _judge(run: Run, partition: int, end: int) -> None:
    work = run.device(partition)
    while work.offset < end:
        work.step(limit=min(50, end - work.offset))
    work.finish()
