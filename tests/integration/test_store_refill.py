"""A store that was lost is filled again from the raw log: counted by InfluxQL, whatever the recorder counted before."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from ingest.ledger.dead_letters import DeadLetters
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic
from ingest.log.revisions import city_record
from ingest.recorder.refill import Refilled, refill_readings
from ingest.store import StoreUnavailable
from ingest.store.influx import InfluxStore
from tests.closing import closed_later
from tests.ingest.recorder.parts import CITY, NOW, Bench, counts, position
from tests.integration.test_recorder_influx import MORNING, counted_by_influxql, drop_measurement, receive_a_morning
from tests.servers.influxdb import InfluxServer
from tests.servers.kafka import KafkaServer
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.real

STORED = {("position", "lat"): 600, ("fill", "fill_pct"): 60, ("status", "online"): 30}


class Failing:
    """The store, until it has taken so many writes."""

    def __init__(self, store: InfluxStore, writes: int) -> None:
        self._store, self._writes = store, writes

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def write_lines(self, lines: Sequence[str]) -> None:
        if not self._writes:
            raise StoreUnavailable("gone in the middle")
        self._writes -= 1
        await self._store.write_lines(lines)


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def lose(server: InfluxServer, database: str) -> None:
    for kind, _ in STORED:
        drop_measurement(server, database, kind)


def contents(server: InfluxServer, database: str) -> object:
    query = {"db": database, "q": 'SELECT * FROM "position", "fill", "status" GROUP BY *'}
    answer = httpx.get(f"http://127.0.0.1:{server.influxd_port}/query", params=query, timeout=PATIENCE_S)
    return answer.raise_for_status().json()["results"][0]["series"]


async def refill(bench: Bench, store: InfluxStore, **options: int) -> Refilled:
    return await refill_readings(
        bench.log, store, DeadLetters(bench.state_path), lambda: CITY, bench.folder, lambda done: None, **options
    )


async def test_a_lost_store_is_filled_again_and_no_account_changes(
    tmp_path: Path, influx_server: InfluxServer, influx_database: str, influx_store: InfluxStore
) -> None:
    bench = Bench(tmp_path, batch_records=100)
    receive_a_morning(bench)
    before = await bench.drain(bench.start(store=influx_store))
    former, committed = contents(influx_server, influx_database), dict(bench.log.committed)
    lose(influx_server, influx_database)

    files = files_in(tmp_path)
    assert await refill(bench, influx_store) == Refilled(written=690, present=30, refused=2)
    for (kind, field), expected in STORED.items():
        assert counted_by_influxql(influx_server, influx_database, field, kind) == expected
    assert contents(influx_server, influx_database) == former

    assert await refill(bench, influx_store) == Refilled(written=0, present=720, refused=2)
    assert contents(influx_server, influx_database) == former
    assert counts(bench.ledger()) == counts(before) == MORNING
    assert len(DeadLetters(bench.state_path).list()) == 2
    assert dict(bench.log.committed) == committed
    assert files_in(tmp_path) == files


async def test_a_refill_that_ends_in_the_middle_is_run_again(
    tmp_path: Path, influx_server: InfluxServer, influx_database: str, influx_store: InfluxStore
) -> None:
    bench = Bench(tmp_path)
    receive_a_morning(bench)
    for second in range(-6_000, 0):
        bench.receive(position(second))  # more than a batch
    await bench.drain(bench.start(store=influx_store))
    former = contents(influx_server, influx_database)
    lose(influx_server, influx_database)
    with pytest.raises(StoreUnavailable):
        await refill(bench, Failing(influx_store, writes=1))  # type: ignore[arg-type]
    assert await influx_store.count("position") < 6_600
    await refill(bench, influx_store)
    assert contents(influx_server, influx_database) == former


async def test_the_recorder_may_go_on_meanwhile(
    tmp_path: Path, influx_server: InfluxServer, influx_database: str, influx_store: InfluxStore
) -> None:
    bench = Bench(tmp_path, batch_records=50)
    receive_a_morning(bench)
    await asyncio.gather(bench.drain(bench.start(store=influx_store)), refill(bench, influx_store))
    for (kind, field), expected in STORED.items():
        assert counted_by_influxql(influx_server, influx_database, field, kind) == expected
    assert bench.ledger().balanced


async def test_a_topic_on_kafka_fills_a_store_as_the_log_on_disk_does(
    tmp_path: Path,
    kafka_server: KafkaServer,
    influx_server: InfluxServer,
    influx_database: str,
    influx_store: InfluxStore,
) -> None:
    bench = Bench(tmp_path, batch_records=100)
    receive_a_morning(bench)
    await bench.drain(bench.start(store=influx_store))
    former, files = contents(influx_server, influx_database), files_in(tmp_path)
    lose(influx_server, influx_database)
    connection = kafka_server.connection(5)
    create_topic(connection, keep_ms=0, replicas=1)
    log = closed_later(KafkaLog(connection))
    log.append([city_record(CITY, NOW - 1), *(record.message for record in bench.log.read(0, 10_000))])
    letters = DeadLetters(bench.state_path)
    for expected in (Refilled(written=690, present=30, refused=2), Refilled(written=0, present=720, refused=2)):
        found = await refill_readings(log, influx_store, letters, lambda: CITY, tmp_path, lambda done: None)
        assert found == expected
        assert contents(influx_server, influx_database) == former
    assert log.committed() == {}
    assert files_in(tmp_path) == files
