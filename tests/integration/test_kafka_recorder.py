"""The recorder on Kafka: a reading that the store rejects is found by its place, also by the next process."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from devices.codecs.native import encode
from haulwatch import migrations
from haulwatch.process.system_clock import now_ms
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.report import read_ledger, read_status
from ingest.ledger.shared.tables import SharedTables
from ingest.ledger.state.port import OwnTables
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.group import GroupMember
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic
from ingest.log.ports import Log
from ingest.log.records import RECORDER, RawMessage
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.recorder.workers import RecorderWorker
from ingest.store import LineStore, StoreRejected, StoreUnavailable
from ingest.store.sqlite import SqliteStore
from tests.closing import closed_later
from tests.ingest.recorder.parts import CITY, NOW, T0, position, topic_of
from tests.servers.kafka import KafkaServer
from tests.waiting import eventually

pytestmark = pytest.mark.real


class AwayStore(SqliteStore):
    async def write_lines(self, lines: Sequence[str]) -> None:
        raise StoreUnavailable("it is away")


class RejectingStore(SqliteStore):
    """Rejects what was measured at this second."""

    second = 7

    async def write_lines(self, lines: Sequence[str]) -> None:
        mark = str(T0 + self.second * 1000)
        await super().write_lines([line for line in lines if not line.endswith(mark)])
        rejected = [(index, "not in this store") for index, line in enumerate(lines) if line.endswith(mark)]
        if rejected:
            raise StoreRejected(rejected)


@dataclass
class Recorders:
    """Workers, one after the other, on one topic and one database."""

    connection: KafkaConnection
    tables: SharedTables

    async def record(self, store: LineStore, done: Callable[[], bool]) -> None:
        """Run a worker until it has done it; then it leaves in order."""

        def recorder_of(log: Log, own: OwnTables) -> Recorder:
            return Recorder(log, store, RecorderState(own), lambda: CITY)

        partitions, stop = self.connection.partitions, asyncio.Event()
        self.tables.prepare(partitions)
        find = closed_later(KafkaLog(self.connection)).find
        worker = RecorderWorker(
            lambda partition: self.tables.claim(partition, "test", NOW), recorder_of, find, now_ms, partitions
        )
        running = asyncio.create_task(worker.run(GroupMember(self.connection, RECORDER, worker), stop))
        try:
            await eventually(done)
        finally:
            stop.set()
            await running


async def test_a_rejected_reading_of_the_process_before_keeps_its_bytes_and_can_be_redriven(
    kafka_server: KafkaServer, postgres_url: str, tmp_path: Path
) -> None:
    connection = kafka_server.connection(5)
    create_topic(connection, keep_ms=0, replicas=1)
    migrations.upgrade(postgres_url)
    log = closed_later(KafkaLog(connection, "recorder"))
    readings = [position(second, device=f"truck-{1 + second % 2}") for second in range(20)]
    log.append([RawMessage(topic_of(one), encode(one), NOW + number) for number, one in enumerate(readings)])
    tables = closed_later(SharedTables(postgres_url))
    recorders = Recorders(connection, tables)
    away, rejecting, last = (kind(tmp_path / "points.db") for kind in (AwayStore, RejectingStore, SqliteStore))

    def ended() -> bool:
        total = read_ledger(tables, log).total
        return total.received == 20 and not total.queued

    try:
        await recorders.record(away, lambda: read_status(tables, log).pending == 20)
        assert log.committed().get("recorder", 0) == 0, "nothing is in the store"
        await recorders.record(rejecting, ended)
        assert log.committed() == {"recorder": 20}
        letters = DeadLetters(tables)
        [letter] = letters.list()
        assert letters.payload(letter.id) == encode(readings[7])

        assert letters.redrive(letter.id, KafkaLog(connection, "redrive"), NOW + 100) == 21
        await recorders.record(last, ended)
        total = read_ledger(tables, log).total
        assert (total.received, total.stored, dict(total.quarantined)) == (20, 20, {})
    finally:
        for store in (away, rejecting, last):
            await store.close()
