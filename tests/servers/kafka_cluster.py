"""Three real brokers of Apache Kafka on loopback, each broker and controller, in small heaps."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.servers import free_port
from tests.servers.kafka import KafkaServer, kafka_absent

NODES: Final = 3
_JAVA_OPTIONS: Final = ("-Xms48m", "-Xmx224m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class KafkaCluster:
    """The brokers, by index. A broker that is killed and started again has its topics."""

    def __init__(self, folder: Path) -> None:
        ports = [(free_port(), free_port()) for _ in range(NODES)]
        voters = ",".join(f"{number}@127.0.0.1:{controller}" for number, (_, controller) in enumerate(ports, 1))
        self.brokers = [
            KafkaServer(folder / f"broker-{number}", port, controller, _settings(number, voters), _JAVA_OPTIONS)
            for number, (port, controller) in enumerate(ports, 1)
        ]

    @property
    def servers(self) -> str:
        """As Kafka's own clients have it."""
        return ",".join(broker.servers for broker in self.brokers)

    @property
    def url(self) -> str:
        """As HAULWATCH_KAFKA_URL has it."""
        return f"kafka://{self.servers}"

    def start(self) -> None:
        """Start all at once: none serves before two of them vote."""
        with ThreadPoolExecutor(NODES) as starting:
            list(starting.map(lambda broker: broker.start(), self.brokers))

    def kill(self) -> None:
        for broker in self.brokers:
            broker.kill()


def _settings(number: int, voters: str) -> dict[str, str]:
    return {
        "node.id": str(number),
        "controller.quorum.voters": voters,
        "offsets.topic.replication.factor": str(NODES),
        "transaction.state.log.replication.factor": str(NODES),
        "transaction.state.log.min.isr": "2",
        "share.coordinator.state.topic.replication.factor": str(NODES),
        "share.coordinator.state.topic.min.isr": "2",
        "log.cleaner.dedupe.buffer.size": "8388608",  # 128 MiB by default, more than half of the heap
        # A broker that is killed is noticed within two seconds, so that a test waits no longer.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        "replica.lag.time.max.ms": "4000",
        "controller.quorum.election.timeout.ms": "500",
        "controller.quorum.fetch.timeout.ms": "1000",
    }


@contextmanager
def running_cluster(folder: Path) -> Iterator[KafkaCluster]:
    """Three brokers during the block. Skips where no Kafka can be started."""
    if (reason := kafka_absent()) is not None:
        pytest.skip(reason)
    cluster = KafkaCluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()
