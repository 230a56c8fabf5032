"""The gate before the broker: what it holds back, and what passes it."""

import re
import threading
import time
from pathlib import Path

import pytest
import yaml

from devices.codecs.topics import reading_topic
from devices.readings.ids import Service
from devices.readings.models import Kind
from tests import ROOT
from tests.servers.deployed_broker import DeployedBroker
from tests.servers.gate import CONFIG, LIMIT_BYTES_PER_S, gate
from tests.servers.mqtt_line import Line

TRUCK, OTHER = "truck-001", "truck-002"
PAYLOAD = b"x" * 60_000


def test_every_frontend_limits_what_a_connection_sends() -> None:
    blocks = re.split(r"^(?=\w)", CONFIG.read_text(encoding="utf-8"), flags=re.MULTILINE)
    frontends = [block for block in blocks if block.startswith("frontend ")]
    assert len(frontends) == 2
    for frontend in frontends:
        lines = [line.strip() for line in frontend.splitlines()]
        assert f"filter bwlim-in device default-limit {LIMIT_BYTES_PER_S} default-period 1s" in lines
        assert "tcp-request content set-bandwidth-limit device" in lines


def test_devices_reach_the_broker_through_the_gate_only() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert "ports" not in services["mosquitto"]
    assert [port.rpartition("}:")[2] for port in services["gate"]["ports"]] == ["8883:8883"]


def test_a_silent_connection_ends_at_the_broker_before_it_does_at_the_gate() -> None:
    [keepalive_s] = re.findall(
        r"^max_keepalive (\d+)", (ROOT / "deploy/mosquitto/mosquitto.conf").read_text(), re.MULTILINE
    )
    for side in ("client", "server"):
        [minutes] = re.findall(rf"timeout {side} (\d+)m", CONFIG.read_text(encoding="utf-8"))
        assert int(minutes) * 60 > int(keepalive_s) * 1.5


@pytest.mark.real
def test_one_device_that_sends_all_it_can_lets_others_pass_and_loses_nothing(tmp_path: Path) -> None:
    """Both over TLS with their logins. Four seconds' worth takes three at least, on however fast a machine; the other
    device's message does not wait for it.
    """
    deployed = DeployedBroker(tmp_path, TRUCK, OTHER)
    count = 4 * LIMIT_BYTES_PER_S // len(PAYLOAD)
    with deployed.running(), gate(tmp_path / "gate", deployed.outer_port) as port:
        collector = Line(deployed.inner_port, Service.COLLECTOR, deployed.passwords[Service.COLLECTOR])
        collector.subscribe("haulwatch/v1/+/position")
        culprit, other = (
            Line(port, device, deployed.passwords[device], tls=deployed.trusting()) for device in (TRUCK, OTHER)
        )

        def send_all() -> None:
            for _ in range(count):
                culprit.publish(reading_topic(TRUCK, Kind.POSITION), PAYLOAD)

        began = time.monotonic()
        sending = threading.Thread(target=send_all)
        sending.start()
        collector.topics(1)  # it has begun
        other.publish(reading_topic(OTHER, Kind.POSITION), b"{}")
        topics = collector.topics(count + 1)
        took_s = time.monotonic() - began
        sending.join()
    assert took_s > 3
    assert topics.count(reading_topic(TRUCK, Kind.POSITION)) == count
    assert topics.index(reading_topic(OTHER, Kind.POSITION)) < count - 1
