"""Three real brokers of which one is killed, and then two: what was acknowledged is kept, and it goes on by itself.

`make chaos` runs it. By its name it is not among the tests of `make test`: three brokers take half a minute to start.
"""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from api.ports import ReadinessState
from haulwatch.health.kafka import kafka_readiness
from haulwatch.wiring.stores import current_ledger
from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.connection import KafkaConnection
from ingest.log.kafka.figures import KafkaFigures
from ingest.log.kafka.kafka_log import KafkaLog
from ingest.log.kafka.topic import create_topic, found_settings
from ingest.log.records import RawMessage
from tests.chaos.recorder_workers import Yard, same_as_on_one_machine, under_load
from tests.closing import closed_later
from tests.ingest.log.kafka.parts import of_device, read_all
from tests.judge_workers.events import begun, settle
from tests.judge_workers.honest_day import honest_day
from tests.judge_workers.yard import yard
from tests.servers.influxdb import InfluxServer
from tests.servers.kafka_cluster import KafkaCluster, running_cluster
from tests.waiting import PATIENCE_S, until

pytestmark = [pytest.mark.real, pytest.mark.long]

PARTITIONS = 6


class Sender(threading.Thread):
    """Appends batches as the collector does: one after the other, each again until it is acknowledged."""

    def __init__(self, connection: KafkaConnection) -> None:
        super().__init__(name="sender")
        self._log = KafkaLog(connection, "collector")
        self._stop_asked = threading.Event()
        self.acknowledged = 0
        """Messages, numbered from 0."""
        self.refused = 0
        self.refusal = ""

    def run(self) -> None:
        while not self._stop_asked.is_set():
            batch = [of_device(f"truck-{n % 23}", n) for n in range(self.acknowledged, self.acknowledged + 20)]
            while True:
                try:
                    self._log.append(batch)
                except RawLogUnavailable as exc:
                    self.refused, self.refusal = self.refused + 1, str(exc)
                    if self._stop_asked.is_set():
                        return
                else:
                    break
            self.acknowledged += len(batch)

    def end(self) -> None:
        self._stop_asked.set()
        self.join(PATIENCE_S)
        self._log.close()

    def until_it_goes_on(self) -> None:
        before = self.acknowledged
        until(lambda: self.acknowledged >= before + 100, lambda: f"the sender goes on: {self.refusal}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KafkaCluster]:
    with running_cluster(tmp_path) as found:
        yield found


def leaders(connection: KafkaConnection) -> set[int]:
    """Empty while Kafka does not answer for all that is asked."""
    try:
        return {one.leader for one in KafkaFigures(connection).partitions()}
    except RawLogUnavailable:
        return set()


def readiness(connection: KafkaConnection) -> tuple[ReadinessState, str]:
    result = kafka_readiness(lambda: found_settings(connection), lambda exc: None)
    return result.state, result.detail


def until_created(connection: KafkaConnection) -> None:
    def created() -> bool:
        """Refused while not all three brokers are registered."""
        try:
            return create_topic(connection, keep_ms=0, replicas=3) or True
        except Exception:  # noqa: BLE001 - TopicRefused, RawLogUnavailable
            return False

    until(created, "the topic of three replicas is there")


def test_brokers_killed_lose_nothing_that_was_acknowledged(cluster: KafkaCluster) -> None:
    connection = KafkaConnection(cluster.servers, prefix=f"test-{uuid4().hex[:12]}", partitions=PARTITIONS)

    until_created(connection)
    assert found_settings(connection)["min.insync.replicas"] == "2"
    until(lambda: readiness(connection)[0] is ReadinessState.OK, lambda: readiness(connection)[1])
    until(lambda: leaders(connection) == {1, 2, 3}, "each broker leads some partitions")
    sender = Sender(connection)
    sender.start()
    try:
        sender.until_it_goes_on()

        cluster.brokers[0].kill()
        sender.until_it_goes_on()
        until(lambda: readiness(connection)[0] is ReadinessState.DEGRADED, lambda: readiness(connection)[1])
        assert "2 of 3 replicas in sync: a broker is away" in readiness(connection)[1]
        until(lambda: leaders(connection) == {2, 3}, "the others lead the partitions of the one that is away")

        cluster.brokers[1].kill()
        before = sender.refused
        until(lambda: sender.refused > before, "the sender hears that nothing is acknowledged")
        until(lambda: readiness(connection)[0] is ReadinessState.FAILED, lambda: readiness(connection)[1])
        assert "acknowledged" in readiness(connection)[1]

        cluster.brokers[1].start()
        sender.until_it_goes_on()
        cluster.brokers[0].start()
        until(lambda: readiness(connection)[0] is ReadinessState.OK, lambda: readiness(connection)[1])
        sender.until_it_goes_on()
    finally:
        sender.end()

    kept = {record.message.payload for record in read_all(closed_later(KafkaLog(connection)), limit=2_000)}
    missing = [n for n in range(sender.acknowledged) if of_device("", n).payload not in kept]
    assert sender.acknowledged > 400
    assert missing == []


def test_recorders_and_judges_go_on_while_each_broker_in_turn_is_killed_and_comes_back(
    cluster: KafkaCluster, tmp_path: Path, postgres_url: str, influx_server: InfluxServer
) -> None:
    """Two recorders and two judges under load; coordinators of groups and transactions move with the brokers."""
    judged = KafkaConnection(cluster.servers, prefix="judged", partitions=PARTITIONS)
    until_created(judged)
    day, log = list(honest_day()), closed_later(KafkaLog(judged, "collector"))
    recorders = Yard(tmp_path / "recorders", cluster, postgres_url, influx_server, replicas=3)
    (tmp_path / "judges").mkdir()
    with closing(recorders), yard(judged, tmp_path / "judges", 2) as judges:
        with under_load(recorders, Random(3)) as messages:
            recorders.add()
            recorders.add()
            recorders.until_recorded_by_others()
            begun(judges)
            share = len(day) // (3 * len(cluster.brokers)) + 1
            parts = [day[start : start + share] for start in range(0, len(day), share)]
            for broker in cluster.brokers:
                append(log, parts.pop(0))
                broker.kill()
                append(log, parts.pop(0))
                until_recorded_further(recorders, 300)
                broker.start()
                append(log, parts.pop(0) if parts else [])
                until_recorded_further(recorders, 300)
        until(lambda: bool(leaders(recorders.connection)), "Kafka answers for every partition again")
        there = [record.message for record in read_all(closed_later(KafkaLog(recorders.connection)), limit=2_000)]
        assert {one.payload for one in messages} <= {one.payload for one in there}, "acknowledged, and not there"
        assert same_as_on_one_machine(recorders, there) == []
        outcome = settle(judges, day)
        assert outcome.good, outcome


def append(log: KafkaLog, messages: list[RawMessage]) -> None:
    """As the collector does: again until it is acknowledged. What comes twice is judged twice, and changes nothing."""

    def acknowledged() -> bool:
        try:
            log.append(messages)
        except RawLogUnavailable:
            return False
        return True

    until(lambda: not messages or acknowledged(), "the messages are acknowledged")


def until_recorded_further(recorders: Yard, messages: int) -> None:
    def received() -> int:
        """0 while a broker that is away is still asked."""
        recorders.supervise()
        try:
            return current_ledger(recorders.settings()).total.received
        except RawLogUnavailable:
            return 0

    until(lambda: received() > 0, recorders.logs, every_s=0.5)
    before = received()
    until(lambda: received() >= before + messages, recorders.logs, every_s=0.5)
