"""A recorder's state moved from its file to PostgreSQL and back, with readings recorded on both: as on one machine."""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from haulwatch import migrations
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.report import Ledger, read_ledger
from ingest.ledger.shared.tables import SharedTables
from ingest.ledger.state.port import OwnTables, Statements, Tables
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.group import GroupMember
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.record_format import partition_of_device
from ingest.log.kafka.topic import create_topic
from ingest.log.ports import Log
from ingest.log.raw_log import RawLog
from ingest.log.records import RECORDER, RawMessage
from ingest.migration import recorder_tables
from ingest.migration.migration import Migration, Places
from ingest.migration.plan import LogKind, MigrationRefused
from ingest.migration.recorder_tables import RecorderTables
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.recorder.workers import RecorderWorker
from ingest.store.sqlite import SqliteStore
from tests.closing import closed_later
from tests.ingest.judge.test_shuffle import CITY
from tests.ingest.recorder.parts import NOW
from tests.integration.test_kafka_day import Way, day
from tests.servers.kafka import KafkaServer
from tests.servers.postgres import Postgres
from tests.waiting import eventually

pytestmark = [pytest.mark.real, pytest.mark.long]

PARTITIONS = 5


class Interrupted(Exception):
    """As a kill at this moment."""


@pytest.fixture
def connection(kafka_server: KafkaServer) -> KafkaConnection:
    found = kafka_server.connection(PARTITIONS)
    create_topic(found, keep_ms=0, replicas=1)
    return found


@pytest.fixture
def tables(postgres_server: Postgres) -> SharedTables:
    url = postgres_server.new_database()
    migrations.upgrade(url)
    return closed_later(SharedTables(url))


@pytest.fixture
def migrate(tmp_path: Path, connection: KafkaConnection, tables: SharedTables) -> Callable[[LogKind], int]:
    def migrated(to: LogKind) -> int:
        state = RecorderTables(
            tmp_path / "recorder.db",
            lambda: tables,
            PARTITIONS,
            lambda device_id: partition_of_device(device_id, PARTITIONS),
            to,
        )
        places = Places(tmp_path, tmp_path / "raw", connection, (state,), RawLog, 0, 1, lambda: NOW)
        return Migration(places, to).run().records

    return migrated


async def on_kafka(connection: KafkaConnection, tables: SharedTables, folder: Path) -> None:
    """Record all of the topic, as a worker does."""
    store, places = SqliteStore(folder / "points.db"), KafkaLog(connection)
    tables.prepare(PARTITIONS)

    def recorder_of(log: Log, own: OwnTables) -> Recorder:
        return Recorder(log, store, RecorderState(own), lambda: CITY)

    worker = RecorderWorker(
        lambda partition: tables.claim(partition, "test", NOW), recorder_of, places.find, lambda: NOW, PARTITIONS
    )
    stop = asyncio.Event()
    recording = asyncio.create_task(worker.run(GroupMember(connection, RECORDER, worker), stop))

    def recorded() -> bool:
        return recording.done() or ledger_of(tables, connection).total.queued == 0

    await eventually(recorded, "all is recorded")
    stop.set()
    await recording
    places.close()
    await store.close()


def ledger_of(tables: Tables | Path, connection: KafkaConnection) -> Ledger:
    with closing(KafkaLog(connection)) as log:
        return read_ledger(tables, log)


def letters(place: Path | Tables) -> list[tuple[str, str, bytes]]:
    box = DeadLetters(place)
    return sorted((one.device, one.reason, box.payload(one.id)) for one in box.list())


def append(log: RawLog | KafkaLog, messages: Sequence[RawMessage]) -> None:
    with closing(log):
        log.append(messages)


