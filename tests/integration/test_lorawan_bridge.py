"""The bridge of docs/dialects/lorawan.md, on two real brokers: uplinks of a network server's broker reach ours."""

import asyncio
import re
from typing import Final

import pytest

from devices.codecs.registry import CODECS
from devices.readings.decoding import Decoding
from devices.readings.models import Fill
from ingest.mqtt.client import MqttClient
from ingest.mqtt.url import MqttUrl
from simulators.dialects.broker import Broker
from simulators.dialects.lorawan import DEPTH_MM, Bin, Faults, Stay, Tally, run_bins
from tests import ROOT
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.real

PAGE: Final = ROOT / "docs" / "dialects" / "lorawan.md"
FAULTS: Final = Faults(repeat=0.3, lose=0.1, rejoin=0.1, others=0.3)


def bridge_to(port: int, user: str, password: str) -> str:
    """The lines of the documentation, for a server on this machine without TLS."""
    [lines] = re.findall(r"```\n(connection lorawan\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    config = re.sub(r"address .*", f"address 127.0.0.1:{port}", lines)
    config = re.sub(r"bridge_cafile .*\n", "", config)
    return config.replace("haulwatch\nremote_password SECRET", f"{user}\nremote_password {password}")


async def test_uplinks_come_over_the_bridge_of_the_documentation(tmp_path_factory: pytest.TempPathFactory) -> None:
    login = ("haulwatch", "of-the-server")
    server = Mosquitto(tmp_path_factory.mktemp("server"), login)
    server.start()
    folder = tmp_path_factory.mktemp("ours")
    (folder / "acl").write_text("topic read application/#\n")  # no client may publish: what comes is the bridge's
    ours = Mosquitto(folder, more_config=f"acl_file {folder / 'acl'}\n{bridge_to(server.port, *login)}")
    ours.start()
    try:
        found, tally = await levels_over(server, ours, login)
    finally:
        ours.kill()
        server.kill()
    assert len(found) == tally.levels > 20


async def levels_over(server: Mosquitto, ours: Mosquitto, login: tuple[str, str]) -> tuple[set[object], Tally]:
    tally, found = Tally(), set[object]()
    bins = [Bin(number, "chirpstack", 3, tally) for number in range(3)]
    async with asyncio.timeout(PATIENCE_S), MqttClient(MqttUrl.parse(ours.url), "listener") as listener:
        await listener.subscribe(*CODECS.topic_filters, qos=1)
        await bridge_is_up(server, login, listener)
        await run_bins(bins, Broker("127.0.0.1", server.port, *login), Stay(0.001, 10, FAULTS), tally, asyncio.Event())
        while len(found) < tally.levels:
            message = await listener.receive()
            decoding = Decoding("chirpstack", "em400-tld", depth_mm=DEPTH_MM)
            for item in CODECS.decode(message.topic, message.payload, decoding=decoding):
                if isinstance(item, Fill) and item.device_id != EARLY.device_id:
                    found.add((item.device_id, item.ts, item.fill_pct))
    return found, tally


EARLY: Final = Bin(99, "chirpstack", 3, Tally())
"""Publishes until something comes: the bridge takes a moment to subscribe."""


async def bridge_is_up(server: Mosquitto, login: tuple[str, str], listener: MqttClient) -> None:
    came = asyncio.create_task(listener.receive())
    while not came.done():
        await run_bins([EARLY], Broker("127.0.0.1", server.port, *login), Stay(0.05, 1), Tally(), asyncio.Event())
        await asyncio.wait([came], timeout=0.1)
