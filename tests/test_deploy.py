"""The broker as it is deployed: a real Mosquitto with deploy/mosquitto, only its port and folders replaced."""

import os
import runpy
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiomqtt import Client, MqttError, ProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from devices.readings import Kind
from devices.topics import command_topic, reading_topic
from tests.servers import free_port, program, running

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
CONFIG = DEPLOY / "mosquitto"
TRUCK, OTHER = "truck-01", "truck-02"


def make_secrets(folder: Path, *devices: str) -> list[str]:
    """Run deploy/make_secrets.py for another folder; the names of the files there afterwards."""
    main: Callable[..., None] = runpy.run_path(str(DEPLOY / "make_secrets.py"))["main"]
    main(devices, folder)
    return sorted(path.name for path in folder.iterdir())


class Deployed:
    """The deployed configuration in a folder of its own, with two devices that have logins."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.port = free_port()
        self.secrets = folder / "secrets"
        make_secrets(self.secrets, TRUCK, OTHER)
        printed = capsys.readouterr().out.splitlines()
        self.passwords = dict(line.split() for line in printed)
        mqtt_url = (self.secrets / "mqtt_url").read_text()
        self.passwords["haulwatch"] = mqtt_url.partition("mqtt://haulwatch:")[2].partition("@")[0]
        (folder / "data").mkdir()
        text = (CONFIG / "mosquitto.conf").read_text()
        for deployed, here in {
            "listener 1883": f"listener {self.port} 127.0.0.1",
            "/run/secrets": str(self.secrets),
            "/mosquitto/config/acl": str(CONFIG / "acl"),
            "/mosquitto/data": str(folder / "data"),
        }.items():
            assert deployed in text
            text = text.replace(deployed, here)
        # Debian's Mosquitto, started by root, would become a user who may not read this folder.
        root = "user root\n" if os.getuid() == 0 else ""
        self.config = folder / "mosquitto.conf"
        self.config.write_text(root + text)
        self.log = folder / "mosquitto.log"

    @asynccontextmanager
    async def client(self, user: str, password: str | None = None, session: str | None = None) -> AsyncIterator[Client]:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600 if session else 0
        properties.ReceiveMaximum = 1000
        async with Client(
            "127.0.0.1",
            self.port,
            identifier=session,
            username=user,
            password=password or self.passwords[user],
            protocol=ProtocolVersion.V5,
            clean_start=session is None,
            properties=properties,
            timeout=10,
        ) as client:
            yield client


@pytest.fixture
def deployed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Deployed:
    return Deployed(tmp_path, capsys)


@pytest.fixture
def broker(deployed: Deployed) -> Iterator[Deployed]:
    with running([program("mosquitto"), "-c", str(deployed.config)], deployed.log, deployed.port):
        yield deployed


@pytest.mark.real
async def test_nobody_comes_in_without_the_right_password(broker: Deployed) -> None:
    for user, password in (("haulwatch", "guess"), (TRUCK, broker.passwords[OTHER]), ("stranger", "x")):
        with pytest.raises(MqttError, match="Not authorized"):
            async with broker.client(user, password):
                pass
    with pytest.raises(MqttError, match="Not authorized"):
        async with Client("127.0.0.1", broker.port, protocol=ProtocolVersion.V5):
            pass


@pytest.mark.real
async def test_a_device_speaks_only_for_itself(broker: Deployed) -> None:
    async with broker.client("haulwatch") as collector, broker.client(TRUCK) as truck:
        await collector.subscribe("haulwatch/v1/#", qos=1)
        await truck.publish(reading_topic(OTHER, Kind.POSITION), b"forged", qos=1)
        await truck.publish("haulwatch/v1/alerts/P1/illegal_dumping", b"forged", qos=1)
        for kind in Kind:
            await truck.publish(reading_topic(TRUCK, kind), b"{}", qos=1)
        heard = [str((await anext(collector.messages)).topic) for _ in Kind]
    assert heard == [reading_topic(TRUCK, kind) for kind in Kind]


@pytest.mark.real
async def test_a_device_hears_its_own_commands_only(broker: Deployed) -> None:
    async with broker.client("haulwatch") as centre, broker.client(TRUCK) as truck:
        await truck.subscribe("haulwatch/v1/+/command", qos=1)
        await centre.publish(command_topic(OTHER), b"not yours", qos=1)
        await centre.publish(command_topic(TRUCK), b"yours", qos=1)
        message = await anext(truck.messages)
    assert (str(message.topic), message.payload) == (command_topic(TRUCK), b"yours")


@pytest.mark.real
async def test_what_waits_for_the_collector_outlives_the_broker(deployed: Deployed) -> None:
    """More than Mosquitto's default queue of 1,000, through a stop and a start."""
    command = [program("mosquitto"), "-c", str(deployed.config)]
    count = 1500
    with running(command, deployed.log, deployed.port):
        async with deployed.client("haulwatch", session="collector") as collector:
            await collector.subscribe("haulwatch/v1/+/position", qos=1)
        async with deployed.client(TRUCK) as truck:
            for number in range(count):
                await truck.publish(reading_topic(TRUCK, Kind.POSITION), str(number).encode(), qos=1)
    with running(command, deployed.log, deployed.port):
        async with deployed.client("haulwatch", session="collector") as collector:
            heard = [(await anext(collector.messages)).payload for _ in range(count)]
    assert heard == [str(number).encode() for number in range(count)]


def test_secrets_are_kept_when_the_script_runs_again(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    folder = deployed.secrets
    before = {path.name: path.read_text() for path in folder.iterdir()}
    make_secrets(folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    make_secrets(folder, TRUCK)
    assert capsys.readouterr().out.split()[0] == TRUCK
    changed = (folder / "mosquitto_passwd").read_text().splitlines()
    assert [line for line in changed if not line.startswith(TRUCK)] == [
        line for line in before["mosquitto_passwd"].splitlines() if not line.startswith(TRUCK)
    ]
    assert len({path.read_text() for path in folder.iterdir()}) == len(before)


@pytest.mark.parametrize("name", ["haulwatch", "alerts", "a/b", "+", "a:b", ""])
def test_a_name_that_is_no_device_id_gets_no_login(name: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="cannot be a device id"):
        make_secrets(tmp_path, name)
    assert not (tmp_path / "mosquitto_passwd").exists()
