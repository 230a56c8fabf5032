"""A kill of the deployed broker: it keeps everything up to its last save."""

import os
import time
from pathlib import Path

import pytest
from aiomqtt import Client, ProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests import ROOT
from tests.servers import free_port, program, running
from tests.waiting import PATIENCE_S, eventually

CONFIG = ROOT / "deploy" / "mosquitto" / "mosquitto.conf"
SAVED, UNSAVED = 1_500, 200
"""More than Mosquitto's default queue of 1,000."""
TOPIC = "haulwatch/v1/truck-01/position"


def config_in(folder: Path, port: int) -> Path:
    """The deployed configuration without its logins and rights, with a listener of this test."""
    deployed, _, _ = CONFIG.read_text().partition("\nlistener ")
    assert "persistence_location /mosquitto/data/" in deployed
    access = ("allow_anonymous ", "password_file ", "plugin")
    kept = "\n".join(line for line in deployed.splitlines() if not line.startswith(access))
    kept = kept.replace("/mosquitto/data", str(folder))
    # Debian's Mosquitto, started by root, would switch to a user who may not write to this folder.
    user = "user root\n" if os.getuid() == 0 else ""
    path = folder / "mosquitto.conf"
    path.write_text(f"{user}{kept}\nlistener {port} 127.0.0.1\nallow_anonymous true\n")
    return path


def collector(port: int) -> Client:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = 2000
    return Client(
        "127.0.0.1", port, identifier="collector", protocol=ProtocolVersion.V5, clean_start=False, properties=properties
    )


async def publish(port: int, first: int, count: int) -> None:
    """Returns when the broker has acknowledged all of them."""
    async with Client("127.0.0.1", port) as device:
        for number in range(first, first + count):
            await device.publish(TOPIC, str(number), qos=1)


async def until_saved_after(database: Path, instant: float) -> None:
    await eventually(lambda: database.exists() and database.stat().st_mtime > instant, "the broker saves")


@pytest.mark.real
async def test_a_kill_loses_only_messages_after_the_last_save(tmp_path: Path) -> None:
    port = free_port()
    command = [program("mosquitto"), "-c", str(config_in(tmp_path, port))]
    with running(command, tmp_path / "log", port) as broker:
        async with collector(port) as session:
            await session.subscribe("haulwatch/v1/+/+", qos=1)
        await publish(port, 0, SAVED)
        await until_saved_after(tmp_path / "mosquitto.db", time.time())
        await publish(port, SAVED, UNSAVED)
        broker.kill()
        broker.wait(PATIENCE_S)
    received: list[int] = []
    with running(command, tmp_path / "log", port):
        async with collector(port) as session:
            await publish(port, SAVED + UNSAVED, 1)
            async for message in session.messages:
                assert isinstance(message.payload, bytes)
                received.append(int(message.payload))
                if received[-1] == SAVED + UNSAVED:
                    break
    assert received[:SAVED] == list(range(SAVED)), "whole and in order, from before the kill"
    assert received == sorted(set(received)), "nothing twice"
    assert received[-1] == SAVED + UNSAVED, "and the session takes new messages"
