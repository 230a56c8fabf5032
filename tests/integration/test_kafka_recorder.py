"""The recorder on Kafka: a reading that the store rejects is found by its place, also by the next process."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from devices.codecs.native import encode
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.report import read_ledger
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic
from ingest.log.records import RawMessage
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store import LineStore, StoreRejected, StoreUnavailable
from ingest.store.sqlite import SqliteStore
from tests.closing import closed_later
from tests.ingest.recorder.parts import CITY, NOW, T0, position, topic_of
from tests.servers.kafka import KafkaServer

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


async def test_a_rejected_reading_of_the_process_before_keeps_its_bytes_and_can_be_redriven(
    kafka_server: KafkaServer, tmp_path: Path
) -> None:
    connection = KafkaConnection(kafka_server.servers, prefix=f"test-{uuid4().hex[:12]}", partitions=5)
    create_topic(connection, keep_ms=0, replicas=1)
    log = closed_later(KafkaLog(connection, "recorder"))
    readings = [position(second, device=f"truck-{1 + second % 2}") for second in range(20)]
    log.append([RawMessage(topic_of(one), encode(one), NOW + number) for number, one in enumerate(readings)])
    path = tmp_path / "recorder.db"

    def recorder(store: LineStore) -> tuple[Recorder, RecorderState]:
        state = RecorderState(path)
        return Recorder(closed_later(KafkaLog(connection, "recorder")), store, state, lambda: CITY), state

    away, rejecting, last = (kind(tmp_path / "points.db") for kind in (AwayStore, RejectingStore, SqliteStore))
    try:
        first, state = recorder(away)
        assert await first.step() == 20
        with pytest.raises(StoreUnavailable):
            await first.step()
        assert log.committed() == {"recorder": 0}, "nothing is in the store"
        state.close()

        second, state = recorder(rejecting)
        while await second.step():
            pass
        assert log.committed() == {"recorder": 20}
        state.close()
        letters = DeadLetters(path)
        [letter] = letters.list()
        assert letters.payload(letter.id) == encode(readings[7])

        assert letters.redrive(letter.id, KafkaLog(connection, "redrive"), NOW + 100) == 21
        third, state = recorder(last)
        while await third.step():
            pass
        state.close()
        total = read_ledger(path, log).total
        assert (total.received, total.stored, dict(total.quarantined)) == (20, 20, {})
    finally:
        for store in (away, rejecting, last):
            await store.close()
