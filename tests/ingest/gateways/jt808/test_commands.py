"""Commands on a real broker: dispatcher → broker → gateway → terminal, and its answer all the way back."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from devices.commands.model import Command, CommandOutcome, Locate, Order, Reboot, ReportInterval, ShowText, issue
from devices.commands.store import CommandAnswer
from ingest.commands.dispatcher import CommandDispatcher
from ingest.gateways.jt808.connection import Limits
from ingest.gateways.jt808.server import Jt808Gateway
from ingest.gateways.publisher import GatewayPublisher
from ingest.mqtt.client import MqttClient
from ingest.mqtt.url import MqttUrl
from simulators.dialects.jt808.fleet import terminals
from simulators.dialects.jt808.terminal import Habits
from tests.ingest.gateways.jt808.parts import POLICY, T0
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S, eventually


class Store:
    """Commands in memory, each sent once."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self._waiting = list(commands)
        self.answers: dict[str, CommandOutcome] = {}

    def due(self, now_ms: int, limit: int) -> list[Command]:
        return list(self._waiting)

    def sent(self, command: Command, now_ms: int) -> None:
        self._waiting.remove(command)

    def answered(self, answers: Sequence[CommandAnswer], now_ms: int) -> list[CommandAnswer]:
        self.answers |= {answer.acknowledgement.id: answer.acknowledgement.outcome for answer in answers}
        return []

    def give_up(self, now_ms: int) -> int:
        return 0


@pytest.mark.real
async def test_every_kind_of_command_is_carried_out_by_a_simulated_terminal(mosquitto: Mosquitto) -> None:
    url, port, stop = MqttUrl.parse(mosquitto.url), free_port(), asyncio.Event()
    publisher = GatewayPublisher(url, "gateway", takes_commands=True)
    gateway = Jt808Gateway(publisher, POLICY, Limits())
    [terminal], tally = terminals(1, Habits(pause_s=0.05, answer_s=PATIENCE_S, slowest_retry_s=0.1), seed=1)
    orders: tuple[Order, ...] = (Locate(), ShowText(text="前方封闭"), ReportInterval(interval_s=1), Reboot())
    now_ms = gateway.now_ms()
    store = Store(
        [
            issue(f"{number:016x}", terminal.phone, order, actor="li", note=None, now_ms=now_ms, ttl_s=300)
            for number, order in enumerate(orders)
        ]
    )
    dispatcher = CommandDispatcher(url, "dispatcher", store, gateway.now_ms)
    with suppress(asyncio.CancelledError):
        async with (
            asyncio.timeout(PATIENCE_S),
            MqttClient(url, "collector") as collector,
            asyncio.TaskGroup() as tasks,
        ):
            await collector.subscribe("haulwatch/v1/+/jt808", qos=1)
            serving = tasks.create_task(gateway.run("127.0.0.1", port, stop))
            running = [
                tasks.create_task(publisher.run()),
                tasks.create_task(terminal.run("127.0.0.1", port, T0, asyncio.Event())),
            ]
            await eventually(lambda: gateway.figures().devices == 1 and publisher.connected)
            running.append(tasks.create_task(dispatcher.run()))
            await eventually(lambda: len(store.answers) == len(orders), lambda: str(store.answers))
            stop.set()
            await serving
            for task in running:
                task.cancel()
    assert set(store.answers.values()) == {CommandOutcome.DONE}
    assert tally.commands >= len(orders)  # those whose answer was lost with the restart came again
