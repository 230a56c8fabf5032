"""A real Apache Kafka on loopback: a node that is broker and controller, started from Maven's jars."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final
from uuid import uuid4

import pytest

from ingest.log.kafka.connection import KafkaConnection
from tests import ROOT
from tests.servers import end, find, free_port, launch
from tests.waiting import PATIENCE_S

_JARS: Final = ROOT / "tests" / "servers" / "kafka_jars" / "jars"
_OLDEST_JAVA: Final = 17
_JAVA_OPTIONS: Final = ("-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
"""Bounded memory, and a start in few seconds: a test server lives too briefly for the second compiler."""
CLUSTER_ID: Final = "MkU3OEVBNTcwNTJENDM2Qk"
_CONFIG: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms={session_ms}
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
log.index.size.max.bytes=1048576
"""
SESSION_MS: Final = 6_000
"""A member of a group that is not heard for so long has died; 45 s on a server that nobody configures."""


def kafka_absent() -> str | None:
    """Why no Kafka can be started here, or None."""
    java = find("java")
    if java is None:
        return "Java is not installed here: on Debian, apt-get install openjdk-17-jre-headless"
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', shown)
    if version is None or int(version.group(1)) < _OLDEST_JAVA:
        return f"Kafka needs Java {_OLDEST_JAVA}, here it is {version.group(1) if version else 'of unknown version'}"
    if not (_JARS / "complete").exists():
        return "the jars of Kafka are not here: sh tests/servers/kafka_jars/install.sh (needs Maven)"
    return None


@dataclass
class KafkaServer:
    """A Kafka on a free loopback port. A restart and a kill keep its topics."""

    folder: Path
    port: int = field(default_factory=free_port)
    controller_port: int = field(default_factory=free_port)
    more: Mapping[str, str] = field(default_factory=dict)
    """Settings that are added to these, or take their place."""
    options: Sequence[str] = _JAVA_OPTIONS
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """As HAULWATCH_KAFKA_URL has it."""
        return f"kafka://127.0.0.1:{self.port}"

    @property
    def servers(self) -> str:
        """As Kafka's own clients have it."""
        return f"127.0.0.1:{self.port}"

    def connection(self, partitions: int, prefix: str = "") -> KafkaConnection:
        """To topics of its own, unless `prefix` names others. It waits for figures too as long as a test may."""
        return KafkaConnection(self.servers, prefix or f"test-{uuid4().hex[:12]}", partitions, figures_s=PATIENCE_S)

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        config = self.folder / "server.properties"
        if not config.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            ports = {"port": self.port, "controller_port": self.controller_port}
            text = _CONFIG.format(**ports, folder=self.folder, session_ms=SESSION_MS)
            settings = dict(line.split("=", 1) for line in text.splitlines()) | dict(self.more)
            alone = "controller.quorum.voters" not in settings
            if not alone:
                del settings["controller.quorum.bootstrap.servers"]
            config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
            arguments = ["format", "--cluster-id", CLUSTER_ID, "--config", str(config)]
            subprocess.run(
                self.java("kafka.tools.StorageTool", *arguments, *(["--standalone"] if alone else [])),
                check=True,
                capture_output=True,
                timeout=PATIENCE_S,
            )
        self._process = launch(self.java("kafka.Kafka", str(config)), self.folder / "kafka.log", self.port)

    def stop(self) -> None:
        """Let it leave in order."""
        if self._process is not None:
            end(self._process)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
            self._process = None

    def java(self, main: str, *arguments: str) -> list[str]:
        java = find("java")
        assert java is not None
        return [java, *self.options, "-cp", f"{_JARS}/*", main, *arguments]


@contextmanager
def running_kafka(folder: Path, more: Mapping[str, str] = MappingProxyType({})) -> Iterator[KafkaServer]:
    """A server during the block, with `more` settings. Skips where no Kafka can be started."""
    if (reason := kafka_absent()) is not None:
        pytest.skip(reason)
    server = KafkaServer(folder, more=more)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """One server a worker: it takes some seconds and 330 MB. A test that stops it starts one of its own."""
    with running_kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture
def kafka_topic() -> str:
    """A name that no other test has."""
    return f"haulwatch.raw-{uuid4().hex[:12]}"
