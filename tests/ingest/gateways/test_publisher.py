"""What gateways publish through, on a real broker: many messages at once, and what happens while it is away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from devices.codecs.topics import command_ack_topic, command_topic
from devices.commands.model import Acknowledgement, CommandOutcome, Locate, Received, issue, read_acknowledgement
from ingest.gateways.publisher import MAX_COMMANDS, ForDevice, GatewayPublisher, NotPublished
from ingest.mqtt.client import MqttClient
from ingest.mqtt.url import MqttUrl
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.real

PHONE = "013912345678"
TOPICS = "haulwatch/v1/+/jt808"
ID = "3f0a9c51be7d2846"
_ACCESS = """\
topic readwrite haulwatch/v1/+/jt808
topic readwrite haulwatch/v1/+/command
topic readwrite haulwatch/v1/+/command/ack
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    folder = tmp_path_factory.mktemp("broker")
    (folder / "acl").write_text(_ACCESS)
    started = Mosquitto(folder, more_config=f"acl_file {folder / 'acl'}\n")
    started.start()
    yield started
    started.kill()


@asynccontextmanager
async def publishing(broker: Mosquitto, **options: bool) -> AsyncIterator[GatewayPublisher]:
    publisher = GatewayPublisher(MqttUrl.parse(broker.url), "gateway-test", timeout_s=PATIENCE_S, **options)
    running = asyncio.create_task(publisher.run())
    try:
        await eventually(lambda: publisher.connected)
        yield publisher
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def listening(broker: Mosquitto, *topics: str) -> AsyncIterator[MqttClient]:
    async with asyncio.timeout(PATIENCE_S), MqttClient(MqttUrl.parse(broker.url), "listener") as client:
        await client.subscribe(*topics, qos=1)
        yield client


async def test_many_messages_at_once_are_each_acknowledged(broker: Mosquitto) -> None:
    async with listening(broker, TOPICS) as listener, publishing(broker) as publisher:
        sent = [(f"{number:012d}", bytes([number % 256])) for number in range(800)]
        await asyncio.gather(*(publisher.publish(phone, "jt808", payload) for phone, payload in sent))
        came = [await listener.receive() for _ in sent]
        assert {(message.topic, message.payload) for message in came} == {
            (f"haulwatch/v1/{phone}/jt808", payload) for phone, payload in sent
        }


async def test_what_nobody_subscribes_to_is_not_published_and_waits_in_a_kept_session_is(broker: Mosquitto) -> None:
    async with publishing(broker) as publisher:
        with pytest.raises(NotPublished, match="start the collector"):
            await publisher.publish(PHONE, "jt808", b"x")
        async with MqttClient(MqttUrl.parse(broker.url), "collector", session_expiry_s=600) as collector:
            await collector.subscribe("haulwatch/v1/+/+", qos=1)
        await publisher.publish(PHONE, "jt808", b"the collector is away")
        async with asyncio.timeout(PATIENCE_S), MqttClient(MqttUrl.parse(broker.url), "collector") as collector:
            pass  # ends the session


async def test_a_refused_message_is_told_from_those_that_are_taken_beside_it(broker: Mosquitto) -> None:
    async with listening(broker, TOPICS), publishing(broker) as publisher:
        results = await asyncio.gather(
            publisher.publish(PHONE, "jt808", b"x"),
            publisher.publish(PHONE, "position", b"x"),
            publisher.publish(PHONE, "jt808", b"y"),
            return_exceptions=True,
        )
        assert results[0] is None
        assert isinstance(results[1], NotPublished)
        assert "refuses haulwatch/v1/013912345678/position" in str(results[1])
        while True:  # Mosquitto 2.0.11 ends the connection after a refusal
            await eventually(lambda: publisher.connected)
            with suppress(NotPublished):
                await publisher.publish(PHONE, "jt808", b"z")
                break


@pytest.mark.parametrize("device_id", ["", "a/b", "+", "a/command", "x" * 65])
async def test_an_id_that_could_mean_another_topic_is_never_published(broker: Mosquitto, device_id: str) -> None:
    publisher = GatewayPublisher(MqttUrl.parse(broker.url), "gateway-test")
    with pytest.raises(ValueError, match="no device id"):
        await publisher.publish(device_id, "jt808", b"")


async def test_commands_come_in_and_answers_go_out(broker: Mosquitto) -> None:
    async with (
        listening(broker, command_ack_topic("+")) as dispatcher,
        publishing(broker, takes_commands=True) as publisher,
    ):
        issued = issue(ID, PHONE, Locate(), actor="li", note=None, now_ms=1_790_000_000_000, ttl_s=300)
        await dispatcher.publish(command_topic(PHONE), b"not a command")
        await dispatcher.publish(command_topic(PHONE), issued.payload())
        await dispatcher.publish(command_topic(PHONE), issued.payload())
        command = await anext(publisher.commands())
        assert command == ForDevice(PHONE, Received(id=ID, expires_at=issued.expires_at, order=Locate()))
        answer = Acknowledgement(id=ID, outcome=CommandOutcome.DONE, at=5)
        await publisher.acknowledge(PHONE, answer)
        message = await dispatcher.receive()
        assert (message.topic, read_acknowledgement(message.payload)) == (command_ack_topic(PHONE), answer)


async def test_commands_that_nobody_takes_are_bounded(broker: Mosquitto) -> None:
    async with publishing(broker, takes_commands=True) as publisher:
        issued = issue(ID, PHONE, Locate(), actor="li", note=None, now_ms=1_790_000_000_000, ttl_s=300).payload()
        for _ in range(MAX_COMMANDS + 10):
            publisher._take(command_topic(PHONE), issued)
        assert publisher._waiting.qsize() == MAX_COMMANDS


async def test_while_the_broker_is_away_nothing_is_taken_and_afterwards_it_is(broker: Mosquitto) -> None:
    """What was on its way when the broker died fails at once, not after a time-out."""
    async with publishing(broker) as publisher:
        async with listening(broker, TOPICS):
            await publisher.publish(PHONE, "jt808", b"before")
        broker.signal(19)  # SIGSTOP: it takes nothing, and the connection stands
        waiting = asyncio.create_task(publisher.publish(PHONE, "jt808", b"on its way"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        broker.kill()
        with pytest.raises(NotPublished):
            await waiting
        with pytest.raises(NotPublished):
            await publisher.publish(PHONE, "jt808", b"while away")
        broker.start()
        await eventually(lambda: publisher.connected)
        async with listening(broker, TOPICS):
            await publisher.publish(PHONE, "jt808", b"after")
