"""A day that begins on disk, goes on on Kafka and ends on disk: the same alerts, ledger and store as on disk alone."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from devices.codecs.native import encode
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.report import read_ledger
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic, found_settings, topic_settings
from ingest.log.kafka.topic_copy import TopicCopy
from ingest.log.ports import Log
from ingest.log.raw_log import RawLog
from ingest.log.records import CITY_TOPIC, COPY_TOPIC, LogRecord, RawMessage
from ingest.migration import home, migration, to_disk, to_kafka
from ingest.migration.home import refuse_another_log
from ingest.migration.migration import Migration, Places
from ingest.migration.plan import LogKind, MigrationRefused, MigrationUnfinished, load_plan
from ingest.migration.states import JudgeFile
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store import StoreUnavailable
from tests.closing import closed_later
from tests.ingest.log.kafka.parts import fleet, of_device
from tests.ingest.recorder.parts import CITY, NOW, position, topic_of
from tests.integration.migration.file_state import RecorderFile
from tests.integration.test_kafka_day import Way, day
from tests.integration.test_kafka_recorder import AwayStore, RejectingStore
from tests.servers.kafka import KafkaServer
from tests.waiting import until

pytestmark = pytest.mark.real

PARTITIONS = 5


class Interrupted(Exception):
    """As a kill at this moment."""


@pytest.fixture
def new_connection(kafka_server: KafkaServer) -> Callable[[], KafkaConnection]:
    def new() -> KafkaConnection:
        found = kafka_server.connection(PARTITIONS)
        create_topic(found, keep_ms=0, replicas=1)
        return found

    return new


@pytest.fixture
def connection(new_connection: Callable[[], KafkaConnection]) -> KafkaConnection:
    return new_connection()


def places(folder: Path, connection: KafkaConnection, keep_ms: int = 0) -> Places:
    return Places(
        data_dir=folder,
        raw_folder=folder / "raw",
        connection=connection,
        states=(RecorderFile(folder / "recorder.db"), JudgeFile(folder / "judge.db")),
        open_disk_log=RawLog,
        keep_ms=keep_ms,
        replicas=1,
        now=lambda: NOW,
    )


def migrated(folder: Path, connection: KafkaConnection, to: LogKind) -> int:
    return Migration(places(folder, connection), to).run().records


def interrupted_again_and_again(folder: Path, connection: KafkaConnection, to: LogKind) -> int:
    """Interrupt it at its first report, then at its second, and so on, until it is finished. Returns how often."""
    times = 0
    while True:
        left = times

        def show(what: str, done: int, total: int) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Interrupted(what)

        try:
            Migration(places(folder, connection), to, show).run()
        except Interrupted:
            times += 1
            assert load_plan(folder) is not None
            with pytest.raises(MigrationUnfinished, match="log migrate"):
                refuse_another_log(folder, None)
        else:
            return times


def of_log(log: Log) -> list[RawMessage]:
    found: list[LogRecord] = []
    while records := log.read(found[-1].offset if found else 0, 100):
        found += records
    return [record.message for record in found]


def by_time(messages: list[RawMessage]) -> list[tuple[int, str, bytes, str, bool, bool]]:
    return sorted((m.received_at, m.topic, m.payload, m.dialect, m.retained, m.waited) for m in messages)


@pytest.fixture(params=["at once", "interrupted"])
def move(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path, KafkaConnection, LogKind], int]:
    if request.param == "at once":
        return migrated
    monkeypatch.setattr(to_kafka, "_PAGE", 700)
    monkeypatch.setattr(to_disk, "_PAGE", 700)
    return interrupted_again_and_again


def test_a_day_moved_to_kafka_and_back_ends_as_a_day_on_disk(
    tmp_path: Path, connection: KafkaConnection, move: Callable[[Path, KafkaConnection, LogKind], int]
) -> None:
    """Whenever the log is moved, the recorder is behind the judge, and the judge behind the end."""
    messages = day()
    cut = [len(messages) * part // 8 for part in range(9)]
    whole = closed_later(RawLog(tmp_path / "whole"))
    whole.append(messages)
    here = Way(tmp_path / "here", lambda consumer: RawLog(tmp_path / "whole"), restarts=False)
    folder = tmp_path / "there"
    there = Way(folder, lambda consumer: RawLog(folder / "raw"), restarts=False)
    for way in (here, there):
        way.folder.mkdir()

    def append(part: int) -> None:
        with closing(there.open_log("collector")) as log:
            log.append(messages[cut[part] : cut[part + 1]])

    def a_part_of_the_day(first: int) -> None:
        append(first)
        asyncio.run(there.record())
        append(first + 1)
        there.judge()
        append(first + 2)

    here.judge()
    expected = asyncio.run(here.record())

    a_part_of_the_day(0)
    move(folder, connection, LogKind.KAFKA)
    assert not list((folder / "raw").glob("*.segment"))
    there.open_log = lambda consumer: KafkaLog(connection, consumer)
    a_part_of_the_day(3)
    move(folder, connection, LogKind.DISK)
    there.open_log = lambda consumer: RawLog(folder / "raw")
    append(6)
    append(7)
    there.judge()
    ledger = asyncio.run(there.record())

    assert len({change.rule for change in here.journal.changes.values()}) >= 3
    assert there.journal.changes == here.journal.changes
    assert ledger == expected
    assert there.stored() == here.stored()
    with closing(RawLog(folder / "raw")) as log:
        assert by_time(of_log(log)) == by_time(messages)
        assert log.committed() == {"recorder": len(messages), "judge": len(messages)}


def test_every_mark_of_a_record_is_kept_and_old_offsets_do_not_matter(
    tmp_path: Path, connection: KafkaConnection
) -> None:
    messages = [
        of_device("truck-1", 1),
        RawMessage("haulwatch/v1/truck-2/position", b"\xff\x00", 1_700_000_000_002, retained=True),
        RawMessage("haulwatch/v1/truck-3/position", b"", 1_700_000_000_001, waited=True),
        RawMessage("$haulwatch/tick", b"1000", 1_700_000_001_000),
        RawMessage("up/868/0200", b"\x7e", 1_700_000_001_500, dialect="jt808"),
        RawMessage("nobody", b"x" * 70_000, 1_700_000_002_000),
        RawMessage("haulwatch/v1/bridge-1/weighing", b"{}", 1_700_000_003_000),
    ]
    with closing(RawLog(tmp_path / "raw", segment_bytes=1)) as log:
        log.append(fleet(40))
        for message in messages:
            log.append([message])
        for consumer in ("recorder", "judge"):
            log.commit(consumer, 40)
        assert log.trim(0) >= 1
        first = log.first_offset()
        kept = of_log(log)
    assert first > 1
    assert migrated(tmp_path, connection, LogKind.KAFKA) == len(kept)
    on_kafka = of_log(closed_later(KafkaLog(connection)))
    copies = [one for one in on_kafka if one.topic == COPY_TOPIC or one.payload == b"0"]
    assert len(copies) == 2 * (PARTITIONS - 1), "of the weighing and of the tick"
    assert by_time([one for one in on_kafka if one not in copies]) == by_time(kept)
    assert migrated(tmp_path, connection, LogKind.DISK) == len(kept)
    with closing(RawLog(tmp_path / "raw")) as log:
        assert by_time(of_log(log)) == by_time(kept)
        assert log.first_offset() == 1


async def test_a_reading_that_waits_for_the_store_is_found_in_the_new_log(
    tmp_path: Path, connection: KafkaConnection
) -> None:
    """The store rejects a reading that was committed before the log was moved: its dead letter has its bytes."""
    readings = [position(second, device=f"truck-{1 + second % 2}") for second in range(20)]
    with closing(RawLog(tmp_path / "raw")) as log:
        log.append([RawMessage(topic_of(one), encode(one), NOW + number) for number, one in enumerate(readings)])

    async def committed_and_not_written(log: Log) -> None:
        store, state = AwayStore(tmp_path / "points.db"), RecorderState(tmp_path / "recorder.db")
        recorder = Recorder(log, store, state, lambda: CITY)
        assert await recorder.step()
        with pytest.raises(StoreUnavailable):
            await recorder.step()
        state.close()
        await store.close()

    async def rejected(log: Log, second: int) -> bytes:
        store, state = RejectingStore(tmp_path / "points.db"), RecorderState(tmp_path / "recorder.db")
        store.second = second
        recorder = Recorder(log, store, state, lambda: CITY)
        while await recorder.step():
            pass
        state.close()
        await store.close()
        letters = DeadLetters(tmp_path / "recorder.db")
        [letter] = [one for one in letters.list() if letters.payload(one.id) == encode(readings[second])]
        assert letter.reason == "rejected_by_store"
        return letters.payload(letter.id)

    await committed_and_not_written(closed_later(RawLog(tmp_path / "raw")))
    migrated(tmp_path, connection, LogKind.KAFKA)
    assert await rejected(closed_later(KafkaLog(connection, "recorder")), 7) == encode(readings[7])

    more = [position(second, device="truck-1") for second in range(20, 30)]
    sent = closed_later(KafkaLog(connection, "recorder"))
    sent.append([RawMessage(topic_of(one), encode(one), NOW + 100 + number) for number, one in enumerate(more)])
    readings += more
    await committed_and_not_written(closed_later(KafkaLog(connection, "recorder")))
    migrated(tmp_path, connection, LogKind.DISK)
    assert await rejected(closed_later(RawLog(tmp_path / "raw")), 25) == encode(readings[25])
    with closing(RawLog(tmp_path / "raw")) as log:
        total = read_ledger(tmp_path / "recorder.db", log).total
    assert (total.received, total.stored, sum(total.quarantined.values()), total.queued) == (30, 28, 2, 0)


def test_the_copy_puts_each_record_where_the_collector_would(
    connection: KafkaConnection, new_connection: Callable[[], KafkaConnection]
) -> None:
    """Kafka's own client chooses the partition of the collector's records; devices must not move between them."""
    other = new_connection()
    messages = [*fleet(400, devices=97), RawMessage(CITY_TOPIC, b"{}", 1), RawMessage("$haulwatch/tick", b"1", 2)]
    closed_later(KafkaLog(connection, "collector")).append(messages)
    topic = closed_later(TopicCopy(other))
    topic.write(messages)
    topic.check()
    assert KafkaFigures(other).ends() == KafkaFigures(connection).ends() == topic.positions


def test_a_topic_with_other_records_is_refused(tmp_path: Path, connection: KafkaConnection) -> None:
    with closing(RawLog(tmp_path / "raw")) as log:
        log.append(fleet(5))
    sent = closed_later(KafkaLog(connection, "collector"))
    sent.append(fleet(1))
    with pytest.raises(MigrationRefused, match="HAULWATCH_KAFKA_PREFIX"):
        Migration(places(tmp_path, connection), LogKind.KAFKA).run()
    assert load_plan(tmp_path) is None


def test_readers_on_another_machine_have_to_stop(tmp_path: Path, connection: KafkaConnection) -> None:
    with closing(RawLog(tmp_path / "raw")) as log:
        log.append(fleet(5))
    kafka: Any = confluent_kafka
    member = kafka.Consumer({"bootstrap.servers": connection.servers, "group.id": connection.group("judge")})
    try:
        member.subscribe([connection.topic])
        until(lambda: member.poll(0.1) or member.assignment(), "the member has partitions")
        with pytest.raises(MigrationRefused, match="judge read the topic"):
            Migration(places(tmp_path, connection), LogKind.KAFKA).run()
    finally:
        member.close()
    assert migrated(tmp_path, connection, LogKind.KAFKA) == 5


def test_another_writer_meanwhile_is_noticed(tmp_path: Path, connection: KafkaConnection) -> None:
    with closing(RawLog(tmp_path / "raw")) as log:
        log.append(fleet(50))
    sent = closed_later(KafkaLog(connection, "collector"))
    wrote: list[int] = []

    def show(what: str, done: int, total: int) -> None:
        if not wrote:
            wrote.append(sent.append(fleet(3)))

    with pytest.raises(Exception, match=r"another process|does not hold"):
        Migration(places(tmp_path, connection), LogKind.KAFKA, show).run()
    assert (tmp_path / "raw").exists()
    Migration(places(tmp_path, connection), LogKind.KAFKA).give_up()
    assert load_plan(tmp_path) is None
    with closing(RawLog(tmp_path / "raw")) as log:
        assert len(of_log(log)) == 50


def test_unread_messages_that_kafka_would_remove_are_not_moved(tmp_path: Path, connection: KafkaConnection) -> None:
    with closing(RawLog(tmp_path / "raw")) as log:
        log.append([of_device("truck-1", 1, received_at=NOW - 90_000_000)])
    with pytest.raises(MigrationRefused, match="HAULWATCH_RAW_LOG_KEEP_DAYS"):
        Migration(places(tmp_path, connection, keep_ms=86_400_000), LogKind.KAFKA).run()


def test_the_topic_removes_nothing_while_it_is_filled_and_has_its_settings_afterwards(
    tmp_path: Path, connection: KafkaConnection
) -> None:
    create_topic(connection, keep_ms=86_400_000, replicas=1)
    with closing(RawLog(tmp_path / "raw")) as log:
        log.append([of_device("truck-1", n, received_at=NOW + n) for n in range(9)])
    seen: list[str] = []
    Migration(
        places(tmp_path, connection, keep_ms=86_400_000),
        LogKind.KAFKA,
        lambda what, done, total: seen.append(found_settings(connection)["retention.ms"]),
    ).run()
    assert seen[0] == "-1"
    assert found_settings(connection).items() >= topic_settings(86_400_000, 1).items()


def test_readers_that_each_read_what_the_other_has_not_are_asked_to_read_on(
    tmp_path: Path, connection: KafkaConnection
) -> None:
    sent = closed_later(KafkaLog(connection, "collector"))
    sent.append(fleet(40))
    ends = KafkaFigures(connection).ends()
    with closing(RecorderState(tmp_path / "recorder.db")) as state, state.changing() as db:
        db.executemany(
            "INSERT OR REPLACE INTO progress (partition, offset) VALUES (?, ?)",
            [(partition, end if partition else 0) for partition, end in ends.items()],
        )

    class Judge(JudgeFile):
        def positions(self) -> dict[int, int]:
            return {partition: 0 if partition else end for partition, end in ends.items()}

    found = places(tmp_path, connection)
    states = (RecorderFile(tmp_path / "recorder.db"), Judge(tmp_path / "judge.db"))
    changed = Places(**{name: getattr(found, name) for name in found.__slots__} | {"states": states})
    with pytest.raises(MigrationRefused, match="run both until"):
        Migration(changed, LogKind.DISK).run()


def test_a_failure_after_the_readers_were_moved_is_finished_by_the_next_run(
    tmp_path: Path, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(RawLog(tmp_path / "raw")) as log:
        log.append(fleet(30))
    failing = [OSError("no space"), OSError("no space"), None, OSError("no space"), None]
    real = home.note_home

    def note_home(*given: object) -> None:
        if (error := failing.pop(0)) is not None:
            raise error
        real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(migration, "note_home", note_home)
    for _ in range(2):
        with pytest.raises(OSError, match="no space"):
            migrated(tmp_path, connection, LogKind.KAFKA)
        with pytest.raises(MigrationUnfinished, match="again"):
            Migration(places(tmp_path, connection), LogKind.KAFKA).give_up()
    assert migrated(tmp_path, connection, LogKind.KAFKA) == 30
    with pytest.raises(OSError, match="no space"):
        migrated(tmp_path, connection, LogKind.DISK)
    assert migrated(tmp_path, connection, LogKind.DISK) == 30
    with closing(RawLog(tmp_path / "raw")) as log:
        assert by_time(of_log(log)) == by_time(fleet(30))
