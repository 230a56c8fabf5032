"""The host application on a real broker: edge nodes, the state of the host, rebirths, deaths."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from devices.codecs.sparkplug.codec import SPARKPLUG
from devices.codecs.sparkplug.payload import read_payload
from devices.readings.decoding import Decoding
from devices.readings.models import Reading, Status, Throughput
from ingest.gateways.publisher import GatewayPublisher
from ingest.gateways.sparkplug.host import SparkplugHost
from ingest.gateways.sparkplug.sessions import Sessions, wanted_by
from ingest.mqtt.client import Delivered, MqttClient
from ingest.mqtt.url import MqttUrl
from simulators.dialects.broker import Broker
from simulators.dialects.sparkplug import EdgeNode, Faults
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.real

LINE = Decoding(
    "sparkplug",
    "line",
    {"throughput": {"running": "Line/Running", "rate_t_per_h": {"metric": "Line/Rate", "scale": 0.001}}},
)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    started = Mosquitto(tmp_path_factory.mktemp("broker"))
    started.start()
    yield started
    started.kill()


class Clock:
    """Wall clock of the host: 50 ms later each time it is asked."""

    def __init__(self) -> None:
        self.now = 1_772_450_000_000

    def __call__(self) -> int:
        self.now += 50
        return self.now


@asynccontextmanager
async def hosting(broker: Mosquitto, host_id: str, reorder_ms: int = 200) -> AsyncIterator[SparkplugHost]:
    url = MqttUrl.parse(broker.url)
    publisher = GatewayPublisher(url, f"{host_id}-publisher", timeout_s=PATIENCE_S)
    sessions = Sessions(wanted_by("*"), reorder_ms)
    host = SparkplugHost(url, f"{host_id}-host", host_id, sessions, publisher, Clock(), max_bytes=65_536)
    stop = asyncio.Event()
    publishing, running = asyncio.create_task(publisher.run()), asyncio.create_task(host.run(stop))
    try:
        await eventually(lambda: publisher.connected and host.figures().broker_connected)
        yield host
    finally:
        stop.set()
        await running
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)


@asynccontextmanager
async def listening(broker: Mosquitto, topic: str, client_id: str = "listener") -> AsyncIterator[MqttClient]:
    async with asyncio.timeout(PATIENCE_S), MqttClient(MqttUrl.parse(broker.url), client_id) as client:
        await client.subscribe(topic, qos=1)
        yield client


async def readings_until(listener: MqttClient, last: type[Reading], **fields: object) -> list[Reading]:
    """Readings of what is republished, up to the first one of that kind with these fields."""
    found: list[Reading] = []
    while True:
        message = await listener.receive()
        decoding = LINE if "line" in message.topic else Decoding("sparkplug", "status")
        for item in SPARKPLUG.decode(message.topic, message.payload, decoding=decoding):
            assert isinstance(item, Reading)
            found.append(item)
        if any(
            isinstance(item, last) and all(getattr(item, name) == value for name, value in fields.items())
            for item in found
        ):
            return found


async def next_state(listener: MqttClient, *, online: bool) -> Delivered:
    while True:
        message = await listener.receive()
        if json.loads(message.payload)["online"] is online:
            return message


def address(broker: Mosquitto) -> Broker:
    return Broker("127.0.0.1", broker.port)


async def test_a_line_is_heard_from_its_birth_to_its_death(broker: Mosquitto) -> None:
    """With faults on the wire: what a gap hides comes with the rebirth that the host asks for."""
    async with listening(broker, "haulwatch/v1/haul.gw-1.line-1/sparkplug") as listener, hosting(broker, "first"):
        edge = EdgeNode("haul", "gw-1", ["line-1"], seed=7)
        async with edge.connected(address(broker)):
            for _ in range(5):
                await edge.report(Faults(repeat=0.5))
            await edge.report(Faults(lose=1.0))
            await edge.set_rate("line-1", 42_500.0)
            await eventually(lambda: edge.tally.rebirths_answered == 1)
            heard = await readings_until(listener, Throughput, rate_t_per_h=42.5)
        died = await readings_until(listener, Status, online=False)
    assert (edge.tally.lost, edge.tally.repeated) != (0, 0)
    sessions = {one.session for one in heard if isinstance(one, Status) and one.cause == "birth"}
    assert [one.session for one in died if isinstance(one, Status) and one.cause == "will"] == list(sessions)


async def test_a_late_death_of_the_session_before_ends_nothing(broker: Mosquitto) -> None:
    async with listening(broker, "haulwatch/v1/haul.gw-3/sparkplug") as listener, hosting(broker, "third"):
        edge = EdgeNode("haul", "gw-3", ["line-1"], seed=9)
        async with edge.connected(address(broker)):
            pass
        await readings_until(listener, Status, online=False)
        async with edge.connected(address(broker), Faults(late_death=1.0)):
            await edge.set_rate("line-1", 1_000.0)
            again = await readings_until(listener, Status, cause="birth")
        ended = await readings_until(listener, Status, online=False)
    [birth] = [one for one in again if isinstance(one, Status)]
    assert birth.online
    assert [one.session for one in ended if isinstance(one, Status) and not one.online] == [birth.session]


async def test_a_host_that_comes_later_asks_for_the_births(broker: Mosquitto) -> None:
    async with listening(broker, "haulwatch/v1/haul.gw-2.line-1/sparkplug") as listener:
        edge = EdgeNode("haul", "gw-2", ["line-1"], seed=8)
        async with edge.connected(address(broker)):
            await edge.report()  # nobody hears it
            async with hosting(broker, "later"):
                await edge.report()
                await eventually(lambda: edge.tally.rebirths_answered == 1)
                first = await listener.receive()
    assert read_payload(first.payload).uuid == "haulwatch-1:DBIRTH"


async def test_the_state_of_the_host_is_retained_and_true(broker: Mosquitto) -> None:
    topic = "spBv1.0/STATE/stated"
    async with listening(broker, topic) as listener:
        async with hosting(broker, "stated"):
            online = await next_state(listener, online=True)
            async with listening(broker, topic, "late") as late:
                assert (await late.receive()).payload == online.payload  # retained
            async with MqttClient(MqttUrl.parse(broker.url), "another") as another:
                stale = {"online": False, "timestamp": 1}
                await another.publish(topic, json.dumps(stale).encode(), retain=True)
            assert (await next_state(listener, online=True)).payload == online.payload  # again
        offline = await next_state(listener, online=False)
        while json.loads(offline.payload)["timestamp"] == 1:
            offline = await next_state(listener, online=False)
    assert json.loads(offline.payload)["timestamp"] == json.loads(online.payload)["timestamp"]
