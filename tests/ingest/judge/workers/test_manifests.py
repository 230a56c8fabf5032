"""Manifests of a log in partitions, whose owners die: the database has what happened, each transition once."""

from functools import partial
from pathlib import Path
from random import Random

import pytest

from ingest.judge.workers import pace
from ingest.judge.workers.device_stage import DeviceStage
from ingest.judge.workers.device_work import DeviceWork
from ingest.log.kafka.record_format import partition_of_device
from ingest.manifests.feed import ManifestFeed
from rules.catalogue import build_rules
from rules.manifests.journal import ManifestJournal
from tests.ingest.judge.workers.memory_kafka import MemoryLog, MemoryTopics
from tests.ingest.judge.workers.stages import in_partitions
from tests.ingest.manifests.test_crashes import CITY, closing_engine, fresh, log, written
from tests.rules.manifests.test_any_order import HAPPENED
from tests.rules.manifests.test_store import NOW


@pytest.mark.parametrize("partitions", [1, 5])
def test_owners_that_die_write_what_happened(partitions: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "KEEP_MIN_RECORDS", 150)
    logs = [MemoryLog(*one) for one in enumerate(in_partitions([one.message for one in log()], partitions))]
    topics, rules, dice = MemoryTopics(), build_rules(), Random(partitions)
    with closing_engine(fresh(tmp_path / "one")) as engine:

        def begin(partition: int) -> tuple[DeviceWork, ManifestFeed]:
            feed = ManifestFeed(ManifestJournal(engine), lambda: NOW, "shared")
            own = partial(_is_in, partition, partitions)
            stage = DeviceStage(partition, own, lambda: CITY, lambda: rules)
            first = partial(topics.first_revisions, logs)
            return DeviceWork(logs[partition], topics.store, stage, first, on_manifests=feed.offer), feed

        for partition, of_partition in enumerate(logs):
            work, feed = begin(partition)
            while work.offset < len(of_partition.records):
                work.step(limit=dice.randint(1, 80))
                if dice.random() < 0.5:
                    feed.step()
                if dice.random() < 0.1:  # it dies; what its feed had not written is offered again
                    work, feed = begin(partition)
            feed.step()
        assert written(engine) == HAPPENED


def _is_in(partition: int, partitions: int, device_id: str) -> bool:
    return partition_of_device(device_id, partitions) == partition
