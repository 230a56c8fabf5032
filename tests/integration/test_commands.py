"""Commands from the API to a simulated device and back, over a real Mosquitto."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.model import City
from devices.codecs.topics import command_ack_topic, command_topic, reading_topic
from devices.commands.model import (
    GRACE_MS,
    Acknowledgement,
    Command,
    CommandOutcome,
    CommandState,
    Locate,
    Order,
    Reboot,
    ReportInterval,
    issue,
)
from devices.commands.store import CommandStore
from devices.db.database import DatabaseUnavailable
from devices.readings.models import Kind
from ingest.commands.dispatcher import CommandDispatcher
from ingest.mqtt.embedded_broker import serve_broker
from ingest.mqtt.url import MqttUrl
from simulators.firmware.clock import ScenarioClock
from simulators.firmware.device import Firmware
from simulators.firmware.link import BrokerAddress, MqttDialer
from simulators.firmware.memory import FolderMemory
from simulators.firmware.tally import Tally
from simulators.staging.scenario import Scenario
from tests.api.conftest import client_of
from tests.servers import accepts, free_port
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S, eventually

TRUCK, OTHER = "truck-001", "truck-002"
HOURLY = ReportInterval(interval_s=3_600)
TOKEN = {"Authorization": "Bearer write-token-for-tests"}


class Clock:
    """The wall clock of API and dispatcher, which a test moves on."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


@pytest.fixture(scope="module")
def city() -> City:
    return read_city(JINCHENG)


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Operator:
    """Issues commands and reads their state."""

    def __init__(self, store: CommandStore, clock: Clock, port: int) -> None:
        self.store, self._clock = store, clock
        self.dispatcher = CommandDispatcher(MqttUrl("127.0.0.1", port), "operator-commands", store, clock)
        self._issued = 0

    def issue(self, order: Order, device: str = TRUCK, ttl_s: int = 300) -> Command:
        self._issued += 1
        command = issue(f"{self._issued:016x}", device, order, actor="li", note=None, now_ms=self._clock(), ttl_s=ttl_s)
        self.store.issue(command)
        return command

    def now(self, command: Command) -> Command:
        found = self.store.command(command.id)
        assert found is not None
        return found

    async def until(self, command: Command, state: CommandState, sends: int = 0) -> Command:
        await eventually(lambda: (found := self.now(command)).state is state and found.sends >= sends)
        return self.now(command)


@asynccontextmanager
async def an_operator(store: CommandStore, clock: Clock, port: int) -> AsyncIterator[Operator]:
    operator = Operator(store, clock, port)
    running = asyncio.create_task(operator.dispatcher.run())
    yield operator
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


