"""deploy/variants/kafka.yml: brokers that a real Kafka accepts, and processes that find them. No engine runs here."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from haulwatch.settings.load import load_settings
from tests import ROOT
from tests.compose.test_services import VARIANTS, interpolated, with_variant
from tests.servers.deployed_broker import make_secrets
from tests.servers.kafka import KafkaServer, kafka_absent
from tests.waiting import PATIENCE_S

KAFKA: dict[str, Any] = VARIANTS["kafka"]
BROKERS = ("kafka-1", "kafka-2", "kafka-3")
PROCESSES = ("collect", "record", "judge", "serve")


def settings_of(broker: str) -> dict[str, str]:
    """As the image turns its environment into settings: KAFKA_NODE_ID is node.id."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in KAFKA["services"][broker]["environment"].items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }


@pytest.mark.parametrize("name", BROKERS)
def test_a_broker_is_pinned_watched_limited_and_reached_by_our_processes_only(name: str) -> None:
    broker = KAFKA["services"][name]
    assert re.fullmatch(r"apache/kafka:\d+\.\d+\.\d+", broker["image"])
    assert broker["restart"] == "unless-stopped"
    assert broker["healthcheck"]["test"]
    assert broker["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert "no-new-privileges:true" in broker["security_opt"]
    assert broker["volumes"] == [f"{name}-data:/var/lib/kafka/data"]
    assert "ports" not in broker
    assert broker["networks"] == ["kafka"]
    assert KAFKA["networks"]["kafka"] == {"internal": True}
    merged = with_variant("kafka")
    others = {other for other, service in merged.items() if "kafka" in service.get("networks", [])} - {*BROKERS}
    assert others == {*PROCESSES, "kafka-topic", "admin"}


def test_the_brokers_know_each_other_and_nothing_else_differs() -> None:
    found = {name: settings_of(name) for name in BROKERS}
    voters = {f"{settings['node.id']}@{name}:9093" for name, settings in found.items()}
    for name, settings in found.items():
        assert set(settings["controller.quorum.voters"].split(",")) == voters
        assert settings["advertised.listeners"] == f"PLAINTEXT://{name}:9092"
        own = {"node.id", "advertised.listeners"}
        assert {key: value for key, value in settings.items() if key not in own} == {
            key: value for key, value in found["kafka-1"].items() if key not in own
        }
    assert len({KAFKA["services"][name]["environment"]["CLUSTER_ID"] for name in BROKERS}) == 1


@pytest.mark.real
def test_a_real_kafka_accepts_the_settings_of_a_broker(tmp_path: Path) -> None:
    if (reason := kafka_absent()) is not None:
        pytest.skip(reason)

    def formatted(settings: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        config = tmp_path / "server.properties"
        config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        cluster = KAFKA["services"]["kafka-2"]["environment"]["CLUSTER_ID"]
        command = KafkaServer(tmp_path).java(
            "kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", str(config)
        )
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    settings = settings_of("kafka-2") | {"log.dirs": str(tmp_path / "data")}
    refused = formatted({**settings, "process.roles": "broker,manager"})
    assert refused.returncode != 0, "the tool looks at settings"
    accepted = formatted(settings)
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert "node.id=2" in (tmp_path / "data" / "meta.properties").read_text()


@pytest.mark.parametrize("name", [*PROCESSES, "kafka-topic"])
def test_our_processes_use_the_topic(name: str, tmp_path: Path) -> None:
    make_secrets(tmp_path)
    (tmp_path / "haulwatch_token").write_text("a-token")
    service = with_variant("kafka")[name]
    settings = load_settings(
        {
            variable: re.sub("^/run/(secrets|influx-access)", str(tmp_path), interpolated(value))
            for variable, value in service["environment"].items()
        }
    )
    assert settings.kafka.servers == ",".join(f"{broker}:9092" for broker in BROKERS)
    assert (settings.kafka.partitions, settings.kafka.replicas) == (64, 3)
    if name in PROCESSES:
        assert service["depends_on"]["kafka-topic"] == {"condition": "service_completed_successfully"}
        assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_the_topic_is_made_once_by_our_command_when_all_brokers_are_there() -> None:
    topic = KAFKA["services"]["kafka-topic"]
    assert topic["command"] == ["kafka", "init"]
    assert topic["restart"] == "no"
    assert topic["depends_on"] == {name: {"condition": "service_healthy"} for name in BROKERS}


def test_the_image_gets_the_client_with_its_hashes() -> None:
    """The line of the Dockerfile is run here."""
    [program] = re.findall(r"awk '(.*?)' requirements-dev\.lock", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    done = subprocess.run(
        ["awk", program, str(ROOT / "requirements-dev.lock")], capture_output=True, text=True, check=True
    )
    first, *hashes = done.stdout.splitlines()
    assert re.match(r"confluent-kafka==\d", first)
    assert hashes
    assert all(line.strip().startswith("--hash=sha256:") for line in hashes if not line.strip().startswith("#"))
