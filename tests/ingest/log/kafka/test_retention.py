"""Kafka removes by age, read or not: what it removed is not still to be read, in ledger, backlog and lag."""

from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from ingest.ledger import report
from ingest.ledger.report import read_ledger, read_status
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.raw_log import RawLog
from ingest.recorder.state import RecorderState
from tests.closing import closed_later
from tests.ingest.log.kafka.parts import PARTITIONS, admin, fleet, opened
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.real

KAFKA: Any = confluent_kafka


def trim(connection: KafkaConnection, before: dict[int, int]) -> None:
    """Remove the records of these partitions before these offsets, as retention does."""
    asked = [KAFKA.TopicPartition(connection.topic, partition, offset) for partition, offset in before.items()]
    client = admin(connection)  # its requests end with it
    for answer in client.delete_records(asked, request_timeout=PATIENCE_S).values():
        answer.result()


def read_to(path: Path, positions: dict[int, int]) -> None:
    state = RecorderState(path)
    with state.changing() as db:
        db.executemany("INSERT OR REPLACE INTO progress (partition, offset) VALUES (?, ?)", positions.items())
    state.close()


@pytest.mark.parametrize("decoded", [20_000, 5], ids=["decoded whole", "decoded in part"])
def test_the_backlog_leaves_out_what_was_removed(
    connection: KafkaConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: int
) -> None:
    """Of one partition all is gone, of the next the half that the recorder had not read, of the third what it had."""
    monkeypatch.setattr(report, "MAX_DECODED", decoded)
    log = opened(connection, "recorder")
    log.append(fleet(120, devices=40))
    ends = KafkaFigures(connection).ends()
    assert min(ends.values()) >= 6
    positions = dict.fromkeys(range(PARTITIONS), 2)
    path = tmp_path / "recorder.db"
    read_to(path, positions)
    trim(connection, {0: ends[0], 1: 4, 2: 1})

    kept = {0: 0, 1: ends[1] - 4, **{partition: ends[partition] - 2 for partition in range(2, PARTITIONS)}}
    left = sum(kept.values())
    assert read_status(path, KafkaFigures(connection)).backlog == left
    ledger = read_ledger(path, opened(connection))
    assert (ledger.total.received, ledger.total.queued) == (left, left)
    assert ledger.exact is (decoded > left)

    read_to(path, ends)
    assert read_status(path, KafkaFigures(connection)).backlog == 0
    assert read_ledger(path, opened(connection)).total.queued == 0


def test_a_topic_of_which_all_was_removed_has_no_backlog(connection: KafkaConnection, tmp_path: Path) -> None:
    """Nothing more is received: the recorder does not stand still, and has nothing to read."""
    opened(connection, "recorder").append(fleet(60))
    path = tmp_path / "recorder.db"
    read_to(path, dict.fromkeys(range(PARTITIONS), 0))
    trim(connection, KafkaFigures(connection).ends())
    assert read_status(path, KafkaFigures(connection)).backlog == 0
    ledger = read_ledger(path, opened(connection))
    assert (ledger.total.queued, ledger.exact) == (0, True)
    assert [one.lag("recorder") for one in KafkaFigures(connection).partitions()] == [0] * PARTITIONS


def test_segments_that_the_disk_guard_removed_are_no_backlog_either(tmp_path: Path) -> None:
    log = closed_later(RawLog(tmp_path / "raw", segment_bytes=1))
    for one in fleet(10):
        log.append([one])
    read_to(tmp_path / "recorder.db", {0: 2})
    while log.first_offset() < 6:
        assert log.remove_oldest(["recorder"], 1)
    assert read_status(tmp_path / "recorder.db", log).backlog == 11 - log.first_offset()