def test_the_state_goes_to_postgresql_and_back(
    tmp_path: Path, connection: KafkaConnection, tables: SharedTables, migrate: Callable[[LogKind], int]
) -> None:
    """Ledger, dead letters, store: what was a duplicate on disk is one on Kafka, and the reverse."""
    messages = day()
    cut = [len(messages) * part // 3 for part in range(4)]
    first, second, third = (messages[cut[part] : cut[part + 1]] for part in range(3))
    again = [message for index, message in enumerate(first) if index % 50 == 0]
    for way in ("whole", "there"):
        (tmp_path / way).mkdir()
    append(RawLog(tmp_path / "whole" / "raw"), [*first, *second, *again, *third, *again])
    expected_way = Way(tmp_path / "whole", lambda consumer: RawLog(tmp_path / "whole" / "raw"), restarts=False)
    expected = asyncio.run(expected_way.record())

    here = Way(tmp_path, lambda consumer: RawLog(tmp_path / "raw"), restarts=False)
    append(RawLog(tmp_path / "raw"), first)
    asyncio.run(here.record())
    migrate(LogKind.KAFKA)
    assert not (tmp_path / "recorder.db").exists()
    append(KafkaLog(connection, "collector"), [*second, *again])
    asyncio.run(on_kafka(connection, tables, tmp_path))
    migrate(LogKind.DISK)
    with tables.snapshot() as db:
        for table, rows in (("ledger", 0), ("owner", 0), ("weighing_file", 1)):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)
    append(RawLog(tmp_path / "raw"), [*third, *again])
    ledger = asyncio.run(here.record())

    assert expected.total.duplicate > 50
    assert ledger == expected
    assert letters(tmp_path / "recorder.db") == letters(tmp_path / "whole" / "recorder.db")
    assert here.stored() == expected_way.stored()


def test_a_move_that_is_cut_short_is_done_again(
    tmp_path: Path,
    connection: KafkaConnection,
    tables: SharedTables,
    migrate: Callable[[LogKind], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the middle of the rows, to PostgreSQL and back."""
    messages = day()[:400]
    here = Way(tmp_path, lambda consumer: RawLog(tmp_path / "raw"), restarts=False)
    append(RawLog(tmp_path / "raw"), messages)
    expected, found = asyncio.run(here.record()), letters(tmp_path / "recorder.db")
    real, patience = recorder_tables._copy_outbox, list[object]()
    for to in (LogKind.KAFKA, LogKind.DISK):

        def cut_short(source: Statements, target: Statements, *_: object) -> None:
            shared = source if isinstance(target, sqlite3.Connection) else target
            patience.append(shared.execute("SHOW idle_in_transaction_session_timeout").fetchone())
            raise Interrupted

        monkeypatch.setattr(recorder_tables, "_copy_outbox", cut_short)
        with pytest.raises(Interrupted):
            migrate(to)
        monkeypatch.setattr(recorder_tables, "_copy_outbox", real)
        migrate(to)
        place = tables if to is LogKind.KAFKA else tmp_path / "recorder.db"
        assert letters(place) == found
    assert patience == [("0",), ("0",)], "PostgreSQL ends a session that waits while the other side is written"
    with closing(RawLog(tmp_path / "raw")) as log:
        assert read_ledger(tmp_path / "recorder.db", log) == expected


def test_tables_of_another_raw_log_are_not_overwritten(
    tmp_path: Path, connection: KafkaConnection, tables: SharedTables, migrate: Callable[[LogKind], int]
) -> None:
    append(RawLog(tmp_path / "raw"), day()[:50])
    tables.prepare(PARTITIONS)
    with tables.changing() as db:
        db.execute("INSERT INTO ledger (partition, device, received, duplicate) VALUES (0, 'T1', 5, 0)")
    with pytest.raises(MigrationRefused, match="a database of its own"):
        migrate(LogKind.KAFKA)


def test_tables_of_another_number_of_partitions_are_refused_before_anything_is_copied(
    tmp_path: Path, connection: KafkaConnection, tables: SharedTables, migrate: Callable[[LogKind], int]
) -> None:
    append(RawLog(tmp_path / "raw"), day()[:50])
    tables.prepare(PARTITIONS + 3)
    with pytest.raises(MigrationRefused, match=f"of a raw log of {PARTITIONS + 3} partitions"):
        migrate(LogKind.KAFKA)
    with closing(KafkaLog(connection)) as log:
        assert log.last_offset() == 0


def test_what_comes_from_another_machine_while_the_log_is_copied_is_noticed(
    tmp_path: Path,
    connection: KafkaConnection,
    tables: SharedTables,
    migrate: Callable[[LogKind], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    messages, real = day()[:50], RecorderTables.places
    tables.prepare(PARTITIONS)
    append(KafkaLog(connection, "collector"), messages[:40])

    def meanwhile(self: RecorderTables) -> Collection[int]:
        append(KafkaLog(connection, "collector"), messages[40:41])
        return real(self)

    monkeypatch.setattr(RecorderTables, "places", meanwhile)
    with pytest.raises(MigrationRefused, match=r"messages came to topic .* while it was copied"):
        migrate(LogKind.DISK)
    monkeypatch.setattr(RecorderTables, "places", real)
    migrate(LogKind.DISK)
    with closing(RawLog(tmp_path / "raw")) as log:
        assert {one.message.payload for one in log.read(0, 1_000)} >= {one.payload for one in messages[:41]}
