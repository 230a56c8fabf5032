"""`haulwatch record` as one to four processes on a real Kafka, PostgreSQL and InfluxDB: the same ledger and store."""

import random
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.revisions import city_record
from tests.chaos.recorder_traffic import FLEET, Traffic
from tests.chaos.recorder_workers import Yard, run, same_as_on_one_machine, under_load
from tests.ingest.recorder.parts import T0
from tests.servers.influxdb import InfluxServer
from tests.servers.kafka import KafkaServer
from tests.servers.postgres import Postgres
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.long]


@pytest.fixture
def yard(tmp_path: Path, kafka_server: KafkaServer, postgres_url: str, influx_server: InfluxServer) -> Iterator[Yard]:
    with closing(Yard(tmp_path, kafka_server, postgres_url, influx_server)) as found:
        yield found


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_ends_as_one_machine_does(yard: Yard, workers: int) -> None:
    """In the middle a truck leaves the city."""
    sent = Traffic(random.Random(1)).next(3_000)
    others = replace(FLEET, devices={name: device for name, device in FLEET.devices.items() if name != "truck-7"})
    messages = [city_record(FLEET, T0), *sent[:1_500], city_record(others, sent[1_499].received_at), *sent[1_500:]]
    with closing(KafkaLog(yard.connection, "collector")) as log:
        log.append(messages)
    for _ in range(workers):
        yard.add()
    assert not same_as_on_one_machine(yard, messages)
    for name in list(yard.workers):
        process = yard.workers[name]
        yard.end(name, signal.SIGTERM)
        assert process.returncode == 0, yard.logs()


def test_workers_that_come_go_die_and_stand_still_lose_nothing_and_store_nothing_twice(yard: Yard) -> None:
    done = run(yard, 6, random.Random(3))
    assert not done.complaints
    assert done.events == {"killed": 1, "paused": 2, "added": 2, "removed": 1}
    assert done.readings > 1_000


def test_while_postgresql_is_away_recorders_wait_and_nothing_is_lost(
    tmp_path: Path, kafka_server: KafkaServer, influx_server: InfluxServer
) -> None:
    postgres = Postgres()
    try:
        postgres.start()
        with closing(Yard(tmp_path, kafka_server, postgres.new_database(), influx_server)) as yard:
            with under_load(yard, random.Random(5)) as messages:
                workers = [yard.add(), yard.add()]
                yard.until_recorded_by_others()
                postgres.stop()
                until(lambda: all("trying again" in yard.log(name) for name in workers), yard.logs)
                postgres.start()
                until(lambda: all("recording again after" in yard.log(name) for name in workers), yard.logs)
            assert not same_as_on_one_machine(yard, messages)
    finally:
        postgres.close()