@asynccontextmanager
async def a_truck(city: City, port: int, folder: Path, device: str = TRUCK) -> AsyncIterator[Tally]:
    """Switched on for the length of the block, and connected."""
    clock, tally = ScenarioClock(time.time_ns() // 1_000_000 - 60_000, speed=60), Tally()
    script = Scenario(seed=1).cast(city, clock.now_ms())
    firmware = Firmware(
        device, script.timelines[device](), dial=MqttDialer(BrokerAddress("127.0.0.1", port)), clock=clock, tally=tally,
        memory=FolderMemory(folder), controls=script.controls[device],
    )  # fmt: skip
    stop = asyncio.Event()
    living = asyncio.create_task(firmware.run(stop))
    await eventually(lambda: tally.published[Kind.STATUS] > 0)
    yield tally
    stop.set()
    await living


@asynccontextmanager
async def listening(port: int, *topics: str) -> AsyncIterator[list[tuple[str, Any]]]:
    """Yields the messages that are published on the topics from now on."""
    received: list[tuple[str, Any]] = []

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert not message.retain
            received.append((str(message.topic), json.loads(bytes(message.payload))))

    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe([(topic, 1) for topic in topics])
        task = asyncio.create_task(listen(client))
        yield received
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.real
async def test_a_command_issued_over_the_api_is_executed_by_the_device_and_done_in_the_store(
    mosquitto: Mosquitto,
    parts: ApiParts,
    command_store: CommandStore,
    clock: Clock,
    city: City,
    tmp_path: Path,
) -> None:
    parts = replace(parts, city=lambda: city, now=clock)
    position = reading_topic(TRUCK, Kind.POSITION)

    async def command(client: AsyncClient, **body: Any) -> Any:
        answer = await client.post(f"/api/v1/devices/{TRUCK}/commands", json=body | {"actor": "li"}, headers=TOKEN)
        assert answer.status_code == 201, answer.text
        where = answer.headers["location"]
        async with asyncio.timeout(PATIENCE_S):
            while (found := (await client.get(where)).json())["outcome"] is None:  # noqa: ASYNC110  the other side has no event for us
                await asyncio.sleep(0.02)
        return found

    async with (
        client_of(parts, ApiOptions(version="1", token="write-token-for-tests")) as client,
        an_operator(command_store, clock, mosquitto.port),
        a_truck(city, mosquitto.port, tmp_path) as truck,
        listening(mosquitto.port, position) as positions,
    ):
        await eventually(lambda: truck.published[Kind.POSITION] > 0)
        assert (await command(client, kind="report_interval", interval_s=3_600))["state"] == "done"
        before = len(positions)
        located = await command(client, kind="locate")
        await eventually(lambda: len(positions) > before)
        assert positions[-1][1]["ts"] == located["outcome_at"]
        assert (await command(client, kind="lock_lift", locked=True))["sends"] == 1
        births = truck.published[Kind.STATUS]
        await command(client, kind="reboot")
        await eventually(lambda: truck.published[Kind.STATUS] == births + 2)  # shutdown, birth
        listed = (await client.get(f"/api/v1/devices/{TRUCK}/commands")).json()["items"]
    assert [(one["kind"], one["state"]) for one in listed] == [
        ("reboot", "done"), ("lock_lift", "done"), ("locate", "done"), ("report_interval", "done"),
    ]  # fmt: skip


@pytest.mark.real
async def test_a_device_that_was_away_executes_once_however_many_copies_wait_for_it(
    mosquitto: Mosquitto,
    command_store: CommandStore,
    clock: Clock,
    city: City,
    tmp_path: Path,
) -> None:
    async with a_truck(city, mosquitto.port, tmp_path):
        pass  # it leaves its session behind
    async with (
        an_operator(command_store, clock, mosquitto.port) as operator,
        listening(mosquitto.port, command_ack_topic(TRUCK), command_topic(TRUCK)) as received,
    ):
        command = operator.issue(Reboot())
        for sends in (1, 2, 3):
            await operator.until(command, CommandState.SENT, sends)
            clock.ahead_ms += 10_000 * 2 ** (sends - 1)
        await operator.until(command, CommandState.SENT, 4)
        async with a_truck(city, mosquitto.port, tmp_path) as truck:
            ended = await operator.until(command, CommandState.DONE)
            await eventually(lambda: [topic for topic, _ in received].count(command_ack_topic(TRUCK)) == 4)
            await eventually(lambda: truck.published[Kind.STATUS] == 3)  # birth, shutdown, birth: one reboot
            await eventually(lambda: operator.dispatcher.counts.answered >= 1)
    copies, acks = ([payload for topic, payload in received if topic == wanted] for wanted in (
        command_topic(TRUCK), command_ack_topic(TRUCK)))  # fmt: skip
    assert len({json.dumps(copy) for copy in copies}) == 1
    assert len({json.dumps(ack) for ack in acks}) == 1
    assert (ended.sends, operator.now(command).outcome_at) == (4, acks[0]["at"])
    assert truck.published[Kind.STATUS] == 4, "the last one is the shutdown"


@pytest.mark.real
async def test_a_command_to_a_device_that_never_comes_back_expires(
    mosquitto: Mosquitto,
    command_store: CommandStore,
    clock: Clock,
) -> None:
    async with an_operator(command_store, clock, mosquitto.port) as operator:
        command = operator.issue(Locate(), ttl_s=5)
        await operator.until(command, CommandState.SENT)
        clock.ahead_ms += 5_000 + GRACE_MS
        ended = await operator.until(command, CommandState.EXPIRED)
        await eventually(lambda: operator.dispatcher.counts.expired == 1)  # counted after the store has it
    assert (ended.outcome_at, ended.sends) == (None, 1)


@pytest.mark.real
async def test_a_command_has_a_message_expiry(
    mosquitto: Mosquitto,
    command_store: CommandStore,
    clock: Clock,
) -> None:
    async with (
        aiomqtt.Client("127.0.0.1", mosquitto.port, protocol=aiomqtt.ProtocolVersion.V5) as device,
        an_operator(command_store, clock, mosquitto.port) as operator,
    ):
        await device.subscribe(command_topic(TRUCK), qos=1)
        operator.issue(Locate(), ttl_s=60)
        async with asyncio.timeout(PATIENCE_S):
            message = await anext(device.messages)
    assert (message.qos, message.retain) == (1, False)
    assert message.properties is not None
    assert 50 <= message.properties.MessageExpiryInterval <= 60  # type: ignore[attr-defined]


@pytest.mark.real
async def test_commands_wait_for_a_broker_that_is_away(
    mosquitto: Mosquitto,
    command_store: CommandStore,
    clock: Clock,
    city: City,
    tmp_path: Path,
) -> None:
    async with an_operator(command_store, clock, mosquitto.port) as operator, a_truck(city, mosquitto.port, tmp_path):
        await operator.until(operator.issue(HOURLY), CommandState.DONE)
        await asyncio.to_thread(mosquitto.stop)
        command = operator.issue(HOURLY)
        await asyncio.sleep(1)  # two polls of the store
        assert operator.now(command).state is CommandState.WAITING
        await asyncio.to_thread(mosquitto.start)
        await operator.until(command, CommandState.DONE)


@pytest.mark.real
async def test_answers_of_others_and_noise_are_counted_logged_once_and_change_nothing(
    mosquitto: Mosquitto,
    command_store: CommandStore,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        an_operator(command_store, clock, mosquitto.port) as operator,
        aiomqtt.Client("127.0.0.1", mosquitto.port) as device,
    ):
        command = operator.issue(Locate())
        await operator.until(command, CommandState.SENT)
        counts = operator.dispatcher.counts
        done = Acknowledgement(id=command.id, outcome=CommandOutcome.DONE, at=clock())
        for foreign in (done, done.model_copy(update={"id": "f" * 16})):
            await device.publish(command_ack_topic(OTHER), foreign.payload(), qos=1)
        await device.publish(command_ack_topic(TRUCK), done.model_copy(update={"id": "f" * 16}).payload(), qos=1)
        for noise in (b"", b"\xff{", b"x" * 5_000, done.payload()[:-1] + b',"detail":"' + b"x" * 4_096 + b'"}'):
            await device.publish(command_ack_topic(TRUCK), noise, qos=1)
        await eventually(lambda: (counts.foreign, counts.unreadable) == (3, 4))
        assert operator.now(command).state is CommandState.SENT
        for _ in range(3):
            await device.publish(command_ack_topic(TRUCK), done.payload(), qos=1)
        await operator.until(command, CommandState.DONE)
    logged = [record.getMessage() for record in caplog.records if record.name == "ingest.commands.dispatcher"]
    assert [sum(part in text for text in logged) for part in ("never given", "cannot be read")] == [1, 1]


class AwayNowAndThen:
    """A command store whose database may be away."""

    def __init__(self, store: CommandStore) -> None:
        self._store = store
        self.away = False

    def __getattr__(self, name: str) -> Any:
        if self.away:
            raise DatabaseUnavailable("gone for a while")
        return getattr(self._store, name)


@pytest.mark.real
async def test_an_answer_outlives_a_database_that_is_away(
    mosquitto: Mosquitto,
    command_store: CommandStore,
    clock: Clock,
) -> None:
    store = AwayNowAndThen(command_store)
    async with (
        an_operator(store, clock, mosquitto.port) as operator,  # type: ignore[arg-type]
        aiomqtt.Client("127.0.0.1", mosquitto.port) as device,
    ):
        command = operator.issue(Locate())
        await operator.until(command, CommandState.SENT)
        store.away = True
        done = Acknowledgement(id=command.id, outcome=CommandOutcome.DONE, at=clock())
        await device.publish(command_ack_topic(TRUCK), done.payload(), qos=1)
        clock.ahead_ms += 300_000 + GRACE_MS  # expired, and answered
        await asyncio.sleep(0.5)
        store.away = False
        await operator.until(command, CommandState.DONE)


@pytest.mark.real
async def test_a_command_that_the_broker_refuses_is_not_taken_for_sent(
    start_mosquitto: Callable[..., Mosquitto], command_store: CommandStore, clock: Clock, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    access = tmp_path / "acl"
    access.write_text(f"topic read {command_ack_topic('+')}\n")
    broker = start_mosquitto(more_config=f"acl_file {access}\n")
    async with an_operator(command_store, clock, broker.port) as operator:
        command = operator.issue(Locate())
        await eventually(lambda: "takes no commands from this login" in caplog.text)
        assert "Not authorized" in caplog.text
        assert operator.now(command).state is CommandState.WAITING


async def test_the_embedded_broker_carries_commands_too(
    command_store: CommandStore,
    clock: Clock,
    city: City,
    tmp_path: Path,
) -> None:
    port, stop = free_port(), asyncio.Event()
    serving = asyncio.create_task(serve_broker("127.0.0.1", port, stop))
    await eventually(lambda: accepts(port), "the embedded broker listens")
    async with a_truck(city, port, tmp_path), an_operator(command_store, clock, port) as operator:
        await operator.until(operator.issue(HOURLY), CommandState.DONE)
    stop.set()
    await serving
