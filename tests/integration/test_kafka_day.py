"""The same day through the raw log on disk and through Kafka: the same alerts, ledger and store."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ingest.judge.checkpoint import JudgeState
from ingest.judge.judge import Judge
from ingest.ledger.report import Ledger, read_ledger
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic
from ingest.log.raw_log import RawLog
from ingest.log.records import RawMessage
from ingest.log.revisions import city_record
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store.sqlite import SqliteStore
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from tests.closing import closed_later
from tests.ingest.judge.test_shuffle import CITY, busy_log, late_log, quiet_log
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.real

PARTITIONS = 7
Log = RawLog | KafkaLog


@dataclass
class MemoryJournal:
    """Takes each change once, as the real one does."""

    changes: dict[str, AlertChange] = field(default_factory=dict)

    def has(self, key: str) -> bool:
        return key in self.changes

    def record(self, changes: Sequence[AlertChange], recorded_at: int) -> int:
        for change in changes:
            assert self.changes.setdefault(change.key, change) == change, "the same change with other content"
        return len(changes)


@dataclass
class Way:
    """A recorder and a judge on one raw log; `restarts`: after so many steps each they end and begin again."""

    folder: Path
    open_log: Callable[[str], Log]
    restarts: bool
    journal: MemoryJournal = field(default_factory=MemoryJournal)

    def judge(self) -> None:
        judged = 1
        while judged:
            with closing(self.open_log("judge")) as log:
                state = JudgeState(self.folder / "judge.db")
                judge = Judge(log, self.journal, state, build_rules(), lambda: CITY, checkpoint_max_messages=300)
                steps = 0
                while (judged := judge.step(limit=120)) and not (self.restarts and steps == 4):
                    steps += 1
                if not judged:
                    judge.checkpoint()
                state.close()  # as after a kill: without a checkpoint

    async def record(self) -> Ledger:
        recorded = 1
        store = SqliteStore(self.folder / "points.db")
        while recorded:
            with closing(self.open_log("recorder")) as log:
                state = RecorderState(self.folder / "recorder.db")
                recorder = Recorder(log, store, state, lambda: CITY, batch_records=130)
                steps = 0
                while (recorded := await recorder.step()) and not (self.restarts and steps == 3):
                    steps += 1
                state.close()
        await store.close()
        with closing(self.open_log("reader")) as log:
            return read_ledger(self.folder / "recorder.db", log)

    def stored(self) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / "points.db")) as db:
            found = "SELECT measurement, tags, ts, fields FROM points JOIN series ON series.id = points.series"
            return sorted(db.execute(found).fetchall())


def day() -> list[RawMessage]:
    """Ticks in silence, a busy hour and an upload that comes late; some messages twice, and some that are refused.

    In the middle of it a device leaves the city.
    """
    messages: list[RawMessage] = []
    for part in (quiet_log(), busy_log(), late_log()):
        messages += [record.message for record in part]
    messages.sort(key=lambda message: message.received_at)
    repeated = [message for index, message in enumerate(messages) if index % 37 == 0]
    refused = [
        RawMessage("haulwatch/v1/T1/position", b"{broken", messages[300].received_at),
        RawMessage("somebody/else", b"", messages[400].received_at),
        RawMessage("haulwatch/v1/T9/position", messages[0].payload, messages[500].received_at),
    ]
    without = replace(CITY, devices={name: device for name, device in CITY.devices.items() if name != "P02"})
    middle = messages[len(messages) // 2].received_at
    cities = [city_record(CITY, messages[0].received_at - 1), city_record(without, middle - 1)]
    assert middle - 1 not in {message.received_at for message in messages}
    return sorted([*messages, *repeated, *refused, *cities], key=lambda message: message.received_at)


@pytest.fixture
def connection(kafka_server: KafkaServer) -> KafkaConnection:
    found = kafka_server.connection(PARTITIONS)
    create_topic(found, keep_ms=0, replicas=1)
    return found


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "killed again and again"])
def test_a_day_through_kafka_ends_as_through_the_log_on_disk(
    tmp_path: Path, connection: KafkaConnection, restarts: bool
) -> None:
    messages = day()
    written = closed_later(RawLog(tmp_path / "raw"))
    sent = closed_later(KafkaLog(connection, "collector"))
    for start in range(0, len(messages), 500):
        written.append(messages[start : start + 500])
        sent.append(messages[start : start + 500])

    here = Way(tmp_path / "here", lambda consumer: RawLog(tmp_path / "raw"), restarts=False)
    there = Way(tmp_path / "there", lambda consumer: KafkaLog(connection, consumer), restarts=restarts)
    ledgers = []
    for path in (here, there):
        path.folder.mkdir()
        path.judge()
        ledgers.append(asyncio.run(path.record()))

    assert len({change.rule for change in here.journal.changes.values()}) >= 3
    assert there.journal.changes == here.journal.changes
    assert ledgers[0].total.received > 1_000
    assert ledgers[1] == ledgers[0]
    assert there.stored() == here.stored()
    assert {line.device: sum(line.quarantined.values()) for line in ledgers[0].devices}["P02"] > 5
    assert sent.last_offset() > len(messages)  # revisions, ticks and tickets stand in every partition
    assert sent.committed() == dict.fromkeys(("recorder", "judge"), sent.last_offset())
